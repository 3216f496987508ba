import { expect } from "vitest";
import type { Move } from "../../snapshot/checkpoint.ts";
import { aCheckpoint, aForgedClaim, anEntry, bytesOf } from "../builders.ts";
import { type Given, holder } from "./given.ts";
import { pathsOf } from "./leave-branch.suite.ts";
import type { ConformanceTests } from "./suite.ts";

const WHY = anEntry({ taskId: "$failed", kind: "instance", outcome: "noted", output: null, failure: bytesOf("3") });

function collapsing(given: Given): Move {
  return { kind: "collapse", to: given.standing({ taskId: "$undo", priority: 2 }), keeps: null, cancels: false };
}

export const collapseTests: ConformanceTests = {
  "leaves the trunk alone, which stands there and is held": async ({ given, clock }) => {
    const { branches } = await given.forked(["a", "b"]);
    const inner = await given.fork(branches["a"]!, "inner", ["p", "q"]);
    const fate = await given.accepted(inner.branches["p"]!, collapsing(given), [WHY]);

    expect(fate).toMatchObject({ kept: false, interrupt: null, granted: [{ path: "" }] });
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      {
        path: "",
        taskId: "$undo",
        kind: "task",
        attempt: 1,
        priority: 2,
        pending: 0,
        lost: 0,
        ready: false,
        availableAt: clock.now() + holder.leaseMs,
        claim: { workerId: holder.workerId, token: fate.granted[0]?.token },
      },
    ]);
    expect(await given.entryOf("order-1", "$failed")).toMatchObject({ outcome: "noted", failure: bytesOf("3") });
  },

  "fences whoever holds another position, and lets the trunk go on": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const { granted } = await given.accepted(branches["a"]!, collapsing(given));
    const trunk = { instanceId: "order-1", path: "", token: granted[0]!.token };

    expect(await backend.renewClaims([branches["b"]!, trunk], 1_000)).toMatchObject([{ held: false }, { held: true }]);
    expect(await given.commit(aCheckpoint(branches["b"]!, { move: { kind: "endBranch", joinPath: "" } }))).toEqual({
      kind: "fenced",
    });
    await given.accepted(trunk, { kind: "advance", to: given.standing({ taskId: "charge~undo" }) });
    expect(await pathsOf(given)).toEqual([""]);
  },

  "is not held while a request is pending": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.storeSignal("order-1", "pause", {});
    const fate = await given.accepted(branches["a"]!, collapsing(given));

    expect(fate).toMatchObject({ interrupt: "pause", granted: [] });
    expect((await given.stateOf("order-1")).positions).toMatchObject([
      { path: "", taskId: "$undo", ready: false, interrupt: "pause", claim: null },
    ]);
  },

  "is refused to whoever does not hold the position": async ({ given }) => {
    await given.forked(["a", "b"]);
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(aForgedClaim("order-1", "both/a"), { move: collapsing(given) }))).toEqual({
      kind: "fenced",
    });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "is refused where the task's outcome is recorded": async ({ backend, given }) => {
    const { branches } = await given.forked(["a", "b"]);
    await backend.saveTaskResult("order-1", "work", bytesOf("7"));
    const before = await given.seen("order-1");
    const late = aCheckpoint(branches["a"]!, { move: collapsing(given), entries: [anEntry({ taskId: "work" })] });

    expect(await given.commit(late)).toEqual({ kind: "recorded" });
    expect(await given.seen("order-1")).toEqual(before);
  },
};

export const listCompletedTests: ConformanceTests = {
  "gives the tasks with a recorded output, in the order in which they were recorded": async ({ backend, given }) => {
    const claim = await given.held();
    const to = (taskId: string): Move => ({ kind: "advance", to: given.standing({ taskId }) });
    await given.accepted(claim, to("b"), [anEntry({ taskId: "c" })]);
    const failed = anEntry({ taskId: "b", outcome: "tolerated", output: null, failure: bytesOf("3") });
    await given.accepted(claim, to("a"), [failed]);
    await given.accepted(claim, to("end"), [anEntry({ taskId: "a" })]);

    expect(await backend.listCompleted("order-1")).toEqual(["c", "a"]);
    expect(await backend.listCompleted("unknown")).toEqual([]);
  },
};
