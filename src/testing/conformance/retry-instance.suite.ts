import { expect } from "vitest";
import type { Standing } from "../../snapshot/position.ts";
import type { NewEntry } from "../../snapshot/snapshot.ts";
import { aCheckpoint, anEntry, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceTests } from "./suite.ts";

const DAY = 86_400_000;

/** The entry of an attempt that failed: the first one, unless said otherwise. */
export function failedEntry(taskId: string, overrides: Partial<NewEntry> = {}): NewEntry {
  return anEntry({ taskId, outcome: "failed", output: null, failure: bytesOf("3"), ...overrides });
}

export const retryInstanceTests: ConformanceTests = {
  "puts an instance back where it failed, ready for the next attempt": async ({ backend, given }) => {
    await given.ended("failed");
    given.after(1_000);

    await backend.retryInstance("order-1", {});

    expect(await given.stateOf("order-1")).toMatchObject({
      instance: { status: "in_progress", failure: null, reason: null, endedAt: null },
      signals: [],
    });
    expect(await given.claim()).toMatchObject([
      { taskId: "first", kind: "task", attempt: 2, lost: 0, recorded: null, armed: false, input: bytesOf("1") },
    ]);
    expect(await given.historyOf("order-1")).toEqual(["first#1 failed", "$retry#1 noted"]);
    expect(await given.entryOf("order-1", "$retry")).toMatchObject({ kind: "instance", output: null, outputRef: null });
  },

  "lets it complete": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.retryInstance("order-1", {});
    const claim = await given.claimOf("order-1");

    await given.accepted(claim, { kind: "complete", output: bytesOf("2"), codec: "json" }, [anEntry({ attempt: 2 })]);

    expect((await given.stateOf("order-1")).instance).toMatchObject({ status: "completed", failure: null });
    expect(await given.historyOf("order-1")).toEqual(["first#1 failed", "$retry#1 noted", "first#2 completed"]);
  },

  "can be done again when it has failed again": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.retryInstance("order-1", {});
    const claim = await given.claimOf("order-1");
    await given.accepted(claim, given.failMove({ attempt: 3 }), [failedEntry("first", { attempt: 2 })]);
    await backend.retryInstance("order-1", {});

    expect(await given.claim()).toMatchObject([{ taskId: "first", attempt: 3 }]);
    expect(await given.historyOf("order-1")).toEqual([
      "first#1 failed",
      "$retry#1 noted",
      "first#2 failed",
      "$retry#2 noted",
    ]);
  },

  "goes by what the failing checkpoint said, not by the row, which may be a task behind": async ({
    backend,
    given,
  }) => {
    const claim = await given.held({ at: { taskId: "zero" } });
    await backend.saveTaskResult("order-1", "zero", bytesOf("5"));
    await given.accepted(claim, given.failMove({ taskId: "first", inputRef: "zero", priority: 1 }), [
      failedEntry("first"),
    ]);
    await backend.retryInstance("order-1", {});

    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "first", attempt: 2, priority: 1, lost: 0 });
    expect(await given.claim()).toMatchObject([{ taskId: "first", inputRef: "zero", input: bytesOf("5") }]);
  },

  "keeps the attempt where the failure was not one of the task": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.saveTaskResult("order-1", "first", bytesOf("5"));
    await given.accepted(claim, given.failMove({ attempt: 1 }));
    await backend.retryInstance("order-1", {});

    const [again] = await given.claim();
    expect(again).toMatchObject({ attempt: 1, recorded: { outcome: "completed", output: bytesOf("5") } });
  },

  "puts it back for those who have the tags": async ({ backend, given }) => {
    const lane = given.lane({ tags: ["gpu", "eu"] });
    const claim = await given.held({ at: { lane } });
    await given.accepted(claim, given.failMove({ lane }), [failedEntry("first")]);
    await backend.retryInstance("order-1", {});

    expect((await given.positionOf("order-1"))?.tags).toEqual(["eu", "gpu"]);
    expect(await given.claim()).toEqual([]);
    expect(await given.claim({ lanes: [lane] })).toHaveLength(1);
  },

  "forgets leases that were lost": async ({ backend, given }) => {
    await given.held();
    given.after(60_001);
    const claim = await given.claimOf("order-1");
    expect(claim.lost).toBe(1);
    await given.accepted(claim, given.failMove(), [failedEntry("first")]);
    await backend.retryInstance("order-1", {});

    expect(await given.claim()).toMatchObject([{ lost: 0 }]);
  },

  "fences whoever held a position when it failed (INV-5)": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    await backend.retryInstance("order-1", {});

    for (const claim of [branches["a"]!, branches["b"]!])
      expect(await given.commit(aCheckpoint(claim, { entries: [] }))).toEqual({ kind: "fenced" });
    expect(await backend.renewClaims(Object.values(branches), 1_000)).toMatchObject([{ held: false }, { held: false }]);
  },

  "waits again where a wait's time ran out, with a time limit of its own": async ({ backend, given }) => {
    await given.parked({ timeoutMs: 1_000 });
    given.after(1_000);
    const claim = await given.claimOf("order-1");
    await given.accepted(claim, { kind: "fail", failure: bytesOf("3"), to: given.wait({ attempt: 2 }) }, [
      failedEntry("payment", { kind: "wait" }),
    ]);
    await backend.retryInstance("order-1", {});
    const again = await given.claimOf("order-1");
    expect(again).toMatchObject({ taskId: "payment", attempt: 2, event: "paid", armed: false, due: false });
    await given.accepted(again, { kind: "await", to: given.wait({ attempt: 2 }), timeoutMs: 1_000 });

    expect(await backend.sendEvent("order-1", "paid", bytesOf("7"))).toBe("delivered");
    expect(await given.claim()).toMatchObject([{ recorded: { output: bytesOf("7") } }]);
  },

  "puts back each of those that failed in one batch with others that completed": async ({ backend, given }) => {
    const claims = [];
    for (const instanceId of ["a", "b", "c", "d"]) claims.push(await given.held({ instanceId }));
    const batch = claims.map((claim, index) => {
      if (index % 2 === 0) return aCheckpoint(claim);
      const taskId = `task-${index}`;
      return aCheckpoint(claim, { move: given.failMove({ taskId }), entries: [failedEntry(taskId)] });
    });
    const fates = await backend.commitCheckpoints(batch, holder);
    expect(fates.map(({ kind }) => kind)).toEqual(Array.from(batch, () => "accepted"));

    for (const instanceId of ["a", "c"])
      await expectRefusal(backend.retryInstance(instanceId, {}), "INVALID_TRANSITION", { from: "completed" });
    for (const instanceId of ["b", "d"]) await backend.retryInstance(instanceId, {});
    expect((await given.claim()).map(({ taskId }) => taskId)).toEqual(["task-1", "task-3"]);
  },

  "has the positions only as long as it is failed: a cancel after it is final": async ({ backend, given }) => {
    await given.ended("failed");
    await backend.retryInstance("order-1", {});
    expect(await backend.requestControl("order-1", "cancel", { reason: "no use" })).toBe("applied");

    await expectRefusal(backend.retryInstance("order-1", {}), "INVALID_TRANSITION", { from: "cancelled" });
  },

  "is told to who waits for work": async ({ backend, given }) => {
    await given.ended("failed");
    let isTold = false;
    const ready = (): number => {
      isTold = true;
      return 0;
    };
    const subscription = backend.subscribe({ ready });
    // Whoever has just begun to hear others is told to look at everything.
    isTold = false;
    await backend.retryInstance("order-1", {});

    expect(isTold).toBe(true);
    subscription.close();
  },
};

export const retryBranchesTests: ConformanceTests = {
  "puts all branches back: what ran is ready, with its attempt, and the join counts on": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    await given.accepted(branches["c"]!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "c" })]);
    const second: Standing = given.standing({ taskId: "b2", attempt: 4, inputRef: "b" });
    await given.accepted(branches["b"]!, { kind: "advance", to: second }, [anEntry({ taskId: "b" })]);
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    await backend.retryInstance("order-1", {});

    expect(await given.positionOf("order-1")).toMatchObject({ taskId: "both", kind: "join", pending: 2, ready: false });
    const [a, b, ...others] = await given.claim();
    expect([a, b]).toMatchObject([
      { path: "both/a", taskId: "a", attempt: 2, lost: 0 },
      { path: "both/b", taskId: "b2", attempt: 4, inputRef: "b", lost: 0 },
    ]);
    expect(others).toEqual([]);
    await given.accepted(a!, { kind: "endBranch", joinPath: "" }, [anEntry({ taskId: "a", attempt: 2 })]);
    const { granted } = await given.accepted(b!, { kind: "endBranch", joinPath: "" });
    expect(granted).toMatchObject([{ path: "" }]);
  },

  "lets sleepers sleep until their time": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b", "c"]);
    await given.accepted(branches["b"]!, { kind: "park", to: given.delay(), wakeAfterMs: 10_000 });
    const retry = given.standing({ taskId: "c", attempt: 2 });
    await given.accepted(branches["c"]!, { kind: "park", to: retry, wakeAfterMs: 5_000 }, [failedEntry("c")]);
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    given.after(6_000);
    await backend.retryInstance("order-1", {});

    expect((await given.claim()).map(({ taskId }) => taskId)).toEqual(expect.arrayContaining(["a", "c"]));
    given.after(3_999);
    expect(await given.claim()).toEqual([]);
    given.after(1);
    expect(await given.claim()).toMatchObject([{ taskId: "rest", due: true }]);
  },

  "wakes a sleeper whose outcome is recorded": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["b"]!, { kind: "park", to: given.delay(), wakeAfterMs: DAY });
    await backend.saveTaskResult("order-1", "rest", bytesOf("1"));
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    await backend.retryInstance("order-1", {});

    expect(await given.positionOf("order-1", "both/b")).toMatchObject({ taskId: "rest", ready: true });
  },

  "lets a wait look at its buffer again, and keeps its time limit": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await given.accepted(branches["b"]!, { kind: "await", to: given.wait(), timeoutMs: 10_000 });
    await backend.sendEvent("order-1", "other", bytesOf("8"));
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    given.after(4_000);
    await backend.retryInstance("order-1", {});

    const wait = (await given.claim()).find(({ kind }) => kind === "wait");
    expect(wait).toMatchObject({ taskId: "payment", event: "paid", armed: true, due: false });
    await given.accepted(wait!, { kind: "await", to: given.wait(), timeoutMs: "keep" });
    expect((await given.positionOf("order-1", "both/b"))?.wakeAt).toBe((await given.stateOf("order-1")).now + 6_000);
    expect(await backend.peekEvent("order-1", "other")).toMatchObject({ payload: bytesOf("8") });
  },

  "finds events that were buffered when it failed; meanwhile none is taken": async ({ backend, given }) => {
    const claim = await given.held();
    await backend.sendEvent("order-1", "paid", bytesOf("7"), { dedupKey: "k" });
    await given.accepted(claim, given.failMove(), [failedEntry("first")]);
    await expectRefusal(backend.sendEvent("order-1", "paid", bytesOf("8")), "INVALID_TRANSITION", { from: "failed" });
    await backend.retryInstance("order-1", {});
    expect(await backend.sendEvent("order-1", "paid", bytesOf("9"), { dedupKey: "k" })).toBe("duplicate");

    const again = await given.claimOf("order-1");
    const entry = anEntry({ attempt: 2 });
    const move = { kind: "await", to: given.wait(), timeoutMs: null } as const;
    expect(await given.accepted(again, move, [entry])).toMatchObject({ kept: true });
    expect(await backend.consumeEvent("order-1", "paid")).toEqual(bytesOf("7"));
    expect(await backend.consumeEvent("order-1", "paid")).toBeNull();
  },

  "puts back what waited for a request, without the request": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.requestControl("order-1", "cancel", {});
    await given.accepted(branches["b"]!, { kind: "advance", to: given.standing({ taskId: "b2" }) });
    await given.accepted(branches["a"]!, given.failMove({ taskId: "a" }), [failedEntry("a")]);
    await backend.retryInstance("order-1", {});

    expect(await given.stateOf("order-1")).toMatchObject({ signals: [] });
    expect((await given.claim()).map(({ taskId, interrupt }) => [taskId, interrupt])).toEqual([
      ["a", null],
      ["b2", null],
    ]);
  },

  "puts back a fork inside a branch": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const inner = await given.fork(branches["a"]!, "both/inner", ["x", "y"]);
    await given.accepted(branches["b"]!, given.failMove({ taskId: "b" }), [failedEntry("b")]);
    await backend.retryInstance("order-1", {});

    expect(inner.joinPath).toBe("both/a");
    expect((await given.claim()).map(({ path }) => path)).toEqual(["both/b", "both/inner/x", "both/inner/y"]);
    expect(await given.positionOf("order-1", "both/a")).toMatchObject({ kind: "join", pending: 2, ready: false });
  },

  "puts back a join whose own task failed": async ({ backend, given }) => {
    const { branches } = await given.forked(["a"]);
    const { granted } = await given.accepted(branches["a"]!, { kind: "endBranch", joinPath: "" }, [
      anEntry({ taskId: "a" }),
    ]);
    const join = { instanceId: "order-1", path: "", token: granted[0]?.token ?? 0n };
    await given.accepted(join, given.failMove({ taskId: "both", kind: "join" }), [failedEntry("both")]);
    await backend.retryInstance("order-1", {});

    expect(await given.claim()).toMatchObject([{ taskId: "both", kind: "join", attempt: 2 }]);
  },
};
