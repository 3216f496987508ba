import { expect } from "vitest";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

export const saveTaskResultTests: ConformanceTests = {
  "records the outcome of the task": async ({ backend, given }) => {
    await given.instance();

    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await backend.loadResults("order-1", ["first"])).toMatchObject([
      { taskId: "first", outcome: "completed", output: bytesOf("7") },
    ]);
    expect(await given.entryOf("order-1", "first")).toMatchObject({
      attempt: 1,
      kind: "task",
      path: "",
      workerId: null,
      durationMs: null,
    });
  },

  "moves no position": async ({ backend, given }) => {
    const claim = await given.held();
    const before = await given.positionOf("order-1");

    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.positionOf("order-1")).toEqual(before);
    expect(await backend.renewClaims([claim], 1_000)).toEqual([{ held: true, interrupt: null }]);
  },

  "lets whoever comes to the task find the outcome": async ({ backend, given }) => {
    await given.instance();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.claimOf("order-1")).toMatchObject({
      taskId: "first",
      recorded: { outcome: "completed", output: bytesOf("7") },
    });
  },

  "lets the outcome be found that was recorded before anybody came to the task": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "second", bytesOf("7"));
    await given.accepted(claim, { kind: "park", to: given.standing({ taskId: "second" }), wakeAfterMs: 0 });

    expect(await given.claimOf("order-1")).toMatchObject({
      taskId: "second",
      recorded: { outcome: "completed", output: bytesOf("7") },
    });
  },

  "leaves nothing to sleep for: given back before its time, the position is ready (found with seed 155766921)": async ({
    backend,
    given,
  }) => {
    const to = given.standing({ attempt: 2 });
    await given.accepted(await given.held(), { kind: "park", to, wakeAfterMs: 500 });
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    const claim = await given.claimOf("order-1");
    await backend.releaseClaims([claim]);
    expect(await given.positionOf("order-1")).toMatchObject({ ready: true, claim: null });

    await given.claimOf("order-1", { leaseMs: 100 });
    given.after(101);
    expect(await given.claim()).toMatchObject([{ taskId: "first", recorded: { outcome: "completed" } }]);
  },

  "keeps the running body's outcome from being recorded as well": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.commit(aCheckpoint(claim, { entries: [anEntry()] }))).toEqual({ kind: "recorded" });
  },

  "does nothing for the same bytes again": async ({ backend, given }) => {
    await given.instance();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));
    const before = await given.seen("order-1");

    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.seen("order-1")).toEqual(before);
  },

  "does nothing for the bytes that a checkpoint has recorded": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [anEntry()]);
    const before = await given.seen("order-1");

    await backend.saveTaskResult("order-1", "first", bytesOf("2"));

    expect(await given.seen("order-1")).toEqual(before);
  },

  "refuses other bytes for a recorded task; the recorded ones stand (INV-3)": async ({ backend, given }) => {
    await given.instance();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    await expectRefusal(backend.saveTaskResult("order-1", "first", bytesOf("8")), "RESULT_CONFLICT", {
      instanceId: "order-1",
      taskId: "first",
    });
    await expectRefusal(backend.saveTaskResult("order-1", "first", bytesOf("77")), "RESULT_CONFLICT");
    await expectRefusal(backend.saveTaskResult("order-1", "first", new Uint8Array()), "RESULT_CONFLICT");

    expect((await backend.loadResults("order-1", ["first"]))[0]?.output).toEqual(bytesOf("7"));
  },

  "refuses an output for a wait that has timed out": async ({ backend, given }) => {
    const claim = await given.held({ at: given.wait() });
    const timedOut = anEntry({ taskId: "payment", kind: "wait", outcome: "timed_out", output: null });
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [timedOut]);

    await expectRefusal(backend.saveTaskResult("order-1", "payment", bytesOf("7")), "RESULT_CONFLICT");
  },

  "tells an empty output from none": async ({ backend, given }) => {
    await given.instance();
    await backend.saveTaskResult("order-1", "first", new Uint8Array());

    expect((await backend.loadResults("order-1", ["first"]))[0]?.output).toEqual(new Uint8Array());
  },

  "refuses an unknown instance": async ({ backend }) => {
    await expectRefusal(backend.saveTaskResult("nowhere", "first", bytesOf("7")), "INSTANCE_NOT_FOUND", {
      instanceId: "nowhere",
    });
  },

  ...Object.fromEntries(
    (["completed", "failed", "cancelled"] as const).map((status): [string, ConformanceTest] => [
      `refuses a ${status} instance and changes nothing`,
      async ({ backend, given }) => {
        await given.ended(status);
        const before = await given.seen("order-1");

        await expectRefusal(backend.saveTaskResult("order-1", "second", bytesOf("7")), "INVALID_TRANSITION", {
          from: status,
        });

        expect(await given.seen("order-1")).toEqual(before);
      },
    ]),
  ),

  "works on a paused instance": async ({ backend, given }) => {
    await given.paused();
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));
    await backend.unpause("order-1");

    expect(await given.claimOf("order-1")).toMatchObject({ recorded: { output: bytesOf("7") } });
  },
};

export const saveTaskResultPlaceTests: ConformanceTests = {
  "records the attempt at which a position stands": async ({ backend, given }) => {
    await given.instance({ at: { attempt: 3 } });
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.historyOf("order-1")).toEqual(["first#3 completed"]);
  },

  "records the path of the position that stands there": async ({ backend, given }) => {
    await given.forked(["a", "b"]);
    await backend.saveTaskResult("order-1", "b", bytesOf("7"));

    expect(await given.entryOf("order-1", "b")).toMatchObject({ path: "both/b" });
  },

  "records the attempt after the failed ones where nobody stands": async ({ backend, given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [failed]);
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.historyOf("order-1")).toEqual(["first#1 failed", "first#2 completed"]);
  },

  "wakes a task that sleeps before its next try": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 86_400_000 });
    await backend.saveTaskResult("order-1", "first", bytesOf("7"));

    expect(await given.claimOf("order-1")).toMatchObject({ recorded: { output: bytesOf("7") } });
  },

  "wakes a delay": async ({ backend, given }) => {
    await given.asleep(86_400_000);
    await backend.saveTaskResult("order-1", "rest", bytesOf("7"));

    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "rest", recorded: { output: bytesOf("7") } });
  },

  "wakes a parked wait, which no event is delivered to after that": async ({ backend, given }) => {
    await given.parked();
    await backend.saveTaskResult("order-1", "payment", bytesOf("7"));

    expect(await backend.sendEvent("order-1", "paid", bytesOf("8"))).toBe("buffered");
    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "payment", recorded: { output: bytesOf("7") } });
  },

  "keeps a wait from being parked whose outcome is there already: whoever claims it finds the outcome": async ({
    backend,
    given,
  }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "payment", bytesOf("7"));
    // There is no event to be looked for again, so the claim is given up.
    expect(await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: null })).toMatchObject({
      kept: false,
    });

    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "payment", recorded: { output: bytesOf("7") } });
  },

  "does not wake a join whose branches have not ended (INV-9)": async ({ backend, given }) => {
    await given.forked(["a", "b"]);
    await backend.saveTaskResult("order-1", "both", bytesOf("7"));

    expect(await given.claim()).toEqual([]);
  },

  "is safe beside other branches of the same instance": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    const advance = { kind: "advance", to: given.standing({ taskId: "c2" }) } as const;

    await Promise.all([
      backend.saveTaskResult("order-1", "a", bytesOf("7")),
      backend.saveTaskResult("order-1", "b", bytesOf("8")),
      given.accepted(branches["c"]!, advance, [anEntry({ taskId: "c" })]),
    ]);

    const results = await backend.loadResults("order-1", ["a", "b", "c"]);
    expect(new Set(results.map((result) => result.taskId))).toEqual(new Set(["a", "b", "c"]));
  },

  "records one of twenty concurrent results and refuses those that differ": async ({ backend, given }) => {
    await given.instance();
    const saves = Array.from({ length: 20 }, (_, index) =>
      backend.saveTaskResult("order-1", "first", bytesOf(String(index % 2))),
    );

    const settled = await Promise.allSettled(saves);

    expect(await given.historyOf("order-1")).toEqual(["first#1 completed"]);
    expect(settled.filter((result) => result.status === "fulfilled")).toHaveLength(10);
    expect(settled.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []))).toEqual(
      Array(10).fill("RESULT_CONFLICT"),
    );
  },
};
