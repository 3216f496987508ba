import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const neverRuns = { signal: AbortSignal.abort() };
const one = flow<number>("one")
  .then("work", (n) => {
    if (n < 0) throw Object.assign(new Error("negative"), { code: "E_NEGATIVE" });
    return { n };
  })
  .build();
const waiting = flow<number>("waiting").waitForEvent("wait", "news").build();

describe.each(await bothBackends())("Client on $name", ({ backend, open, database }) => {
  const runner = new Runner(backend, { pollInterval: 10, workerId: "the-runner" });
  const client = new Client(backend);
  const gatedRun = async (id: string) => {
    const [gate, probe] = [new Gate(), new Probe()];
    const gated = flow<null>("gated")
      .then("work", () => gate.passed.then(() => "worked"))
      .build();
    const run = new Runner(backend, { pollInterval: 10, workerId: "the-runner", observer: probe.observer }).run(
      gated,
      id,
      null,
    );
    await probe.first("task_started");
    return { gate, run };
  };

  describe("status", () => {
    test("of a completed instance has its output, also undefined", async () => {
      const [id, nothing] = [fresh("completed"), fresh("nothing")];
      await runner.run(one, id, 5);
      await runner.run(
        flow<null>("nothing")
          .then("a", () => undefined)
          .build(),
        nothing,
        null,
      );

      expect(await client.status(id)).toStrictEqual({ status: "completed", output: { n: 5 } });
      expect(await client.status(nothing)).toStrictEqual({ status: "completed", output: undefined });
    });

    test("of a failed instance has the failure", async () => {
      const id = fresh("failed");
      await runner.run(one, id, -1);

      expect(await client.status(id)).toEqual({
        status: "failed",
        failure: {
          name: "Error",
          message: "negative",
          code: "E_NEGATIVE",
          retryable: true,
          taskId: "work",
          stack: expect.stringContaining("negative") as unknown,
        },
      });
    });

    test("of a cancelled or paused instance has the reason, if one was given", async () => {
      const ids = ["cancelled", "cancelled", "paused", "paused"].map(fresh);
      for (const id of ids) await runner.run(waiting, id, 1);
      await client.cancel(ids[0]!, { reason: "refunded" });
      await client.cancel(ids[1]!);
      await client.pause(ids[2]!, { reason: "audit" });
      await client.pause(ids[3]!);

      expect(await Promise.all(ids.map(async (id) => await client.status(id)))).toStrictEqual([
        { status: "cancelled", reason: "refunded" },
        { status: "cancelled", reason: null },
        { status: "paused", reason: "audit" },
        { status: "paused", reason: null },
      ]);
    });

    test("of one in progress has its tasks: ready, then running and by whom", async () => {
      const [ready, running] = [fresh("ready"), fresh("running")];
      await runner.run(one, ready, 1, neverRuns);
      const { gate, run } = await gatedRun(running);
      const task = { taskId: "work", attempt: 1, retryAt: null };

      expect(await client.status(ready)).toStrictEqual({
        status: "in_progress",
        tasks: [{ ...task, state: "ready", workerId: null }],
      });
      expect(await client.status(running)).toStrictEqual({
        status: "in_progress",
        tasks: [{ ...task, state: "running", workerId: "the-runner" }],
      });
      gate.open();
      await run;
    });

    test("of one that only lets time pass has when that is over: the earliest", async () => {
      const clock = new TestClock();
      const timed = await open({ clock });
      const id = fresh("asleep");
      const asleep = flow<number>("asleep")
        .fork([branch("a", (b) => b.delay("long", "2h")), branch("b", (b) => b.delay("short", "1h"))])
        .join("join", () => 1)
        .build();
      await new Runner(timed, { pollInterval: 10 }).run(asleep, id, 1);

      expect(await new Client(timed).status(id)).toStrictEqual({
        status: "waiting",
        wakeAt: new Date(clock.now() + 3_600_000),
      });
    });

    test("of one that waits for events has all of them, with their time limits", async () => {
      const clock = new TestClock();
      const timed = await open({ clock });
      const id = fresh("events");
      const two = flow<number>("two")
        .fork([
          branch("a", (b) => b.waitForEvent("w-a", "approval", { timeout: "1h" })),
          branch("b", (b) => b.waitForEvent("w-b", "payment")),
          branch("c", (b) => b.delay("rest", "1m")),
        ])
        .join("join", () => 1)
        .build();
      await new Runner(timed, { pollInterval: 10 }).run(two, id, 1);

      const report = await new Client(timed).status(id);
      expect(report.status).toBe("awaiting_event");
      expect(
        report.status === "awaiting_event" ? [...report.events].sort((a, b) => (a.name < b.name ? -1 : 1)) : [],
      ).toStrictEqual([
        { taskId: "w-a", name: "approval", timeoutAt: new Date(clock.now() + 3_600_000) },
        { taskId: "w-b", name: "payment", timeoutAt: null },
      ]);
    });

    test("of one of whose branches can run, though others wait, is in progress", async () => {
      const id = fresh("mixed");
      const mixed = flow<number>("mixed")
        .fork([branch("a", (b) => b.waitForEvent("w", "news")), branch("b", (b) => b.then("t", () => 1))])
        .join("join", () => 1)
        .build();
      await runner.run(mixed, id, 1, neverRuns);

      expect(await client.status(id)).toMatchObject({ status: "in_progress" });
    });
  });

  describe("result", () => {
    test("gives the output as soon as there is one, to all who wait", async () => {
      const id = fresh("result");
      const { gate, run } = await gatedRun(id);
      const results = Promise.all([client.result(id), client.result(id, { timeout: "1m" })]);
      gate.open();

      expect(await results).toEqual(["worked", "worked"]);
      expect(await run).toEqual({ status: "completed", output: "worked" });
    });

    test("gives up after its timeout, and the instance goes on", async () => {
      const id = fresh("timeout");
      await runner.run(waiting, id, 1);

      await expect(client.result(id, { timeout: 30 })).rejects.toMatchObject({
        code: "RESULT_TIMEOUT",
        message: `Instance "${id}" did not end within 30 ms. It goes on, if a worker with its flow is running; ask again later.`,
        instanceId: id,
        retryable: true,
      });
      await expect(client.result(id, { timeout: 0 })).rejects.toMatchObject({ code: "RESULT_TIMEOUT" });
      await client.sendEvent(id, "news", "at last");
      await runner.resume(waiting, id);
      expect(await client.result(id, { timeout: 0 })).toBe("at last");
    });

    test("gives up when its signal aborts, with the signal's reason", async () => {
      const id = fresh("aborted");
      await runner.run(waiting, id, 1);
      const stop = new AbortController();
      const result = client.result(id, { signal: stop.signal });
      const reason = new Error("the user has gone");
      stop.abort(reason);

      await expect(result).rejects.toBe(reason);
      await expect(client.result(id, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    test("rejects for what ended without a result: failed, cancelled, deleted, unknown", async () => {
      const [failed, cancelled, deleted] = [fresh("failed"), fresh("cancelled"), fresh("deleted")];
      await runner.run(one, failed, -1);
      await runner.run(waiting, cancelled, 1);
      await runner.run(waiting, deleted, 1);
      const [ofCancelled, ofDeleted] = [cancelled, deleted].map(
        async (id) => await client.result(id).catch((error: unknown) => error),
      );
      await client.cancel(cancelled, { reason: "refunded" });
      await client.delete(deleted);

      await expect(client.result(failed)).rejects.toMatchObject({
        code: "INSTANCE_FAILED",
        message: `Instance "${failed}" failed: Error: negative`,
        cause: { message: "negative", code: "E_NEGATIVE" },
      });
      expect(await ofCancelled).toMatchObject({ code: "INSTANCE_CANCELLED", reason: "refunded" });
      expect(await ofDeleted).toMatchObject({ code: "INSTANCE_NOT_FOUND" });
      await expect(client.result(fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    });

    test("waits for a paused instance", async () => {
      const id = fresh("paused");
      await runner.run(waiting, id, 1);
      await client.pause(id);
      const result = client.result(id);
      await client.sendEvent(id, "news", "after the pause");
      await client.unpause(id);
      await runner.resume(waiting, id);

      expect(await result).toBe("after the pause");
    });
  });

  describe("history", () => {
    const rich = flow<number>("rich")
      .then(
        "first",
        (n, { attempt }) => {
          if (attempt === 1) throw new Error("not yet");
          return new Map([["n", n]]);
        },
        { retry: { attempts: 2, initialDelay: 0 } },
      )
      .delay("rest", 0)
      .route("way", () => "on", ["on"])
      .branch("on")
      .done()
      .fork([branch("b", (b) => b.then("in-b", (map: Map<string, number>) => map.size).delay("nap", 0))])
      .join("join", ({ b }) => b)
      .loop("loop", (n: number) => LoopResult.done(BigInt(n)))
      .waitForEvent<Date>("wait", "news")
      .build();

    test("has every entry in order, decoded, with where each came from", async () => {
      const id = fresh("rich");
      const at = new Date(0);
      await client.sendEvent(id, "news", at);
      await runner.run(rich, id, 7);

      const history = await client.history(id);
      const shape = history.map(({ taskId, attempt, kind, outcome, output, outputRef, decision }) => [
        decision,
        taskId,
        attempt,
        kind,
        outcome,
        output,
        outputRef,
      ]);
      expect(shape).toEqual([
        [null, "first", 1, "task", "failed", undefined, null],
        [null, "first", 2, "task", "completed", new Map([["n", 7]]), null],
        [null, "rest", 1, "delay", "completed", undefined, "first"],
        ["on", "way", 1, "route", "completed", "on", null],
        [null, "in-b", 1, "task", "completed", 1, null],
        [null, "nap", 1, "delay", "completed", undefined, "in-b"],
        [null, "join/b", 1, "branch", "completed", undefined, "in-b"],
        [null, "join", 1, "join", "completed", 1, null],
        ["done", "loop[0]", 1, "loop", "completed", 1n, null],
        [null, "wait", 1, "wait", "completed", at, null],
      ]);
      expect(history[0]).toMatchObject({
        failure: { message: "not yet", taskId: "first" },
        workerId: "the-runner",
        problem: null,
      });
      for (const [index, item] of history.entries()) {
        expect(item.at).toBeInstanceOf(Date);
        expect(item.sequence > (history[index - 1]?.sequence ?? 0n)).toBe(true);
      }
      expect(history[1]?.durationMs).toBeGreaterThanOrEqual(0);
      expect(history[2]?.durationMs).toBeNull();
    });

    test("comes in pages", async () => {
      const id = fresh("pages");
      await client.sendEvent(id, "news", new Date(0));
      await runner.run(rich, id, 7);
      const whole = await client.history(id);

      const paged = [];
      for (let after = 0n; ; ) {
        const page = await client.history(id, { after, limit: 3 });
        expect(page.length).toBeLessThanOrEqual(3);
        paged.push(...page);
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.sequence;
      }
      expect(paged).toEqual(whole);
    });

    test("of an instance without any entry is empty; of none there is none", async () => {
      const id = fresh("empty");
      await runner.run(one, id, 1, neverRuns);

      expect(await client.history(id)).toEqual([]);
      await expect(client.history(fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    });
  });

  describe("delete", () => {
    test("leaves nothing, so that the id can begin anew", async () => {
      const id = fresh("deleted");
      await runner.run(waiting, id, 1);
      await client.sendEvent(id, "other", 1, { dedupKey: "once" });
      await client.pause(id);
      await client.delete(id);

      for (const method of ["status", "history", "cancel", "delete"] as const) {
        await expect(client[method](id)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
      }
      expect(await runner.run(waiting, id, 2)).toMatchObject({ status: "awaiting_event" });
      expect(await backend.peekEvent(id, "other")).toBeNull();
      expect(await client.sendEvent(id, "news", "new", { dedupKey: "once" })).toBe("delivered");
      expect(await runner.resume(waiting, id)).toEqual({ status: "completed", output: "new" });
    });

    if (database !== null) {
      test("leaves no row in any table", async () => {
        const id = fresh("no-rows");
        await runner.run(waiting, id, 1);
        await client.sendEvent(id, "other", 1, { dedupKey: "once" });
        await client.delete(id);

        const { rows } = await database.pool.query<{ name: string }>(
          "SELECT table_name AS name FROM information_schema.columns WHERE table_schema = 'waymark' AND column_name = 'instance_id'",
        );
        expect(rows.length).toBeGreaterThan(5);
        for (const { name } of rows) {
          const left = await database.pool.query(`SELECT FROM waymark."${name}" WHERE instance_id = $1`, [id]);
          expect([name, left.rowCount]).toEqual([name, 0]);
        }
      });
    }
  });
});
