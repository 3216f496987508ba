import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const neverRuns = { signal: AbortSignal.abort() };

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

describe.each(await bothBackends())("a cancel on $name", ({ backend }) => {
  const runner = new Runner(backend, { leaseTtl: 200, pollInterval: 10 });
  const client = new Client(backend);
  const observed = (): { runner: Runner; probe: Probe } => {
    const probe = new Probe();
    return { probe, runner: new Runner(backend, { leaseTtl: 200, pollInterval: 10, observer: probe.observer }) };
  };

  describe("of an instance that nobody runs takes effect at once", () => {
    const ready = flow<null>("ready")
      .then("work", () => "worked")
      .build();
    const delayed = flow<null>("delayed").delay("rest", "1h").build();
    const waiting = flow<null>("waiting").waitForEvent("wait", "news").build();
    const forked = flow<null>("forked")
      .fork([
        branch("a", (b) => b.delay("rest", "1h")),
        branch("b", (b) => b.waitForEvent("wait", "news").then("after", () => 1)),
      ])
      .join("join", () => 1)
      .build();
    const instances: readonly (readonly [string, Flow<null>, object])[] = [
      ["not yet begun", ready, neverRuns],
      ["asleep", delayed, {}],
      ["waiting for an event", waiting, {}],
      ["both, in branches", forked, {}],
    ];

    test.each(instances)("%s", async (_, definition, options) => {
      const id = fresh(definition.name);
      await runner.run(definition, id, null, options);

      expect(await client.cancel(id, { reason: "not wanted any more", requestedBy: "Ada" })).toBe("applied");
      expect(await client.status(id)).toEqual({ status: "cancelled", reason: "not wanted any more" });
      expect(await runner.resume(definition, id)).toEqual({ status: "cancelled", reason: "not wanted any more" });
      expect((await backend.findInstance(id))?.positions).toEqual([]);
      expect((await client.history(id)).map((item) => [item.taskId, item.outcome])).toEqual([["$cancel", "noted"]]);
    });

    test("paused", async () => {
      const id = fresh("paused");
      await runner.run(delayed, id, null);
      await client.pause(id);

      expect(await client.cancel(id)).toBe("applied");
      expect(await client.status(id)).toEqual({ status: "cancelled", reason: null });
      await expect(client.unpause(id)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "cancelled" });
    });

    test("between two attempts", async () => {
      const { probe, runner: own } = observed();
      const id = fresh("retrying");
      const retrying = flow<null>("retrying")
        .then(
          "try",
          () => {
            throw new Error("not yet");
          },
          { retry: { attempts: 9, initialDelay: "1h" } },
        )
        .build();
      const run = own.run(retrying, id, null);
      await probe.first("task_failed");

      expect(await client.cancel(id)).toBe("applied");
      expect(await run).toEqual({ status: "cancelled", reason: null });
    });
  });

  describe("of an instance that somebody runs", () => {
    test("tells the body, which may stop: no outcome is recorded, and nothing else starts", async () => {
      const { probe, runner: own } = observed();
      const id = fresh("stops");
      let reason: unknown;
      const stopping = flow<null>("stops")
        .then(
          "work",
          async (_, { signal }) => {
            await untilAborted(signal);
            ({ reason } = signal);
            throw new Error("stopped in the middle");
          },
          { retry: { attempts: 5, initialDelay: 0 } },
        )
        .then("next", () => "reached")
        .build();
      const run = own.run(stopping, id, null);
      await probe.first("task_started");

      expect(await client.cancel(id, { reason: "enough" })).toBe("requested");
      expect(await run).toEqual({ status: "cancelled", reason: "enough" });
      expect(reason).toMatchObject({ code: "INSTANCE_CANCELLED", instanceId: id });
      expect((await client.history(id)).map((item) => item.taskId)).toEqual(["$cancel"]);
      expect(probe.of("instance_ended")).toEqual([{ kind: "instance_ended", instanceId: id, status: "cancelled" }]);
    });

    test("records what a body finishes all the same, and starts nothing after it", async () => {
      const { probe, runner: own } = observed();
      const id = fresh("finishes");
      const stubborn = flow<null>("finishes")
        .then("work", async (_, { signal }) => {
          await untilAborted(signal);
          return "finished";
        })
        .then("next", () => "reached")
        .build();
      const run = own.run(stubborn, id, null);
      await probe.first("task_started");
      await client.cancel(id);

      expect(await run).toEqual({ status: "cancelled", reason: null });
      expect((await client.history(id)).map((item) => [item.taskId, item.output, item.outputRef])).toEqual([
        ["work", "finished", null],
        ["$cancel", undefined, "work"],
      ]);
      expect(probe.of("task_started").map((event) => event.taskId)).toEqual(["work"]);
    });

    test("tells all running branches, and ends the instance when the last has stopped", async () => {
      const { probe, runner: own } = observed();
      const id = fresh("branches");
      const stopped: string[] = [];
      const last = new Gate();
      const wide = flow<null>("branches")
        .fork(
          ["a", "b", "c"].map((name) =>
            branch(name, (b) =>
              b.then(name, async (_, { signal }) => {
                await untilAborted(signal);
                if (name === "c") await last.passed;
                stopped.push(name);
                if (stopped.length === 2) last.open();
                throw signal.reason;
              }),
            ),
          ),
        )
        .join("join", () => "joined")
        .build();
      const run = own.run(wide, id, null);
      await expect.poll(() => probe.of("task_started").length).toBe(3);
      await client.cancel(id, { reason: "all of it" });

      expect(await run).toEqual({ status: "cancelled", reason: "all of it" });
      expect(stopped).toEqual(["a", "b", "c"]);
      expect((await client.history(id)).map((item) => item.taskId)).toEqual(["$cancel"]);
    });

    test("may be repeated: the first reason counts, and it happens once", async () => {
      const { probe, runner: own } = observed();
      const id = fresh("repeated");
      const gate = new Gate();
      const held = flow<null>("repeated")
        .then("work", () => gate.passed)
        .then("next", () => 1)
        .build();
      const run = own.run(held, id, null);
      await probe.first("task_started");

      expect(await client.cancel(id, { reason: "first" })).toBe("requested");
      expect(await client.cancel(id, { reason: "second" })).toBe("requested");
      gate.open();
      expect(await run).toEqual({ status: "cancelled", reason: "first" });
      expect(await client.cancel(id, { reason: "third" })).toBe("unchanged");
      expect(await client.status(id)).toEqual({ status: "cancelled", reason: "first" });
      expect((await client.history(id)).filter((item) => item.taskId === "$cancel")).toHaveLength(1);
    });

    test("that is paused meanwhile ends it all the same", async () => {
      const { probe, runner: own } = observed();
      const id = fresh("paused-running");
      const held = flow<null>("paused-running")
        .then("work", async (_, { signal }) => await untilAborted(signal))
        .then("next", () => 1)
        .build();
      const run = own.run(held, id, null);
      await probe.first("task_started");
      await client.pause(id);

      expect(await client.cancel(id)).toBe("requested");
      expect(await run).toEqual({ status: "cancelled", reason: null });
    });

    test("whose process has died takes effect when the lease has run out and somebody comes by", async () => {
      const id = fresh("orphan");
      const orphan = flow<null>("orphan")
        .then("work", () => "worked")
        .build();
      await runner.run(orphan, id, null, neverRuns);
      await backend.claimPositions({ workerId: "dead", leaseMs: 150, limit: 1, lanes: [], instanceId: id });

      expect(await client.cancel(id)).toBe("requested");
      expect(await runner.resume(orphan, id)).toEqual({ status: "cancelled", reason: null });
      expect((await client.history(id)).map((item) => item.taskId)).toEqual(["$cancel"]);
    });
  });

  test("of an instance that has ended otherwise is refused and changes nothing", async () => {
    const [done, failed] = [fresh("done"), fresh("failed")];
    const working = flow<boolean>("working")
      .then("work", (fails) => {
        if (fails) throw new Error("no");
        return "done";
      })
      .build();
    await runner.run(working, done, false);
    await runner.run(working, failed, true);

    await expect(client.cancel(done)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "completed" });
    await expect(client.cancel(failed)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from: "failed" });
    await expect(client.cancel(fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    expect(await client.status(done)).toEqual({ status: "completed", output: "done" });
    expect(await client.status(failed)).toMatchObject({ status: "failed" });
  });

  test("INV-11: beside the last checkpoint, one of them wins and everybody is told the same", async () => {
    const short = flow<null>("short")
      .then("a", () => 1)
      .then("b", () => 2)
      .build();
    const statuses = new Set<string>();
    for (let round = 0; round < 25; round++) {
      const id = fresh("race");
      await runner.run(short, id, null, neverRuns);
      const [report, outcome] = await Promise.all([
        runner.resume(short, id),
        client.cancel(id).catch((error: unknown) => (error as { code: string }).code),
      ]);
      statuses.add(report.status);

      expect(await client.status(id)).toEqual(report);
      if (report.status === "completed") expect(["requested", "INVALID_TRANSITION"]).toContain(outcome);
      else expect(report.status).toBe("cancelled");
      expect((await backend.findInstance(id))?.positions).toEqual([]);
    }
    expect([...statuses].every((status) => status === "completed" || status === "cancelled")).toBe(true);
  });
});
