import { expect } from "vitest";
import type { InstanceFilter } from "../../store/instance-store.ts";
import { anEntry, bytesOf } from "../builders.ts";
import {
  createInstancesTests,
  firstPositionsTests,
  newInstanceMistakesTests,
  replaceInstanceTests,
} from "./create-instances.suite.ts";
import { newDeadlineTests, passedDeadlineTests, setDeadlineTests } from "./deadlines.suite.ts";
import { expectRefusal } from "./errors.ts";
import { forkInstanceTests } from "./fork-instance.suite.ts";
import type { InstanceFacts } from "./given.ts";
import { requestControlTests, settleInterruptTests, terminateInstanceTests } from "./instance-control.suite.ts";
import { migrateInstanceTests } from "./migrate-instance.suite.ts";
import { retryBranchesTests, retryInstanceTests } from "./retry-instance.suite.ts";
import { retryPausedTests, retryRefusedTests } from "./retry-requests.suite.ts";
import type { ConformanceContext, ConformanceSuite, ConformanceTests } from "./suite.ts";

const findInstanceTests: ConformanceTests = {
  "gives null if there is none": async ({ backend }) => {
    expect(await backend.findInstance("nowhere")).toBeNull();
  },

  "gives null for what has only been sent an event": async ({ backend }) => {
    await backend.sendEvent("order-1", "paid", bytesOf("1"));

    expect(await backend.findInstance("order-1")).toBeNull();
  },

  "gives the instance with its live positions, its pending requests and the store's time": async ({
    backend,
    given,
    clock,
  }) => {
    await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "cancel", { reason: "x" });
    given.after(5);
    const state = await given.stateOf("order-1");

    expect(state.now).toBe(clock.now());
    expect(state.signals).toEqual([{ kind: "cancel", request: { reason: "x" } }]);
    expect(state.positions.map((position) => [position.path, position.kind, position.interrupt])).toEqual([
      ["", "join", "cancel"],
      ["both/a", "task", "cancel"],
      ["both/b", "task", "cancel"],
    ]);
    expect(state.instance.status).toBe("in_progress");
  },

  "gives a copy": async ({ given }) => {
    await given.instance();
    (await given.stateOf("order-1")).instance.input.fill(0);

    expect((await given.stateOf("order-1")).instance.input).toEqual(bytesOf("1"));
  },
};

async function listed(
  { backend }: { backend: { listInstances(filter: InstanceFilter): Promise<readonly { instanceId: string }[]> } },
  filter: InstanceFilter,
): Promise<string[]> {
  return (await backend.listInstances(filter)).map((instance) => instance.instanceId);
}

const listInstancesTests: ConformanceTests = {
  "gives instances in code-point order of their ids": async ({ backend, given }) => {
    for (const instanceId of ["b", "\ufffd", "a", "😀", "Z", "ä"]) await given.instance({ instanceId });

    expect(await listed({ backend }, {})).toEqual(["Z", "a", "b", "ä", "\ufffd", "😀"]);
  },

  "gives the whole record, but for what the instance was given and gave": async ({ backend, given }) => {
    await given.ended("completed");
    await given.ended("failed", { instanceId: "order-2" });

    const records = [(await given.stateOf("order-1")).instance, (await given.stateOf("order-2")).instance];
    const isPayload = (key: string): boolean => ["input", "output", "failure"].includes(key);
    const outlines = records.map((record) =>
      Object.fromEntries(Object.entries(record).filter(([key]) => !isPayload(key))),
    );
    expect(await backend.listInstances({})).toEqual(outlines);
  },

  "filters by flow": async ({ backend, given }) => {
    await given.instance({ instanceId: "a", flow: "refund" });
    await given.instance({ instanceId: "b" });

    expect(await listed({ backend }, { flow: "refund" })).toEqual(["a"]);
    expect(await listed({ backend }, { flow: "refun_" })).toEqual([]);
  },

  "filters by status": async ({ backend, given }) => {
    await given.instance({ instanceId: "a" });
    await given.paused({ instanceId: "b" });
    await given.ended("completed", { instanceId: "c" });
    await given.ended("failed", { instanceId: "d" });
    await given.ended("cancelled", { instanceId: "e" });

    expect(await listed({ backend }, { status: ["in_progress"] })).toEqual(["a"]);
    expect(await listed({ backend }, { status: ["cancelled", "paused"] })).toEqual(["b", "e"]);
    expect(await listed({ backend }, { status: ["completed", "failed"] })).toEqual(["c", "d"]);
    expect(await listed({ backend }, { status: [] })).toEqual([]);
  },

  "filters by how ids start, taking each character as it is": async ({ backend, given }) => {
    for (const instanceId of ["a%b", "a_b", "aXb", "A_b", "a\\b", "é1", "e\u03011"])
      await given.instance({ instanceId });

    expect(await listed({ backend }, { idPrefix: "a_" })).toEqual(["a_b"]);
    expect(await listed({ backend }, { idPrefix: "a%" })).toEqual(["a%b"]);
    expect(await listed({ backend }, { idPrefix: "a\\" })).toEqual(["a\\b"]);
    expect(await listed({ backend }, { idPrefix: "é" })).toEqual(["é1"]);
    expect(await listed({ backend }, { idPrefix: "" })).toHaveLength(7);
  },

  "combines its conditions": async ({ backend, given }) => {
    await given.ended("completed", { instanceId: "a-1" });
    await given.instance({ instanceId: "a-2" });
    await given.instance({ instanceId: "a-3", flow: "refund" });
    await given.instance({ instanceId: "b-1" });

    expect(await listed({ backend }, { idPrefix: "a-", status: ["in_progress"], flow: "order" })).toEqual(["a-2"]);
  },

  "pages by the last id": async ({ backend, given }) => {
    const ids = Array.from({ length: 25 }, (_, index) => `order-${index + 10}`);
    for (const instanceId of ids) await given.instance({ instanceId });
    await given.instance({ instanceId: "other" });

    const first = await listed({ backend }, { idPrefix: "order-", limit: 20 });
    const second = await listed({ backend }, { idPrefix: "order-", limit: 20, after: first.at(-1)! });

    expect([...first, ...second]).toEqual(ids);
    expect(first).toHaveLength(20);
  },

  "gives at most 100 unless asked for more": async ({ backend, given }) => {
    await backend.createInstances(
      Array.from({ length: 120 }, (_, index) => given.newInstance({ instanceId: `order-${index}` })),
    );

    expect(await listed({ backend }, {})).toHaveLength(100);
    expect(await listed({ backend }, { limit: 1_000 })).toHaveLength(120);
  },

  "refuses filters that make no sense": async ({ backend }) => {
    const wrong: unknown[] = [
      { limit: 0 },
      { limit: 1_001 },
      { limit: "5" },
      { status: "paused" },
      { status: ["gone"] },
      { flow: 7 },
      { idPrefix: 7 },
      { idPrefix: "\u0000" },
      { after: "" },
      null,
      [],
    ];
    for (const filter of wrong)
      await expectRefusal(backend.listInstances(filter as InstanceFilter), "INVALID_ARGUMENT");
  },
};

const listInstanceIdsTests: ConformanceTests = {
  "gives the ids of what listInstances gives, in the same order": async ({ backend, given }) => {
    for (const instanceId of ["b", "\ufffd", "a", "😀"]) await given.instance({ instanceId });
    await given.paused({ instanceId: "c", tags: ["eu"], labels: { customer: "7" } });
    await given.ended("failed", { instanceId: "d", flow: "refund", tags: ["eu", "new"] });

    const filters: readonly InstanceFilter[] = [
      {},
      { flow: "refund" },
      { status: ["paused", "failed"] },
      { status: [] },
      { idPrefix: "a" },
      { tags: ["eu"] },
      { tags: ["eu"], labels: { customer: "7" } },
      { after: "a", limit: 2 },
      { after: "d", status: ["in_progress"] },
    ];
    const sizes: number[] = [];
    for (const filter of filters) {
      const ids = await backend.listInstanceIds(filter);
      expect(ids).toEqual(await listed({ backend }, filter));
      sizes.push(ids.length);
    }
    expect(sizes).toEqual([6, 1, 2, 0, 1, 2, 1, 2, 2]);
  },

  "gives at most 100 unless asked for more": async ({ backend, given }) => {
    await backend.createInstances(
      Array.from({ length: 120 }, (_, index) => given.newInstance({ instanceId: `order-${index}` })),
    );

    expect(await backend.listInstanceIds({})).toHaveLength(100);
    expect(await backend.listInstanceIds({ limit: 1_000 })).toHaveLength(120);
  },

  "refuses filters that make no sense": async ({ backend }) => {
    for (const filter of [{ limit: 1_001 }, { status: ["gone"] }, { idPrefix: "\u0000" }, { labels: 7 }, null])
      await expectRefusal(backend.listInstanceIds(filter as InstanceFilter), "INVALID_ARGUMENT");
  },
};

/** All that can be seen of an instance, but for its id. */
async function shownOf(
  { backend, given }: Pick<ConformanceContext, "backend" | "given">,
  instanceId: string,
): Promise<unknown> {
  const { instance, ...state } = await given.stateOf(instanceId);
  const history = (await backend.readHistory(instanceId)).map((entry) => ({ ...entry, sequence: 0n }));
  return { ...state, instance: { ...instance, instanceId: "" }, history };
}

const unpauseInstanceTests: ConformanceTests = {
  "does what unpause does": async ({ backend, given }) => {
    const begin: readonly ((facts: InstanceFacts) => Promise<unknown>)[] = [
      (facts) => given.instance(facts),
      (facts) => given.asleep(1_000, facts),
      (facts) => given.parked({ ...facts, timeoutMs: 10_000 }),
      async (facts) => await backend.releaseClaims(Object.values((await given.forked(["a", "b"], facts)).branches)),
    ];
    for (const [index, start] of begin.entries()) {
      const [one, other] = [`one-${index}`, `other-${index}`];
      for (const instanceId of [one, other]) await start({ instanceId });
      for (const instanceId of [one, other]) await backend.requestControl(instanceId, "pause", { reason: "late" });
      given.after(2_000);
      await backend.unpause(one);
      await backend.unpauseInstance(other);

      const context = { backend, given };
      expect(await shownOf(context, other)).toEqual(await shownOf(context, one));
    }
  },

  "fails for an instance that is not there, or not paused": async ({ backend, given }) => {
    await expectRefusal(backend.unpauseInstance("nowhere"), "INSTANCE_NOT_FOUND", { instanceId: "nowhere" });
    await given.instance();
    const before = await given.seen("order-1");
    await expectRefusal(backend.unpauseInstance("order-1"), "INVALID_TRANSITION", { from: "in_progress" });
    expect(await given.seen("order-1")).toEqual(before);
    await given.ended("completed", { instanceId: "order-2" });
    await expectRefusal(backend.unpauseInstance("order-2"), "INVALID_TRANSITION", { from: "completed" });
  },
};

const workerTests: ConformanceTests = {
  "registers a worker again and again": async ({ backend }) => {
    await backend.registerWorker("worker-a", ["gpu"]);
    await backend.registerWorker("worker-a", ["gpu"]);
    await backend.registerWorker("worker-a", []);
  },

  "forgets a worker, also one that nobody knows": async ({ backend, given }) => {
    await given.instance({ at: { lane: given.lane({ tags: ["gpu"] }) } });
    await backend.registerWorker("worker-a", ["gpu"]);
    await backend.unregisterWorker("worker-a");
    await backend.unregisterWorker("worker-a");
    await backend.unregisterWorker("stranger");

    expect(await backend.findAvailableTasks("worker-a", 10)).toEqual([]);
  },

  "does not touch the claims of a worker that it forgets": async ({ backend, given }) => {
    await backend.registerWorker("worker-a", []);
    const claim = await given.held();
    await backend.unregisterWorker("worker-a");

    expect(
      await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]),
    ).toMatchObject({ kept: true });
  },

  "refuses tags that are no names": async ({ backend }) => {
    for (const tags of ["gpu", [""], [7], ["a\u0000"], ["x".repeat(256)], undefined]) {
      await expectRefusal(backend.registerWorker("worker-a", tags as string[]), "INVALID_ARGUMENT");
    }
  },
};

export const instanceStoreSuite: ConformanceSuite = {
  name: "InstanceStore",
  methods: {
    createInstances: createInstancesTests,
    "createInstances, where they stand": firstPositionsTests,
    "createInstances and replaceInstance, refused": newInstanceMistakesTests,
    replaceInstance: replaceInstanceTests,
    findInstance: findInstanceTests,
    listInstances: listInstancesTests,
    listInstanceIds: listInstanceIdsTests,
    requestControl: requestControlTests,
    unpauseInstance: unpauseInstanceTests,
    terminateInstance: terminateInstanceTests,
    retryInstance: retryInstanceTests,
    forkInstance: forkInstanceTests,
    migrateInstance: migrateInstanceTests,
    "retryInstance, with branches": retryBranchesTests,
    "retryInstance, paused": retryPausedTests,
    "retryInstance, refused": retryRefusedTests,
    "createInstances, with a deadline": newDeadlineTests,
    "createInstances, a deadline that passes": passedDeadlineTests,
    setDeadline: setDeadlineTests,
    settleInterrupt: settleInterruptTests,
  },
};

export const workerStoreSuite: ConformanceSuite = {
  name: "WorkerStore",
  methods: { "registerWorker and unregisterWorker": workerTests },
};
