import { beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { InstanceFailedError } from "../../src/errors/instance-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import type { Checkpoint } from "../../src/snapshot/checkpoint.ts";
import type { Backend } from "../../src/store/backend.ts";
import { systemClock } from "../../src/time/clock.ts";
import { withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { inSession } from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { Probe } from "../support/probe.ts";
import {
  codeOf,
  type Death,
  dyingAt,
  holdersOf,
  hurried,
  severalRoundTrips,
  soon,
  workerStarter,
} from "../support/workers.ts";

const database = await createTestDatabase();
const [backend, other] = [await database.connect(), await database.connect()];
const client = new Client(backend);
const startWorker = workerStarter();
const quick = { pollInterval: 10, leaseTtl: 300 };
/** For workers that die, and are not waited for then. */
const doomed = { ...quick, ports: { timers: hurried(20) } };
const never = new Promise<never>(() => undefined);

beforeEach(() => database.truncate());

/** Dies at the first checkpoint of which this is true. */
function dyingAtCheckpoint(is: (checkpoint: Checkpoint) => boolean, how: Death): ReturnType<typeof dyingAt> {
  return dyingAt(backend, (call, [checkpoints]) =>
    call === "commitCheckpoints" && (checkpoints as readonly Checkpoint[]).some(is) ? how : null,
  );
}

/** A worker's backend whose leases run out, and whose next checkpoint is held back until the gate is opened. */
function zombie(gate: Gate): { backend: Backend; isAsked: Promise<void> } {
  const asked = new Gate();
  let isAsked = false;
  const changed = withChanges(backend, {
    // It does not take over from itself.
    claimPositions: async (request) => (isAsked ? [] : await backend.claimPositions(request)),
    renewClaims: async () => await never,
    commitCheckpoints: async (checkpoints, holder) => {
      isAsked = true;
      asked.open();
      await gate.passed;
      return await backend.commitCheckpoints(checkpoints, holder);
    },
  });
  return { backend: changed, isAsked: asked.passed };
}

const two = flow<number>("two-steps")
  .then("one", (n) => n + 1)
  .then("two", (n) => n * 10)
  .build();

describe("holes that others have had", () => {
  test.each(["before", "after"] as const)(
    "H1: a process that dies %s the checkpoint of the last task leaves nothing in between",
    async (how) => {
      const dying = dyingAtCheckpoint(({ move }) => move.kind === "complete", how);
      startWorker(dying.backend, { ...doomed, flows: [two] });
      await client.submit(two, "h1", 1);
      await dying.died;
      const state = await backend.findInstance("h1");
      const seen = how === "after" ? ["completed", 0] : ["in_progress", 1];
      expect([state?.instance.status, state?.positions.length]).toEqual(seen);
      startWorker(other, { ...quick, flows: [two] });

      expect(await client.result("h1")).toBe(20);
      expect((await client.history("h1")).map(({ taskId }) => taskId)).toEqual(["one", "two"]);
    },
  );

  test.each(["before", "after"] as const)(
    "H2: a process that dies %s the checkpoint that takes an event loses neither event nor instance",
    async (how) => {
      const waiting = flow<null>("h2")
        .waitForEvent<string>("wait", "news")
        .then("tell", (news) => news)
        .build();
      const dying = dyingAtCheckpoint(({ consumes }) => consumes !== null, how);
      await client.sendEvent("h2", "news", "first");
      await client.sendEvent("h2", "news", "second");
      await client.submit(waiting, "h2", null);
      startWorker(dying.backend, { ...doomed, flows: [waiting] });
      await dying.died;
      startWorker(other, { ...quick, flows: [waiting] });

      expect(await client.result("h2")).toBe("first");
    },
  );

  test("H3: a cancel or pause of what nobody runs takes effect without a worker, and beside idle ones", async () => {
    const parked = flow<null>("h3-parked").delay("rest", "1h").build();
    const waiting = flow<null>("h3-waiting").waitForEvent("wait", "news").build();
    const alone = await client.submit(parked, "h3-alone", null);
    expect(await alone.cancel()).toBe("applied");
    startWorker(other, { ...quick, flows: [parked, waiting] });
    const handles = [await client.submit(parked, "h3-a", null), await client.submit(waiting, "h3-b", null)];
    for (const handle of handles) {
      await expect.poll(async () => (await handle.status()).status, soon).toMatch(/^(waiting|awaiting_event)$/);
      expect(await handle.pause()).toBe("applied");
      expect(await handle.cancel()).toBe("applied");
      expect((await handle.status()).status).toBe("cancelled");
    }
  });

  test("H4: an event that came while its instance was paused is taken after the unpause", async () => {
    const waiting = flow<null>("h4").waitForEvent<string>("wait", "news").build();
    startWorker(other, { ...quick, flows: [waiting] });
    const handle = await client.submit(waiting, "h4", null);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    await handle.pause();
    await handle.sendEvent("news", "while paused");
    await severalRoundTrips(backend);
    expect((await handle.status()).status).toBe("paused");
    await handle.unpause();

    expect(await handle.result()).toBe("while paused");
  });

  test.each([-3_600_000, 3_600_000])(
    "H5: a worker whose clock is %i ms off gets leases of the usual length, which run out as usual",
    async (offMs) => {
      const gate = new Gate();
      const held = flow<null>("h5")
        .then("work", async (_, { attempt }) => await gate.passed.then(() => attempt))
        .build();
      const probe = new Probe();
      const dying = dyingAt(backend, (call) => (call === "keepWorker" && probe.events.length > 0 ? "before" : null));
      const clock = { ...systemClock, now: () => Date.now() + offMs };
      const options = { ...doomed, leaseTtl: 600, ports: { ...doomed.ports, clock } };
      startWorker(dying.backend, { ...options, flows: [held], observer: probe.observer });
      await client.submit(held, "h5", null);
      await probe.first("task_started");
      const { rows } = await database.pool.query<{ ms: number }>(
        "SELECT extract(epoch FROM available_at - clock_timestamp())::float8 * 1000 AS ms FROM waymark.positions",
      );
      expect(rows[0]?.ms).toBeLessThanOrEqual(600);
      expect(rows[0]?.ms).toBeGreaterThan(-60_000);
      await dying.died;
      startWorker(other, { ...quick, flows: [held], ports: { clock } });
      gate.open();

      expect(await client.result("h5")).toBe(1);
    },
  );

  test("H6: a zombie's late checkpoint changes nothing, though its successor has the same name", async () => {
    const [gate, late] = [new Gate(), new Probe()];
    let runs = 0;
    const racing = flow<null>("h6")
      .then("work", () => `run ${++runs}`)
      .build();
    const dead = zombie(gate);
    const worker = startWorker(dead.backend, { ...quick, flows: [racing], workerId: "same", observer: late.observer });
    await new Client(dead.backend).submit(racing, "h6", null);
    await dead.isAsked;
    startWorker(other, { ...quick, flows: [racing], workerId: "same" });
    expect(await client.result("h6")).toBe("run 2");
    gate.open();
    await late.first("fenced");

    expect(worker.stats()).toMatchObject({ fenced: 1, completedTasks: 0 });
    expect(await client.result("h6")).toBe("run 2");
    expect(await client.history("h6")).toHaveLength(1);
  });

  test("H7: a stale end of a delay does not undo what has happened since", async () => {
    const [gate, probe] = [new Gate(), new Probe()];
    const delayed = flow<number>("h7")
      .delay("rest", 1)
      .then("work", (n) => n + 1)
      .waitForEvent("wait", "news")
      .build();
    const dead = zombie(gate);
    await client.submit(delayed, "h7", 1);
    startWorker(dead.backend, { ...quick, flows: [delayed], observer: probe.observer });
    await dead.isAsked;
    startWorker(other, { ...quick, flows: [delayed] });
    await expect.poll(async () => (await client.status("h7")).status, soon).toBe("awaiting_event");
    gate.open();
    await probe.first("fenced");

    expect(await client.status("h7")).toMatchObject({ status: "awaiting_event", events: [{ taskId: "wait" }] });
    expect((await client.history("h7")).map(({ taskId }) => taskId)).toEqual(["rest", "work"]);
  });

  test("H8: thousands of rows that a worker can't use, and are more urgent, do not starve what it can", async () => {
    const unknown = flow<number>("h8-unknown")
      .then("work", (n) => n)
      .build();
    const asleep = flow<number>("h8-asleep")
      .then("try", () => Promise.reject(new Error("not yet")), { retry: { attempts: 2, initialDelay: "1h" } })
      .build();
    const urgent = (name: string, count: number): { instanceId: string; input: number; priority: number }[] =>
      Array.from({ length: count }, (_, n) => ({ instanceId: `h8-${name}-${n}`, input: n, priority: 1 }));
    await client.submitMany(unknown, urgent("unknown", 3_000));
    await client.submitMany(asleep, urgent("asleep", 200));
    startWorker(other, { ...quick, leaseTtl: "30s", flows: [two, asleep], concurrency: 5 });
    const results = Array.from({ length: 20 }, async (_, n) => {
      const handle = await client.submit(two, `h8-${n}`, n, { priority: 5 });
      return await handle.result();
    });

    expect(await Promise.all(results)).toEqual(results.map((_, n) => (n + 1) * 10));
  });

  test("H9: instances whose bytes can't be read fail one by one; the others go on", async () => {
    const handles = [];
    for (let n = 0; n < 40; n++) handles.push(await client.submit(two, `h9-${n}`, n));
    await database.pool.query(
      "UPDATE waymark.instances SET input = '\\x00ff7b' WHERE right(instance_id, 1) IN ('1', '3', '5')",
    );
    startWorker(other, { ...quick, leaseTtl: "30s", flows: [two], concurrency: 5 });
    const results = await Promise.all(
      handles.map(
        async (handle) =>
          await handle.result().catch((error: unknown) => codeOf((error as InstanceFailedError).failure)),
      ),
    );

    expect(results).toEqual(handles.map((_, n) => ([1, 3, 5].includes(n % 10) ? "CODEC_DECODE" : (n + 1) * 10)));
  });

  test("H10: of submits of one id at the same time, one makes the instance and the others know that it did not", async () => {
    const submits = Array.from({ length: 50 }, async (_, n) => {
      const submitter = new Client(n % 2 === 0 ? backend : other);
      return await submitter.submit(two, "h10", n).then(() => n, codeOf);
    });
    const outcomes = await Promise.all(submits);
    const winner = outcomes.find((outcome) => typeof outcome === "number");
    expect(outcomes.filter((outcome) => outcome === "INSTANCE_EXISTS")).toHaveLength(49);
    startWorker(other, { ...quick, flows: [two] });

    expect(await client.result("h10")).toBe((Number(winner) + 1) * 10);
  });

  test("H11: events are taken in the order of their commits, though an earlier sender is still at it", async () => {
    const pair = flow<null>("h11")
      .waitForEvent<number>("first", "news")
      .then("keep", (n) => n)
      .waitForEvent<number>("second", "news")
      .then("both", async (n, context) => [await context.output("keep"), n])
      .build();
    const handle = await client.submit(pair, "h11", null);
    startWorker(other, { ...quick, flows: [pair] });
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    const send = "SELECT waymark.send_event('h11', 'news', $1::bytea, 'json', NULL)";
    const second = await inSession(database.pool, async (session) => {
      await session.query("BEGIN");
      await session.query(send, [Buffer.from("1")]);
      const waiting = database.pool.query(send, [Buffer.from("2")]);
      await severalRoundTrips(backend);
      await session.query("COMMIT");
      return waiting;
    });

    expect(second.rowCount).toBe(1);
    expect(await handle.result()).toEqual([1, 2]);
  });

  test("H12: with NOTIFY off, many hand-overs between processes do not each wait for a long poll", async () => {
    const [left, right, third] = await Promise.all(
      [1, 2, 3].map(async () => await database.connect({ notify: false })),
    );
    let definition = flow<number>("h12").then("s0", (n) => n + 1, { tags: ["left"] });
    for (let step = 1; step < 6; step++)
      definition = definition.then(`s${step}`, (n) => n + 1, { tags: [step % 2 === 0 ? "left" : "right"] });
    const passing = definition.waitForEvent<number>("wait", "news").build();
    startWorker(left!, { flows: [passing], tags: ["left"] });
    startWorker(right!, { flows: [passing], tags: ["right"] });
    const handle = await new Client(third!).submit(passing, "h12", 0);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    await handle.sendEvent("news", 7);

    expect(await handle.result()).toBe(7);
  });

  test("H13: history holds each output once, and nothing of it is left when its instance is deleted", async () => {
    const long = flow<number>("h13")
      .loop("grow", (n) => (n >= 50 ? LoopResult.done("end") : LoopResult.again(n + 1)))
      .then("large", () => "x".repeat(10_000))
      .then("small", () => 1)
      .build();
    startWorker(other, { ...quick, flows: [long] });
    await (await client.submit(long, "h13", 0)).result();
    const bytes =
      "SELECT coalesce(sum(octet_length(output)), 0)::int AS bytes, count(*)::int AS entries FROM waymark.checkpoints";
    const { rows } = await database.pool.query<{ bytes: number; entries: number }>(bytes);
    expect(rows[0]?.entries).toBe(53);
    expect(rows[0]?.bytes).toBeLessThan(10_500);
    await client.delete("h13");

    expect((await database.pool.query(bytes)).rows).toEqual([{ bytes: 0, entries: 0 }]);
  });

  test("H14: branches of a fork run on different workers at the same time", async () => {
    const [probes, both] = [[new Probe(), new Probe()], new Gate()];
    let inside = 0;
    const meet = async (): Promise<string> => {
      if (++inside === 2) both.open();
      await both.passed;
      return "met";
    };
    const meeting = flow<null>("h14")
      .fork([branch("a", (b) => b.then("a", meet)), branch("b", (b) => b.then("b", meet))])
      .join("join", ({ a, b }) => [a, b])
      .build();
    for (const [n, store] of [backend, other].entries())
      startWorker(store, { ...quick, flows: [meeting], concurrency: 1, observer: probes[n]!.observer });
    const handle = await new Client(await database.connect()).submit(meeting, "h14", null);

    expect(await handle.result()).toEqual(["met", "met"]);
    expect(probes.map((probe) => probe.of("task_started").filter(({ taskId }) => taskId !== "join").length)).toEqual([
      1, 1,
    ]);
    expect(await holdersOf(backend, "h14")).toEqual([]);
  });
});
