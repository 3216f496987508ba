import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { CheckpointFate } from "../../src/store/position-store.ts";
import { systemTimers, type Timer, type Timers } from "../../src/time/timers.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

/** The system's timers, counted; those of more than four seconds come much sooner. */
class CountedTimers implements Timers {
  readonly pending = new Set<object>();

  after(delayMs: number, callback: () => void): Timer {
    return this.#counted(
      (fire) => systemTimers.after(delayMs > 4_000 && delayMs < 6_000 ? 20 : delayMs, fire),
      callback,
    );
  }

  soon(callback: () => void): Timer {
    return this.#counted((fire) => systemTimers.soon(fire), callback);
  }

  #counted(start: (fire: () => void) => Timer, callback: () => void): Timer {
    const entry = {};
    this.pending.add(entry);
    const timer = start(() => {
      this.pending.delete(entry);
      callback();
    });
    return {
      cancel: () => {
        this.pending.delete(entry);
        timer.cancel();
      },
    };
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

describe.each(await bothBackends())("a run on $name", ({ backend }) => {
  const client = new Client(backend);

  describe("leaves no timer behind, which would keep the process alive", () => {
    const names = ["a", "b", "c"];
    const wide = flow<null>("wide")
      .fork(
        names.map((name) =>
          branch(name, (b) =>
            b
              .then(name, async () => await new Promise((resolve) => setTimeout(resolve, 60)), { timeout: "1h" })
              .delay(`${name}-rest`, 10)
              .then(`${name}-more`, async () => await new Promise((resolve) => setTimeout(resolve, 60))),
          ),
        ),
      )
      .join("join", () => 1)
      .build();
    const failing = flow<null>("failing")
      .fork([
        branch("a", (b) => b.then("a", async (_, { signal }) => await untilAborted(signal))),
        branch("b", (b) =>
          b.then("b", () => {
            throw new Error("no");
          }),
        ),
      ])
      .join("join", () => 1)
      .build();
    const late = flow<null>("late")
      .then("a", async () => await new Promise((resolve) => setTimeout(resolve, 60)), { timeout: 10 })
      .build();

    test.each([
      ["to the end", wide],
      ["that fails", failing],
      ["that times out", late],
    ])("%s", async (_, definition) => {
      const timers = new CountedTimers();
      const runner = new Runner(backend, { leaseTtl: 100, pollInterval: 10, ports: { timers } });
      await runner.run(definition, fresh("timers"), null, { until: "ended" });
      await new Promise((resolve) => setImmediate(resolve));

      expect(timers.pending.size).toBe(0);
    });

    test("that is stopped, once its bodies have heard of it", async () => {
      const [timers, probe, stop] = [new CountedTimers(), new Probe(), new AbortController()];
      const ports = { timers };
      const held = flow<null>("held")
        .then("a", async (_, { signal }) => {
          await untilAborted(signal);
          throw signal.reason;
        })
        .build();
      const runner = new Runner(backend, { leaseTtl: 100, pollInterval: 10, observer: probe.observer, ports });
      const run = runner.run(held, fresh("stopped"), null, { signal: stop.signal });
      await probe.first("task_started");
      stop.abort();
      await run;
      await new Promise((resolve) => setImmediate(resolve));

      expect(timers.pending.size).toBe(0);
    });
  });

  test("does not wait for ever for a body that ignores that it is told to stop; what it gives later is dropped", async () => {
    const [id, gate, probe, stop] = [fresh("stubborn"), new Gate(), new Probe(), new AbortController()];
    let bodies = 0;
    const stubborn = flow<null>("stubborn")
      .then("a", async () => {
        if (++bodies > 1) return "by the second body";
        await gate.passed;
        return "by the first body, much too late";
      })
      .build();
    const ports = { timers: new CountedTimers() };
    const runner = new Runner(backend, { leaseTtl: "1h", pollInterval: 10, observer: probe.observer, ports });
    const run = runner.run(stubborn, id, null, { signal: stop.signal });
    await probe.first("task_started");
    stop.abort();

    expect(await run).toMatchObject({ status: "in_progress", tasks: [{ taskId: "a", state: "ready" }] });
    expect(await new Runner(backend, { pollInterval: 10 }).resume(stubborn, id)).toEqual({
      status: "completed",
      output: "by the second body",
    });
    gate.open();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await client.history(id)).toHaveLength(1);
  });

  describe("whose body turns on its own instance", () => {
    const turning = (turn: (id: string) => Promise<unknown>) =>
      flow<null>("turning")
        .then("turn", async (_, { instanceId }) => {
          await turn(instanceId);
          return "turned";
        })
        .then("after", (text) => `${text}, and after`)
        .build();
    const runner = new Runner(backend, { leaseTtl: 200, pollInterval: 10 });

    test("may cancel it", async () => {
      const id = fresh("self");

      expect(
        await runner.run(
          turning(async (own) => await client.cancel(own, { reason: "myself" })),
          id,
          null,
        ),
      ).toEqual({
        status: "cancelled",
        reason: "myself",
      });
      expect((await client.history(id)).map((item) => item.taskId)).toEqual(["turn", "$cancel"]);
    });

    test("may pause it", async () => {
      const [id, pausing] = [fresh("self"), turning(async (own) => await client.pause(own))];

      expect(await runner.run(pausing, id, null)).toEqual({ status: "paused", reason: null });
      await client.unpause(id);
      expect(await runner.resume(pausing, id)).toEqual({ status: "completed", output: "turned, and after" });
    });

    test("may delete it", async () => {
      const run = runner.run(
        turning(async (own) => await client.delete(own)),
        fresh("self"),
        null,
      );

      await expect(run).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    });

    test("may run another one, and hand its result on", async () => {
      const child = flow<number>("child")
        .then("double", (n) => n * 2)
        .build();
      const parent = flow<number>("parent")
        .then("ask", async (n, { instanceId }) => await runner.run(child, `${instanceId}/child`, n))
        .build();

      expect(await runner.run(parent, fresh("parent"), 21)).toEqual({
        status: "completed",
        output: { status: "completed", output: 42 },
      });
    });
  });

  describe("whose store", () => {
    const two = flow<number>("two")
      .then("a", (n) => n + 1)
      .then("b", (n) => n + 1)
      .build();
    const answering = (answer: (taskId: string | undefined, count: number) => CheckpointFate | null) => {
      let count = 0;
      return withChanges(backend, {
        commitCheckpoints: async (checkpoints, holder) => {
          count++;
          const [fate] = checkpoints.map(({ entries }) => answer(entries[0]?.taskId, count));
          return fate == null ? await backend.commitCheckpoints(checkpoints, holder) : checkpoints.map(() => fate);
        },
      });
    };
    const error = new BackendError("BACKEND_BUG", { queryName: "test", problem: "The row can't be written" });

    test("says that a row is locked tries again until it isn't", async () => {
      const busy = answering((_, count) => (count % 4 === 0 ? null : { kind: "busy" }));

      expect(await new Runner(busy, { pollInterval: 10 }).run(two, fresh("busy"), 1)).toEqual({
        status: "completed",
        output: 3,
      });
    });

    test("refuses an outcome for good fails the instance with the reason, and no other instance", async () => {
      const [bad, good] = [fresh("bad"), fresh("good")];
      let refusals = 0;
      const refusing = answering((taskId) => (taskId === "b" && ++refusals === 1 ? { kind: "refused", error } : null));
      const runner = new Runner(refusing, { pollInterval: 10 });

      expect(await runner.run(two, bad, 1)).toMatchObject({
        status: "failed",
        failure: { name: "BackendError", code: "BACKEND_BUG", taskId: "b" },
      });
      expect(await runner.run(two, good, 1)).toEqual({ status: "completed", output: 3 });
      expect((await client.history(bad)).map((item) => [item.taskId, item.outcome])).toEqual([
        ["a", "completed"],
        ["b", "failed"],
      ]);
    });

    test("refuses even the failure ends the run with the store's error, and leaves the instance to others", async () => {
      const id = fresh("worse");
      const refusing = answering((taskId) => (taskId === "b" ? { kind: "refused", error } : null));

      await expect(new Runner(refusing, { leaseTtl: 100, pollInterval: 10 }).run(two, id, 1)).rejects.toBe(error);
      expect(await new Runner(backend, { pollInterval: 10 }).resume(two, id)).toEqual({
        status: "completed",
        output: 3,
      });
    });
  });
});
