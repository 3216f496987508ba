import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

describe.each(await bothBackends())("a pause on $name", ({ backend, open }) => {
  const client = new Client(backend);
  const runner = new Runner(backend, { pollInterval: 10 });
  const observed = (): { runner: Runner; probe: Probe } => {
    const probe = new Probe();
    return { probe, runner: new Runner(backend, { leaseTtl: 500, pollInterval: 10, observer: probe.observer }) };
  };
  const timed = async () => {
    const clock = new TestClock();
    const store = await open({ clock });
    const probe = new Probe();
    const options = { pollInterval: 10, observer: probe.observer };
    return { clock, probe, client: new Client(store), runner: new Runner(store, options) };
  };

  test("while a task runs lets it finish and be recorded, and starts nothing until it is lifted", async () => {
    const { probe, runner: own } = observed();
    const gate = new Gate();
    const id = fresh("running");
    const two = flow<null>("running")
      .then("first", () => gate.passed.then(() => 1))
      .then("second", (n) => n + 1)
      .build();
    const run = own.run(two, id, null, { until: "ended" });
    await probe.first("task_started");

    expect(await client.pause(id, { reason: "audit" })).toBe("applied");
    expect(await client.status(id)).toEqual({ status: "paused", reason: "audit" });
    gate.open();
    expect(await run).toEqual({ status: "paused", reason: "audit" });
    expect(probe.of("task_started").map((event) => event.taskId)).toEqual(["first"]);
    expect(await own.resume(two, id, { until: "ended" })).toEqual({ status: "paused", reason: "audit" });

    await client.unpause(id);
    expect(await own.resume(two, id)).toEqual({ status: "completed", output: 2 });
    expect((await client.history(id)).map((item) => item.taskId)).toEqual(["$pause", "first", "$unpause", "second"]);
  });

  test("that is lifted while the task still runs changes nothing for it", async () => {
    const { probe, runner: own } = observed();
    const gate = new Gate();
    const id = fresh("lifted");
    const two = flow<null>("lifted")
      .then("first", () => gate.passed.then(() => 1))
      .then("second", (n) => n + 1)
      .build();
    const run = own.run(two, id, null);
    await probe.first("task_started");
    await client.pause(id);
    await client.unpause(id);
    gate.open();

    expect(await run).toEqual({ status: "completed", output: 2 });
    expect(probe.of("task_started")).toHaveLength(2);
  });

  test("while the last task runs does not keep it from completing the instance", async () => {
    const { probe, runner: own } = observed();
    const gate = new Gate();
    const id = fresh("last");
    const one = flow<null>("last")
      .then("only", () => gate.passed.then(() => 1))
      .build();
    const run = own.run(one, id, null);
    await probe.first("task_started");
    await client.pause(id);
    gate.open();

    expect(await run).toEqual({ status: "completed", output: 1 });
    await expect(client.unpause(id)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "completed" });
  });

  test("stops all branches, whatever they are at, and lifting it lets all go on", async () => {
    const { probe, runner: own } = observed();
    const gate = new Gate();
    const id = fresh("branches");
    const wide = flow<null>("branches")
      .fork([
        branch("runs", (b) => b.then("r1", () => gate.passed.then(() => "r")).then("r2", (text) => `${text}2`)),
        branch("sleeps", (b) => b.delay("rest", 30).then("s", () => "s")),
        branch("waits", (b) => b.waitForEvent<string>("w", "news")),
      ])
      .join("all", (outputs) => outputs)
      .build();
    const run = own.run(wide, id, null, { until: "ended" });
    await Promise.all([probe.first("task_started", "r1"), probe.first("parked", "w")]);
    await client.pause(id);
    expect(await client.sendEvent(id, "news", "came meanwhile")).toBe("buffered");
    gate.open();

    expect(await run).toMatchObject({ status: "paused" });
    expect(probe.of("task_started", "r2")).toEqual([]);
    await client.unpause(id);
    expect(await own.resume(wide, id, { until: "ended" })).toEqual({
      status: "completed",
      output: { runs: "r2", sleeps: "s", waits: "came meanwhile" },
    });
  });

  test("keeps events in their order, and takes them when it is lifted", async () => {
    const id = fresh("events");
    const two = flow<null>("events")
      .waitForEvent<number>("one", "n")
      .waitForEvent<number>("two", "n")
      .then("both", async (two, context) => [await context.output("one"), two])
      .build();
    await runner.run(two, id, null);
    await client.pause(id);

    expect([await client.sendEvent(id, "n", 1), await client.sendEvent(id, "n", 2)]).toEqual(["buffered", "buffered"]);
    expect(await client.status(id)).toEqual({ status: "paused", reason: null });
    await client.unpause(id);
    expect(await runner.resume(two, id)).toEqual({ status: "completed", output: [1, 2] });
  });

  test("does not stop the clock: a delay that ended meanwhile is over when it is lifted", async () => {
    const world = await timed();
    const id = fresh("delayed");
    const delayed = flow<number>("delayed").delay("rest", "10m").build();
    await world.runner.run(delayed, id, 7);
    await world.client.pause(id);
    world.clock.advance(600_000);
    expect(await world.runner.resume(delayed, id)).toMatchObject({ status: "paused" });
    await world.client.unpause(id);

    expect(await world.runner.resume(delayed, id)).toEqual({ status: "completed", output: 7 });
  });

  test("does not shorten a delay that is not over when it is lifted", async () => {
    const world = await timed();
    const id = fresh("still-delayed");
    const delayed = flow<number>("still-delayed").delay("rest", "10m").build();
    const wakeAt = new Date(world.clock.now() + 600_000);
    await world.runner.run(delayed, id, 7);
    await world.client.pause(id);
    world.clock.advance(300_000);
    await world.client.unpause(id);

    expect(await world.runner.resume(delayed, id)).toEqual({ status: "waiting", wakeAt });
    world.clock.advance(300_000);
    expect(await world.runner.resume(delayed, id)).toEqual({ status: "completed", output: 7 });
  });

  test("does not stop the clock of a wait: its time limit counts from when it began", async () => {
    const world = await timed();
    const id = fresh("limited");
    const limited = flow<number>("limited")
      .waitForEvent("wait", "news", { timeout: "10m", onTimeout: "continue" })
      .build();
    await world.runner.run(limited, id, 7);
    await world.client.pause(id);
    world.clock.advance(599_999);
    await world.client.unpause(id);
    expect(await world.runner.resume(limited, id)).toMatchObject({ status: "awaiting_event" });
    world.clock.advance(1);

    expect(await world.runner.resume(limited, id)).toEqual({ status: "completed", output: { timedOut: true } });
  });

  test("between two attempts keeps the time of the next", async () => {
    const world = await timed();
    const id = fresh("retrying");
    const stop = new AbortController();
    const retrying = flow<null>("retrying")
      .then(
        "try",
        (_, { attempt }) => {
          if (attempt === 1) throw new Error("not yet");
          return attempt;
        },
        { retry: { attempts: 2, initialDelay: "10m", jitter: 0 } },
      )
      .build();
    const retryAt = new Date(world.clock.now() + 600_000);
    const run = world.runner.run(retrying, id, null, { signal: stop.signal });
    await world.probe.first("task_failed");
    stop.abort();
    expect(await run).toMatchObject({ status: "in_progress", tasks: [{ attempt: 2, state: "retrying", retryAt }] });
    await world.client.pause(id);
    world.clock.advance(1_000);
    await world.client.unpause(id);

    expect(await world.client.status(id)).toMatchObject({ tasks: [{ attempt: 2, state: "retrying", retryAt }] });
    world.clock.advance(599_000);
    expect(await world.runner.resume(retrying, id)).toEqual({ status: "completed", output: 2 });
  });

  test("may be repeated; what is not possible is refused and names the state", async () => {
    const id = fresh("states");
    const waiting = flow<null>("states").waitForEvent("wait", "news").build();
    await runner.run(waiting, id, null);

    await expect(client.unpause(id)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "in_progress" });
    expect(await client.pause(id, { reason: "first" })).toBe("applied");
    expect(await client.pause(id, { reason: "second" })).toBe("unchanged");
    expect(await client.status(id)).toEqual({ status: "paused", reason: "first" });
    await client.unpause(id);
    await client.cancel(id);
    await expect(client.pause(id)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "cancelled" });
    await expect(client.pause(fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    await expect(client.unpause(fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
  });

  test("and its lifting, at any moment, lose nothing and run nothing twice", async () => {
    const id = fresh("storm");
    const seen: string[] = [];
    let chain = flow<number>("storm").then("t0", (n) => n);
    for (let index = 1; index < 30; index++) {
      chain = chain.then(`t${index}`, (n, { taskId }) => {
        seen.push(taskId);
        return n + 1;
      });
    }
    const long = chain.build();
    let ended = false;
    const drive = async (): Promise<unknown> => {
      for (;;) {
        const report = await runner.run(long, id, 0, { onConflict: "useExisting", until: "ended" });
        if (report.status === "completed") return report.output;
      }
    };
    const disturb = async (): Promise<void> => {
      const ignore = (error: unknown): void => expect((error as { code: string }).code).toMatch(/^IN(VALID|STANCE)_/);
      while (!ended) {
        await client.pause(id).catch(ignore);
        await client.unpause(id).catch(ignore);
        // In memory nothing of this takes time: without a turn for the others, they would never get one.
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const disturbed = disturb();
    const output = await drive();
    ended = true;
    await disturbed;

    expect(output).toBe(29);
    expect(seen).toEqual(Array.from({ length: 29 }, (_, index) => `t${index + 1}`));
  });
});
