import { expect } from "vitest";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import { aCheckpoint, anEntry, aTaskResult, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import type { ConformanceTests } from "./suite.ts";

/** A task that has failed for good, and whose flow goes on without its output. */
function tolerated(overrides: Partial<NewEntry> = {}): NewEntry {
  return anEntry({ outcome: "tolerated", output: null, failure: bytesOf("3"), ...overrides });
}

export const toleratedTests: ConformanceTests = {
  "is an outcome that stands, and carries its failure": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second", inputRef: "first" }) }, [
      tolerated(),
    ]);

    const recorded = aTaskResult({ outcome: "tolerated", output: null, failure: bytesOf("3") });
    expect(await backend.loadResults("order-1", ["first"])).toEqual([recorded]);
    expect((await backend.loadSnapshot("order-1")).results).toEqual([recorded]);
    expect(await given.historyOf("order-1")).toEqual(["first#1 tolerated"]);
  },

  "has no second outcome after it (INV-3)": async ({ backend, given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: 2 }) }, [failed]);
    await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: 3 }) }, [tolerated({ attempt: 2 })]);

    for (const outcome of ["completed", "failed", "tolerated", "timed_out"] as const)
      expect(await given.commit(aCheckpoint(claim, { entries: [anEntry({ attempt: 3, outcome })] }))).toEqual({
        kind: "recorded",
      });
    await expectRefusal(backend.saveTaskResult("order-1", "first", bytesOf("7")), "RESULT_CONFLICT");
  },

  "is the next task's input, without a value": async ({ given }) => {
    const claim = await given.held();
    const to = given.standing({ taskId: "second", inputRef: "first" });
    await given.accepted(claim, { kind: "park", to, wakeAfterMs: 0 }, [tolerated()]);

    expect(await given.claimOf("order-1")).toMatchObject({ taskId: "second", inputRef: "first", input: null });
  },

  "is found by whoever claims the task that it is the outcome of": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "note" }, [tolerated()]);
    given.after(60_000);

    expect(await given.claimOf("order-1")).toMatchObject({
      taskId: "first",
      recorded: { outcome: "tolerated", output: null },
    });
  },

  "leaves nothing to sleep for": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "note" }, [tolerated()]);
    await given.accepted(claim, { kind: "park", to: given.standing({ attempt: 2 }), wakeAfterMs: 5_000 });

    expect(await given.positionOf("order-1")).toMatchObject({ ready: true, claim: null });
  },

  "leaves nothing to wait for": async ({ given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "note" }, [tolerated({ taskId: "payment", kind: "wait" })]);
    await given.accepted(claim, { kind: "await", to: given.wait(), timeoutMs: null });

    expect(await given.positionOf("order-1")).toMatchObject({ ready: true, claim: null });
  },

  "is passed on as nothing, not as the instance's input": async ({ backend, given }) => {
    const results = [
      aTaskResult({ outcome: "tolerated", output: null, failure: bytesOf("3") }),
      aTaskResult({ taskId: "rest", kind: "delay", output: null, outputRef: "first" }),
      aTaskResult({ taskId: "both/a", kind: "branch", output: null, outputRef: "rest" }),
    ];
    await backend.saveSnapshot(given.snapshot({ results }));

    const loaded = await backend.loadResults("order-1", ["first", "rest", "both/a"]);
    expect(loaded.map((result) => [result.taskId, result.output, result.failure])).toEqual([
      ["first", null, bytesOf("3")],
      ["rest", null, null],
      ["both/a", null, null],
    ]);
  },

  "is saved and loaded with the snapshot": async ({ backend, given }) => {
    const results = [aTaskResult({ outcome: "tolerated", output: null, failure: bytesOf("3") })];
    await backend.saveSnapshot(given.snapshot({ results }));

    expect((await backend.loadSnapshot("order-1")).results).toEqual(results);
    expect(await given.claimOf("order-1")).toMatchObject({ recorded: { outcome: "tolerated" } });
  },

  "is not saved over with another failure (INV-3)": async ({ backend, given }) => {
    const result = aTaskResult({ outcome: "tolerated", output: null, failure: bytesOf("3") });
    await backend.saveSnapshot(given.snapshot({ results: [result] }));
    await backend.saveSnapshot(given.snapshot({ results: [result] }));

    const other = given.snapshot({ results: [{ ...result, failure: bytesOf("4") }] });
    await expectRefusal(backend.saveSnapshot(other), "RESULT_CONFLICT");
    expect((await backend.loadSnapshot("order-1")).results).toEqual([result]);
  },

  "is the iteration of a loop like any other outcome": async ({ backend, given }) => {
    const results = [
      aTaskResult({ taskId: "step[0]", kind: "loop" }),
      aTaskResult({ taskId: "step[1]", kind: "loop", outcome: "tolerated", output: null, failure: bytesOf("3") }),
    ];
    await backend.saveSnapshot(given.snapshot({ results }));

    expect(await backend.findLastIteration("order-1", "step")).toBe("step[1]");
  },
};

export const lastFailureTests: ConformanceTests = {
  "gives what the last failed attempt failed with": async ({ backend, given }) => {
    const claim = await given.held();
    for (const attempt of [1, 2, 10]) {
      const failure = bytesOf(String(attempt));
      await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: attempt + 1 }) }, [
        anEntry({ attempt, outcome: "failed", output: null, failure }),
      ]);
    }

    expect(await backend.lastFailure("order-1", "first")).toEqual(bytesOf("10"));
  },

  "gives it also where the task has succeeded since": async ({ backend, given }) => {
    const claim = await given.held();
    const failed = anEntry({ outcome: "failed", output: null, failure: bytesOf("3") });
    await given.accepted(claim, { kind: "advance", to: given.standing({ attempt: 2 }) }, [failed]);
    await given.accepted(claim, { kind: "advance", to: given.standing({ taskId: "second" }) }, [
      anEntry({ attempt: 2 }),
    ]);

    expect(await backend.lastFailure("order-1", "first")).toEqual(bytesOf("3"));
  },

  "gives that of a task whose failure was let pass": async ({ backend, given }) => {
    const claim = await given.held();
    await given.accepted(claim, { kind: "note" }, [tolerated({ failure: bytesOf("4") })]);

    expect(await backend.lastFailure("order-1", "first")).toEqual(bytesOf("4"));
  },

  "gives that of the task alone, not of one whose id begins alike": async ({ backend, given }) => {
    const claim = await given.held();
    for (const taskId of ["first2", "first[0]", "first~fallback", "x/first"])
      await given.accepted(claim, { kind: "note" }, [tolerated({ taskId })]);

    expect(await backend.lastFailure("order-1", "first")).toBeNull();
  },

  "gives null where nothing has failed": async ({ backend, given }) => {
    await given.ended("completed");

    expect(await backend.lastFailure("order-1", "first")).toBeNull();
    expect(await backend.lastFailure("order-1", "never")).toBeNull();
    expect(await backend.lastFailure("nowhere", "first")).toBeNull();
  },

  "gives a copy": async ({ backend, given }) => {
    await given.ended("failed");
    (await backend.lastFailure("order-1", "first"))?.fill(0);

    expect(await backend.lastFailure("order-1", "first")).toEqual(bytesOf("3"));
  },
};
