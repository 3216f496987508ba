import { expect } from "vitest";
import type { CursorPage, NewestFilter, OverviewStore } from "../../store/overview-store.ts";
import { bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTests } from "./suite.ts";

const HASHES = ["a", "b"].map((digit) => digit.repeat(64)) as [string, string];

/** The ids on all pages. */
async function idsOf(
  read: (before: string | undefined) => Promise<CursorPage<{ readonly instanceId: string }>>,
): Promise<string[]> {
  const ids: string[] = [];
  for (let before: string | undefined; ; ) {
    const { items, next } = await read(before);
    ids.push(...items.map(({ instanceId }) => instanceId));
    if (next === null) return ids;
    before = next;
  }
}

function newest(overview: OverviewStore, filter: NewestFilter): Promise<string[]> {
  return idsOf((before) => overview.listNewest({ ...filter, ...(before === undefined ? {} : { before }) }));
}

/** Four instances, two of them made at once. */
async function fourMade({ given, clock }: ConformanceContext): Promise<void> {
  await given.instance({ instanceId: "b", labels: { shop: "x" }, tags: ["big"] });
  clock.advance(1_000);
  await given.instance({ instanceId: "a", flow: "refund" });
  await given.instance({ instanceId: "c", labels: { shop: "x" } });
  clock.advance(1_000);
  await given.instance({ instanceId: "d" });
}

const newestTests: ConformanceTests = {
  "lists what was made last first, page by page": async (context) => {
    await fourMade(context);
    const { overview } = context.backend;

    for (const limit of [1, 2, 3, 4, 5]) expect(await newest(overview, { limit })).toEqual(["d", "c", "a", "b"]);
    const { items } = await overview.listNewest({ limit: 1 });
    expect(items).toEqual([(await context.backend.listInstances({ idPrefix: "d" }))[0]]);
  },

  "goes on behind an instance that was deleted meanwhile, and past those that are new": async (context) => {
    await fourMade(context);
    const { backend, given } = context;
    const { next } = await backend.overview.listNewest({ limit: 2 });
    await backend.deleteSnapshot("c");
    await given.instance({ instanceId: "e" });

    const { items } = await backend.overview.listNewest({ before: next ?? "" });
    expect(items.map(({ instanceId }) => instanceId)).toEqual(["a", "b"]);
  },

  "lists what fits all of a filter": async (context) => {
    await fourMade(context);
    const { backend, given } = context;
    await given.ended("completed", { instanceId: "ended" });
    const { overview } = backend;

    expect(await newest(overview, { flow: "refund" })).toEqual(["a"]);
    expect(await newest(overview, { labels: { shop: "x" } })).toEqual(["c", "b"]);
    expect(await newest(overview, { labels: { shop: "x" }, tags: ["big"] })).toEqual(["b"]);
    expect(await newest(overview, { status: ["completed"] })).toEqual(["ended"]);
    expect(await newest(overview, { idPrefix: "e" })).toEqual(["ended"]);
    expect(await newest(overview, { parent: "b" })).toEqual([]);
  },

  "refuses what is no filter": async ({ backend: { overview } }) => {
    for (const filter of [null, { limit: 0 }, { limit: 1_001 }, { before: "b" }, { before: 7 }, { before: "1:" }])
      await expectRefusal(overview.listNewest(filter as never), "INVALID_ARGUMENT");
  },
};

const countTests: ConformanceTests = {
  "counts by definition and status": async (context) => {
    const { backend, given } = context;
    await fourMade(context);
    await given.ended("failed", { instanceId: "ended" });
    await backend.requestControl("d", "pause", {});

    const { counts, isCapped } = await backend.overview.countInstances({});
    const short = counts.map(({ flow, status, count }) => `${flow} ${status} ${count}`).sort();
    expect(short).toEqual(["order failed 1", "order in_progress 2", "order paused 1", "refund in_progress 1"]);
    expect(isCapped).toBe(false);
    expect((await backend.overview.countInstances({ flow: "refund" })).counts).toMatchObject([{ count: 1 }]);
    expect((await backend.overview.countInstances({ flow: "nothing" })).counts).toEqual([]);
    await expectRefusal(backend.overview.countInstances({ flow: 7 } as never), "INVALID_ARGUMENT");
  },
};

const workerTests: ConformanceTests = {
  "tells what each worker can run and holds": async ({ backend, given, clock }) => {
    const now = clock.now();
    await given.held();
    await given.held({ instanceId: "order-2" });
    await backend.registerWorker("worker-b", []);
    await backend.keepWorker(holder.workerId, ["gpu"], 1_000, [given.lane()]);
    clock.advance(5_000);
    await backend.keepWorker("worker-b", [], 1_000);

    const { workers, now: later } = await backend.overview.listWorkers({ limit: 10 });
    expect(later).toBe(now + 5_000);
    expect(workers).toEqual([
      {
        ...{ workerId: holder.workerId, tags: ["gpu"], registeredAt: now, seenAt: now, lanes: [given.lane()] },
        ...{ running: 2, nextLeaseEnd: now + holder.leaseMs },
      },
      {
        ...{ workerId: "worker-b", tags: [], registeredAt: now, seenAt: now + 5_000, lanes: [] },
        ...{ running: 0, nextLeaseEnd: null },
      },
    ]);
  },

  "pages through them by id": async ({ backend }) => {
    for (const id of ["w1", "w3", "w2"]) await backend.registerWorker(id, []);

    const pageOf = async (page: { after?: string; limit: number }): Promise<string[]> =>
      (await backend.overview.listWorkers(page)).workers.map(({ workerId }) => workerId);
    expect(await pageOf({ limit: 2 })).toEqual(["w1", "w2"]);
    expect(await pageOf({ limit: 2, after: "w2" })).toEqual(["w3"]);
    expect(await pageOf({ limit: 2, after: "w3" })).toEqual([]);
    for (const page of [null, { limit: 0 }, { limit: 1_001 }, { limit: 1, after: "" }])
      await expectRefusal(backend.overview.listWorkers(page as never), "INVALID_ARGUMENT");
  },
};

const eventTests: ConformanceTests = {
  "lists what was sent and not consumed, in the order of sending": async ({ backend, clock }) => {
    const at = clock.now();
    for (const [index, name] of ["paid", "shipped", "paid", "lost"].entries())
      await backend.sendEvent("order-1", name, bytesOf(String(index)));
    await backend.consumeEvent("order-1", "paid");

    const events = await backend.overview.listEvents("order-1", { limit: 10 });
    const codec = backend.codec.id;
    expect(events).toMatchObject([
      { name: "shipped", payload: bytesOf("1"), codec },
      { name: "paid", payload: bytesOf("2"), codec },
      { name: "lost", payload: bytesOf("3"), codec },
    ]);
    for (const { sentAt } of events) expect(sentAt).toBeGreaterThanOrEqual(at);
    const [first] = events;
    const rest = await backend.overview.listEvents("order-1", { limit: 1, after: first?.sequence ?? 0n });
    expect(rest).toEqual([events[1]]);
  },

  "knows nothing of an instance without events": async ({ backend }) => {
    expect(await backend.overview.listEvents("nobody", { limit: 1 })).toEqual([]);
    for (const page of [null, { limit: 0 }, { limit: 1_001 }, { limit: 1, after: 1 }])
      await expectRefusal(backend.overview.listEvents("nobody", page as never), "INVALID_ARGUMENT");
  },
};

const failedTests: ConformanceTests = {
  "lists what failed last first, with its failure": async ({ backend, given, clock }) => {
    await given.ended("failed", { instanceId: "early" });
    await given.ended("completed", { instanceId: "fine" });
    clock.advance(1_000);
    await given.ended("failed", { instanceId: "late" });
    const { overview } = backend;

    for (const limit of [1, 2, 3])
      expect(
        await idsOf((before) => overview.listFailed({ limit, ...(before === undefined ? {} : { before }) })),
      ).toEqual(["late", "early"]);
    const { items } = await overview.listFailed({ limit: 1 });
    expect(items[0]?.failure).toEqual((await given.stateOf("late")).instance.failure);
    expect((await overview.listFailed({ flow: "refund" })).items).toEqual([]);
    for (const filter of [null, { limit: 0 }, { before: "x" }, { flow: 7 }])
      await expectRefusal(overview.listFailed(filter as never), "INVALID_ARGUMENT");
  },
};

const seriesTests: ConformanceTests = {
  "counts what began and ended in each bucket": async (context) => {
    const { backend, given, clock } = context;
    await given.ended("completed", { instanceId: "one" });
    const slow = await given.held({ instanceId: "slow" });
    clock.advance(2_000);
    await given.accepted(slow, { kind: "complete", output: bytesOf("1"), codec: backend.codec.id });
    await given.ended("failed", { instanceId: "two" });
    await given.instance({ instanceId: "live", flow: "refund" });
    clock.advance(500);

    const { buckets, isCapped } = await backend.overview.readSeries({ bucketMs: 1_000, buckets: 4 });
    expect(isCapped).toBe(false);
    expect(buckets.map(({ at }) => at)).toEqual([4_000, 3_000, 2_000, 1_000].map((ago) => clock.now() - ago));
    expect(buckets.map((bucket) => ({ ...bucket, at: 0 }))).toEqual([
      { at: 0, started: 0, completed: 0, failed: 0, cancelled: 0, p50Ms: null, p95Ms: null },
      { at: 0, started: 2, completed: 1, failed: 0, cancelled: 0, p50Ms: 0, p95Ms: 0 },
      { at: 0, started: 0, completed: 0, failed: 0, cancelled: 0, p50Ms: null, p95Ms: null },
      { at: 0, started: 2, completed: 1, failed: 1, cancelled: 0, p50Ms: 2_000, p95Ms: 2_000 },
    ]);
    const refunds = await backend.overview.readSeries({ flow: "refund", bucketMs: 10_000, buckets: 1 });
    expect(refunds.buckets).toMatchObject([{ started: 1, completed: 0, failed: 0 }]);
  },

  "refuses what is no stretch of time": async ({ backend: { overview } }) => {
    for (const wrong of [{ bucketMs: 999 }, { buckets: 0 }, { buckets: 501 }, { bucketMs: Infinity }, { flow: "" }])
      await expectRefusal(overview.readSeries({ bucketMs: 1_000, buckets: 1, ...wrong }), "INVALID_ARGUMENT");
  },
};

const definitionTests: ConformanceTests = {
  "names every definition of which there is an instance, and who can run it": async ({ backend, given }) => {
    const [first, second] = HASHES;
    await given.instance({ instanceId: "1", flow: "known", definitionHash: first });
    await given.instance({ instanceId: "2", flow: "known", definitionHash: second });
    await backend.keepWorker("w", [], 1_000, [given.lane({ flow: "known", definitionHash: second })]);

    const known = (await backend.overview.listDefinitions()).filter(({ flow }) => flow === "known");
    expect(known.map(({ definitionHash, workers }) => `${definitionHash} ${workers}`).sort()).toEqual([
      `${first} 0`,
      `${second} 1`,
    ]);
    for (const { hasGraph, firstSeen } of known) {
      expect(hasGraph).toBe(false);
      expect(firstSeen).toBeGreaterThan(0);
    }
    expect(await backend.overview.findGraph(first)).toBeNull();
  },
};

const activityTests: ConformanceTests = {
  "gives other marks after a start, a claim, a checkpoint, an event and an end": async ({ backend, given }) => {
    const seen = new Set<string>();
    const marks = async (): Promise<readonly [string, string | undefined]> => {
      const { instances, byInstance } = await backend.overview.readActivity(["order-1", "nobody"]);
      expect(byInstance.has("nobody")).toBe(false);
      return [instances, byInstance.get("order-1")];
    };
    const expectOther = async (): Promise<void> => {
      const [, mark] = await marks();
      expect(mark).toBeDefined();
      expect(seen.has(mark ?? "")).toBe(false);
      seen.add(mark ?? "");
      expect((await marks())[1]).toBe(mark);
    };
    const [nothing] = await marks();
    await given.instance();
    expect((await marks())[0]).not.toBe(nothing);
    await expectOther();
    const claim = await given.claimOf("order-1");
    await expectOther();
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) });
    await expectOther();
    await backend.sendEvent("order-1", "paid", bytesOf("1"));
    await expectOther();
    const [before] = await marks();
    await backend.terminateInstance("order-1", {});
    await expectOther();
    expect((await marks())[0]).not.toBe(before);
  },

  "gives other marks after a worker came, and after a limit was changed": async ({ backend, given }) => {
    const { workers, limits } = await backend.overview.readActivity([]);
    await backend.registerWorker("w", ["gpu"]);
    await given.limit({ concurrency: 1 });

    const after = await backend.overview.readActivity([]);
    expect(after.workers).not.toBe(workers);
    expect(after.limits).not.toBe(limits);
    const [declared] = await backend.listLimits();
    await backend.changeLimit(declared?.name ?? "", { isPaused: true });
    expect((await backend.overview.readActivity([])).limits).not.toBe(after.limits);
  },
};

export const overviewStoreSuite: ConformanceSuite = {
  name: "OverviewStore",
  methods: {
    listNewest: newestTests,
    countInstances: countTests,
    listWorkers: workerTests,
    listEvents: eventTests,
    listFailed: failedTests,
    readSeries: seriesTests,
    "listDefinitions and findGraph": definitionTests,
    readActivity: activityTests,
    readClock: {
      "tells the time that leases and timers go by": async ({ backend, clock }) => {
        expect(await backend.overview.readClock()).toBe(clock.now());
        clock.advance(1_500);
        expect(await backend.overview.readClock()).toBe(clock.now());
      },
    },
  },
};
