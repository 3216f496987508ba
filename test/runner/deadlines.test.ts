import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { ABORT_GRACE_MS } from "../../src/engine/run-body.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { systemTimers, type Timers } from "../../src/time/timers.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { aborted, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const HOUR = 3_600_000;
const exceeded = { status: "failed", failure: { code: "DEADLINE_EXCEEDED", name: "DeadlineExceededError" } };
const waits = flow<number>("waits").waitForEvent("wait", "news").build();
const impatient = flow<number>("waits", { deadline: "1h" }).waitForEvent("wait", "news").build();

/** Timers of which those that wait for a minute wait for `started`; then an hour has passed. */
function anHourAfter(started: Promise<void>, clock: TestClock): Timers {
  const after: Timers["after"] = (ms, callback) => {
    if (ms < 60_000) return systemTimers.after(ms, callback);
    let isCancelled = false;
    void started.then(() => {
      if (isCancelled) return;
      clock.advance(HOUR);
      callback();
    });
    return { cancel: () => (isCancelled = true) };
  };
  return { ...systemTimers, after };
}

describe.each(await bothBackends())("a deadline of an instance, on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  /** A backend whose time stands still until the test moves it. */
  async function still(): Promise<{ clock: TestClock; runner: Runner; client: Client }> {
    const clock = new TestClock();
    const own = await open({ clock });
    return { clock, runner: new Runner(own, { pollInterval: 10, ports: { clock } }), client: new Client(own) };
  }

  test("fails it when that has passed, by the store's clock, and not a millisecond before", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("late");
    const report = await runner.run(impatient, id, 1);
    expect(report).toMatchObject({ status: "awaiting_event", deadline: new Date(clock.now() + HOUR) });
    expect((await client.list({ idPrefix: id })).instances).toMatchObject([{ deadline: new Date(clock.now() + HOUR) }]);
    clock.advance(HOUR - 1);
    expect(await runner.resume(impatient, id)).toMatchObject({ status: "awaiting_event" });
    clock.advance(1);

    expect(await runner.resume(impatient, id)).toMatchObject({ ...exceeded, deadline: new Date(clock.now()) });
    expect((await client.history(id)).map(({ taskId, outcome }) => [taskId, outcome])).toEqual([
      ["$deadline", "failed"],
    ]);
    await expect(client.result(id)).rejects.toMatchObject({
      code: "INSTANCE_FAILED",
      cause: { name: "DeadlineExceededError", message: expect.stringContaining(id) as unknown },
    });
  });

  test("does nothing to one that ends in time, and leaves nothing behind", async () => {
    const id = fresh("in-time");
    const quick = flow<number>("quick", { deadline: "1h" })
      .fork([branch("a", (b) => b.then("a", (n) => n)), branch("b", (b) => b.then("b", (n) => n + 1))])
      .join("sum", ({ a, b }) => a + b)
      .build();
    expect(await runner.run(quick, id, 1)).toMatchObject({ status: "completed", output: 3 });
    expect((await backend.findInstance(id))?.positions).toEqual([]);

    const failing = flow<number>("failing", { deadline: "1h" })
      .then("no", (): number => {
        throw new Error("no");
      })
      .build();
    expect(await runner.run(failing, fresh("failing"), 1)).toMatchObject({
      status: "failed",
      failure: { taskId: "no" },
    });
  });

  test("can be a time or a span, is that of the flow unless it is given, and can be none", async () => {
    const { clock, client } = await still();
    const at = new Date(clock.now() + 5_000);
    const [own, given, none, many] = [fresh("own"), fresh("given"), fresh("none"), fresh("many")];
    await client.submit(impatient, own, 1, { startAfter: "1h" });
    await client.submit(impatient, given, 1, { deadline: at, startAfter: "1h" });
    await client.submit(impatient, none, 1, { deadline: null });
    await client.submitMany(impatient, [{ instanceId: many, input: 1, deadline: "2h" }]);

    const deadlineOf = async (id: string): Promise<Date | undefined> => (await client.status(id)).deadline;
    expect(await deadlineOf(own)).toEqual(new Date(clock.now() + 2 * HOUR));
    expect(await deadlineOf(given)).toEqual(at);
    expect(await deadlineOf(none)).toBeUndefined();
    expect(await deadlineOf(many)).toEqual(new Date(clock.now() + 2 * HOUR));
    await client.submit(impatient, own, 1, { onConflict: "terminateExisting", deadline: at });
    expect(await deadlineOf(own)).toEqual(at);
  });

  test("is refused where it is none, before anything is written", async () => {
    for (const deadline of [0, -1, "soon", new Date(Number.NaN), true, {}]) {
      const id = fresh("refused");
      const wrong = { code: "INVALID_ARGUMENT", message: expect.stringContaining("options.deadline") as unknown };
      await expect(client.submit(waits, id, 1, { deadline: deadline as never })).rejects.toMatchObject(wrong);
      await expect(runner.run(waits, id, 1, { deadline: deadline as never })).rejects.toMatchObject(wrong);
      await expect(client.extendDeadline(id, deadline as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(client.retry(id, { deadline: deadline as never })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
      expect(await backend.findInstance(id)).toBeNull();
    }
    for (const deadline of ["soon", 0, -5])
      expect(() =>
        flow("f", { deadline })
          .then("a", () => 1)
          .build(),
      ).toThrow("deadline");
  });

  test("tells the running body, also where it has the only slot", async () => {
    const clock = new TestClock();
    const own = await open({ clock });
    const started = new Gate();
    const ports = { clock, timers: anHourAfter(started.passed, clock) };
    const only = new Runner(own, { pollInterval: 10, concurrency: 1, ports });
    const id = fresh("busy");
    const reasons: unknown[] = [];
    const slow = flow<number>("slow")
      .then("sleep", async (_, { signal }) => {
        started.open();
        reasons.push(await aborted(signal));
        throw new Error("stopped");
      })
      .build();

    expect(await only.run(slow, id, 1, { deadline: "1h" })).toMatchObject(exceeded);
    expect(reasons).toMatchObject([{ code: "DEADLINE_EXCEEDED", instanceId: id }]);
    expect((await new Client(own).history(id)).map(({ taskId }) => taskId)).toEqual(["$deadline"]);
  });

  test("frees the only slot of a worker from a body that does not stop, whose late result is dropped", async () => {
    const clock = new TestClock();
    const own = await open({ clock });
    const [started, late] = [new Gate(), new Gate()];
    const timers = anHourAfter(started.passed, clock);
    const deaf = flow<number>("deaf")
      .then("sleep", async (n) => {
        if (n === 2) return n;
        started.open();
        await late.passed;
        return n;
      })
      .build();
    // What is waited for the body to stop is over at once.
    const after: Timers["after"] = (ms, callback) => timers.after(ms === ABORT_GRACE_MS ? 0 : ms, callback);
    const ports = { clock, timers: { ...timers, after } };
    const worker = startWorker(own, { flows: [deaf], concurrency: 1, pollInterval: 10, ports });
    const ownClient = new Client(own);
    const first = await ownClient.submit(deaf, fresh("late"), 1, { deadline: "1h" });

    await expect(first.result()).rejects.toMatchObject({ failure: { code: "DEADLINE_EXCEEDED" } });
    expect(await (await ownClient.submit(deaf, fresh("next"), 2)).result()).toBe(2);
    late.open();
    await worker.drain();
    expect((await first.history()).map(({ taskId }) => taskId)).toEqual(["$deadline"]);
  });

  test("undoes what has been done, and that takes as long as it takes", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("undone");
    const undone: string[] = [];
    const deal = flow<number>("deal", { deadline: "1h" })
      .then("reserve", (n) => n, {
        undo: (_, { taskId }) => {
          undone.push(taskId);
          clock.advance(2 * HOUR);
        },
      })
      .fork([branch("a", (b) => b.delay("rest", "3h")), branch("b", (b) => b.waitForEvent("wait", "never"))])
      .join("end", () => 1)
      .build();
    await runner.run(deal, id, 1);
    clock.advance(HOUR);

    expect(await runner.resume(deal, id)).toMatchObject({ ...exceeded, failure: { code: "DEADLINE_EXCEEDED" } });
    expect(undone).toEqual(["reserve~undo"]);
    expect((await client.history(id)).map(({ taskId }) => taskId)).toEqual([
      "reserve",
      "$deadline",
      "$failed",
      "reserve~undo",
    ]);
    const { positions, ended } = await client.stateAt(deal, id, (await client.history(id)).at(-1)!.sequence);
    expect([positions.map(({ taskId }) => taskId), ended]).toEqual([["$undo"], "failed"]);
  });

  test("doesn't disturb the undoing of what has failed before", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("undoing");
    const deal = flow<number>("deal", { deadline: "1h" })
      .then("reserve", (n) => n, { undo: () => clock.advance(2 * HOUR) })
      .then("charge", (): number => {
        throw new Error("no money");
      })
      .build();
    expect(await runner.run(deal, id, 1)).toMatchObject({ status: "failed", failure: { message: "no money" } });
    expect((await client.history(id)).map(({ taskId }) => taskId)).toEqual([
      "reserve",
      "charge",
      "$failed",
      "reserve~undo",
    ]);
  });

  test("waits while the instance is paused; what is overdue then fails when it is unpaused", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("paused");
    await runner.run(impatient, id, 1);
    await client.pause(id);
    clock.advance(2 * HOUR);
    expect(await runner.resume(impatient, id)).toMatchObject({ status: "paused" });
    await client.unpause(id);
    expect(await runner.resume(impatient, id)).toMatchObject(exceeded);
  });

  test("gives way to a cancel that was requested before", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("cancelled");
    await runner.run(impatient, id, 1);
    await client.cancel(id);
    clock.advance(2 * HOUR);
    expect(await runner.resume(impatient, id)).toMatchObject({ status: "cancelled" });
  });

  test("can be moved and lifted while the instance is live, and is noted", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("extended");
    await runner.run(impatient, id, 1);
    clock.advance(HOUR - 1);
    await client.extendDeadline(id, "1h");
    clock.advance(HOUR - 1);
    expect(await runner.resume(impatient, id)).toMatchObject({ status: "awaiting_event" });
    await client.handle(id).extendDeadline(null);
    clock.advance(HOUR);
    expect(await runner.resume(impatient, id)).not.toHaveProperty("deadline");
    await client.extendDeadline(id, new Date(clock.now() - 1));
    expect(await runner.resume(impatient, id)).toMatchObject(exceeded);
    expect((await client.history(id)).map(({ taskId, attempt }) => `${taskId}#${attempt}`)).toEqual([
      "$extend#1",
      "$extend#2",
      "$extend#3",
      "$deadline#1",
    ]);
    await expect(client.extendDeadline(id, "1h")).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "failed" });
    await expect(client.extendDeadline("nobody", "1h")).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
  });

  test("is gone when the instance is retried, unless it is given another one", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("retried");
    await runner.run(impatient, id, 1);
    clock.advance(HOUR);
    await runner.resume(impatient, id);
    await client.retry(id, { deadline: "1h" });
    expect(await runner.resume(impatient, id)).toMatchObject({ status: "awaiting_event" });
    clock.advance(HOUR);
    expect(await runner.resume(impatient, id)).toMatchObject(exceeded);
    await client.retry(id);
    clock.advance(9 * HOUR);
    expect(await runner.resume(impatient, id)).toEqual({
      status: "awaiting_event",
      events: [{ taskId: "wait", name: "news", timeoutAt: null }],
    });
    await client.sendEvent(id, "news", 7);
    expect(await runner.resume(impatient, id)).toMatchObject({ status: "completed", output: 7 });
    const history = await client.history(id);
    expect(history.map(({ taskId, attempt }) => `${taskId}#${attempt}`)).toEqual([
      "$deadline#1",
      "$retry#1",
      "$deadline#2",
      "$retry#2",
      "wait#1",
    ]);
    const past = await Promise.all(history.map(({ sequence }) => client.stateAt(impatient, id, sequence)));
    expect(past.map(({ ended }) => ended)).toEqual(["failed", null, "failed", null, "completed"]);
    expect(past[0]?.positions).toMatchObject([{ taskId: "wait", path: "" }]);
  });

  test("isn't where the instance stands: no task to be completed, no position of the past", async () => {
    const id = fresh("stands");
    await runner.run(impatient, id, 1);
    await expect(client.completeTask(id, "$deadline", 1)).rejects.toMatchObject({
      message: expect.stringContaining('that is "wait"') as unknown,
    });
    await expect(backend.saveTaskResult(id, "$deadline", new Uint8Array())).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    const { positions } = await client.stateAt(impatient, id, 0n);
    expect(positions.map(({ taskId }) => taskId)).toEqual(["wait"]);
  });

  test("is not taken along by a fork, which can have its own, also of what has failed by it", async () => {
    const { clock, runner, client } = await still();
    const [id, free, bound] = [fresh("source"), fresh("free"), fresh("bound")];
    await runner.run(impatient, id, 1);
    clock.advance(HOUR);
    await runner.resume(impatient, id);
    const at = (await client.history(id)).at(-1)!.sequence;
    await client.fork(impatient, id, free, { at });
    await client.fork(impatient, id, bound, { at, deadline: "1h" });
    clock.advance(2 * HOUR);

    expect(await runner.resume(impatient, free)).toMatchObject({ status: "awaiting_event" });
    expect(await runner.resume(impatient, bound)).toMatchObject(exceeded);
    expect((await client.history(bound)).map(({ taskId, attempt }) => `${taskId}#${attempt}`)).toEqual([
      "$deadline#1",
      "$fork#1",
      "$deadline#2",
    ]);
  });

  test("moves along with a migration, and with a snapshot that is saved and loaded", async () => {
    const { clock, runner, client } = await still();
    const id = fresh("moved");
    const next = flow<number>("waits")
      .waitForEvent("wait", "news")
      .then("more", () => 1)
      .build();
    await runner.run(impatient, id, 1);
    expect(await client.migrateMany(impatient, next, { idPrefix: id })).toMatchObject({ changed: 1, refused: [] });
    clock.advance(HOUR);
    expect(await runner.resume(next, id)).toMatchObject(exceeded);
  });

  test("of a flow is no part of its hash", () => {
    expect(impatient.hash).toBe(waits.hash);
    expect(impatient.deadlineMs).toBe(HOUR);
    expect([...impatient.nodes()].map(({ address }) => address)).toEqual(["wait"]);
  });
});
