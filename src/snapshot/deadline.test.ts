import { describe, expect, test } from "vitest";
import { branch } from "../flow/branch.ts";
import { flow } from "../flow/flow.ts";
import { aPosition, aStanding, bytesOf } from "../testing/builders.ts";
import { applyCheckpoint } from "./apply.ts";
import { DEADLINE_PATH, deadlinePosition, deadlineTime } from "./deadline.ts";
import { planNext } from "./plan.ts";
import type { Position } from "./position.ts";

const facts = { now: 5_000, workerId: "w", leaseEnd: 6_000, nextToken: () => 9n, hasEvent: () => false };
const overdue = { kind: "overdue", failure: bytesOf("late") } as const;
const stand = {
  ...{ path: DEADLINE_PATH, taskId: DEADLINE_PATH, attempt: 3, inputRef: null, instancePriority: 4, codec: "json" },
};
const plain = flow<number>("plain")
  .fork([branch("a", (b) => b.then("a", (n) => n)), branch("b", (b) => b.then("b", (n) => n))])
  .join("both", () => 1)
  .build();
const undoable = flow<number>("undoable")
  .then("a", (n) => n, { undo: () => 0 })
  .build();

describe("deadlineTime", () => {
  test("is the earlier of the two, in whole milliseconds, never early", () => {
    expect(deadlineTime(null, 5)).toBeNull();
    expect(deadlineTime({ afterMs: 10, at: null }, 5)).toBe(15);
    expect(deadlineTime({ afterMs: 10, at: 7.2 }, 5)).toBe(8);
    expect(deadlineTime({ afterMs: 1, at: 7.2 }, 5)).toBe(6);
    expect(deadlineTime({ afterMs: null, at: null }, 5)).toBeNull();
  });
});

describe("what is overdue", () => {
  test("fails, with an entry of its own, where nothing can be undone", () => {
    const { entries, move, consumes } = planNext(plain, stand, overdue);
    expect(entries).toMatchObject([
      {
        taskId: "$deadline",
        attempt: 3,
        kind: "instance",
        outcome: "failed",
        failure: bytesOf("late"),
        decision: "last",
      },
    ]);
    expect(move).toMatchObject({ kind: "fail", failure: bytesOf("late"), to: { taskId: "$deadline", attempt: 4 } });
    expect(consumes).toBeNull();
  });

  test("is undone first where something can be", () => {
    const { entries, move } = planNext(undoable, stand, overdue);
    expect(entries.map(({ taskId, outcome }) => [taskId, outcome])).toEqual([
      ["$deadline", "failed"],
      ["$failed", "noted"],
    ]);
    expect(move).toMatchObject({ kind: "collapse", to: { taskId: "$undo", lane: { tags: [] } } });
  });

  const claim = { workerId: "w", token: 1n, expiresAt: 6_000 };
  const positions = (): Map<string, Position> =>
    new Map(
      [
        aPosition({ taskId: "both", kind: "join", pending: 2 }),
        aPosition({ path: "both/a", taskId: "a", claim: { ...claim, token: 2n } }),
        { ...deadlinePosition(5_000, 1), claim },
      ].map((position) => [position.path, position]),
    );

  test("keeps where the instance stood, but for the deadline", () => {
    const move = { kind: "fail", failure: bytesOf("late"), to: aStanding({ taskId: DEADLINE_PATH }) } as const;
    const ref = { instanceId: "i", path: DEADLINE_PATH, token: 1n };
    const changes = applyCheckpoint(positions(), { claim: ref, entries: [], move, consumes: null }, facts);
    expect(changes).toMatchObject({ removals: "all", instance: { status: "failed" } });
    expect(changes?.stood?.map(({ path, taskId }) => [path, taskId])).toEqual([
      ["", "both"],
      ["both/a", "a"],
    ]);
  });

  test("sleeps for ever beside what is undone; what another failure leaves alone goes on sleeping", () => {
    const move = { kind: "collapse", to: aStanding({ taskId: "$undo" }), keeps: null, cancels: false } as const;
    const by = (path: string, token: bigint): ReturnType<typeof applyCheckpoint> => {
      const ref = { instanceId: "i", path, token };
      return applyCheckpoint(positions(), { claim: ref, entries: [], move, consumes: null }, facts);
    };
    expect(by(DEADLINE_PATH, 1n)).toMatchObject({
      upserts: [
        { path: "", taskId: "$undo" },
        { path: DEADLINE_PATH, claim: null, ready: false, availableAt: null, wakeAt: null },
      ],
      removals: ["both/a"],
      granted: [{ path: "" }],
    });
    expect(by("both/a", 2n)).toMatchObject({ upserts: [{ path: "" }], removals: ["both/a"] });
  });
});
