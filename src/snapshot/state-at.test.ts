import { describe, expect, test } from "vitest";
import { branch } from "../flow/branch.ts";
import { flow } from "../flow/flow.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { LoopResult } from "../flow/loop-result.ts";
import { task } from "../flow/task.ts";
import { type DerivedState, UnreadableTrace } from "./history-fold.ts";
import type { Decision } from "./occurrence.ts";
import { type Course, stateAt, stateBefore } from "./state-at.ts";
import { needsOutput, type TraceEntry } from "./trace-entry.ts";

const END = 1_000n;
const one = (): number => 1;
const line = flow<number>("line").then("first", one).then("last", one).build();
const poll = flow<number>("poll")
  .loop("poll", () => LoopResult.done(1))
  .then("last", one)
  .build();
const way = flow<number>("way")
  .route("way", () => "x", ["x", "y"])
  .branch("x", (b) => b.then("in-x", one))
  .branch("y", (b) => b.then("in-y", one))
  .done()
  .build();
const forked = flow<number>("forked")
  .fork([branch("a", (b) => b.then("in-a", one)), branch("b", (b) => b.then("in-b", one).delay("rest", "1h"))])
  .join("both", one)
  .build();
const mapped = flow<number>("mapped")
  .map("each", () => [1, 2], task("one", one), { concurrency: 1, onFailure: "collect" })
  .build();

function entry(taskId: string, facts: Partial<TraceEntry> = {}): Partial<TraceEntry> {
  return { taskId, ...facts };
}

const byHand = { workerId: null };
const lastFailure = { outcome: "failed", decision: "last" } as const;
const note = { kind: "instance", outcome: "noted", workerId: null } as const;

function course(
  facts: readonly Partial<TraceEntry>[],
  decisions: readonly (readonly [string, Decision])[] = [],
): Course {
  const trace = facts.map(
    (fact, index): TraceEntry => ({
      ...{ taskId: "last", attempt: 1, kind: "task", outcome: "completed", outputRef: null, durationMs: 1 },
      ...{ decision: null, sequence: BigInt(index + 1), path: "", workerId: "w", at: 1_000 * (index + 1) },
      ...fact,
    }),
  );
  return { origin: { codec: "json", priority: 3, createdAt: 500 }, trace, decisions: new Map(decisions) };
}

function places(state: DerivedState): string[] {
  return state.positions.map(({ path, taskId, attempt }) => `${path}:${taskId}#${attempt}`);
}

describe("the state after a history", () => {
  test("is the beginning where there is none", () => {
    expect(stateAt(line, course([]), END)).toMatchObject({ sequence: 0n, at: 500, results: [], ended: null });
    expect(places(stateAt(line, course([entry("first")]), 0n))).toEqual([":first#1"]);
  });

  test("has the attempt that comes next, also where the failure ended the instance, and a retry took it back", () => {
    const all = course([
      entry("first", { outcome: "failed" }),
      entry("first", { ...lastFailure, attempt: 2 }),
      entry("$retry", note),
    ]);

    expect(places(stateAt(line, all, 1n))).toEqual([":first#2"]);
    expect(stateAt(line, all, 2n).ended).toBe("failed");
    expect(places(stateAt(line, all, 2n))).toEqual([":first#3"]);
    expect(stateAt(line, all, 3n).ended).toBeNull();
    expect(places(stateAt(line, all, 3n))).toEqual([":first#3"]);
  });

  test("shows where a cancelled instance stood", () => {
    const state = stateAt(line, course([entry("first"), entry("$pause", note), entry("$cancel", note)]), END);

    expect(state.ended).toBe("cancelled");
    expect(places(state)).toEqual([":last#1"]);
  });

  test("has what was recorded by hand, before the task was come to or while it was up", () => {
    expect(places(stateAt(line, course([entry("last", byHand)]), END))).toEqual([":first#1"]);
    expect(stateAt(line, course([entry("last", byHand), entry("first", byHand)]), END).ended).toBe("completed");
    expect(places(stateAt(poll, course([entry("poll[0]", { ...byHand, kind: "loop" })]), END))).toEqual([":last#1"]);
  });

  test("goes by the decision, or by what the output says where there is none", () => {
    const again = entry("poll[0]", { kind: "loop", decision: "again" });
    expect(places(stateAt(poll, course([again]), END))).toEqual([":poll[1]#1"]);
    expect(places(stateAt(way, course([entry("way", { kind: "route", decision: "y" })]), END))).toEqual([":in-y#1"]);
    const told = course([entry("way", { ...byHand, kind: "route" })], [["way", { kind: "key", key: "x" }]]);
    expect(told.trace.map((it) => needsOutput(way, it))).toEqual([true]);
    expect(places(stateAt(way, told, END))).toEqual([":in-x#1"]);
  });

  test("has timers as they ran: from when they were set", () => {
    const state = stateAt(forked, course([entry("in-b", { path: "both/b" })]), END);

    expect(state.positions.find(({ taskId }) => taskId === "rest")?.wakeAt).toBe(1_000 + 3_600_000);
  });

  test("stays at a task recorded by hand whose branch has not been seen to end", () => {
    const rested = [
      entry("in-b", { path: "both/b" }),
      entry("rest", { path: "both/b", kind: "delay", workerId: null }),
    ];
    const end = entry("both/b", { path: "both/b", kind: "branch", outputRef: "in-b" });
    const all = course([...rested, end]);

    expect(places(stateAt(forked, all, 2n))).toEqual([":both#1", "both/a:in-a#1", "both/b:rest#1"]);
    expect(stateAt(forked, all, 2n).sequence).toBe(2n);
    expect(places(stateAt(forked, all, 3n))).toEqual([":both#1", "both/a:in-a#1"]);
  });

  test("in the midst of a checkpoint is the state after it, whatever was recorded between", () => {
    const all = course([
      entry("in-b", { path: "both/b" }),
      entry("rest", { path: "both/b", kind: "delay" }),
      entry("in-a", { path: "both/a" }),
      entry("both/b", { path: "both/b", kind: "branch", outputRef: "in-b" }),
    ]);
    const state = stateAt(forked, all, 2n);

    expect(state.sequence).toBe(4n);
    expect(state.positions).toMatchObject([{ taskId: "both", pending: 0 }]);
  });

  test("of a map begins its items with the last of them, and lets those go that fail", () => {
    const value = (index: number): Partial<TraceEntry> => entry(`each[${index}]~item`, { kind: "item" });
    const path = "each[0]";
    const all = course([
      entry("each~list"),
      value(0),
      value(1),
      entry("each[0]/one", { ...lastFailure, path }),
      entry("each[0]", { path, kind: "branch", outcome: "tolerated" }),
    ]);

    expect(places(stateAt(mapped, all, 1n))).toEqual([":each#1", "each[0]:each[0]/one#1"]);
    expect(stateAt(mapped, all, 1n).sequence).toBe(3n);
    expect(stateAt(mapped, all, 4n).sequence).toBe(5n);
    expect(stateAt(mapped, all, 5n).positions).toMatchObject([
      { taskId: "each", pending: 1, items: { total: 2, started: 2, failed: 0 } },
      { path: "each[1]", taskId: "each[1]/one" },
    ]);
  });

  test("of a map lets an item go whose recorded outcome nobody could use", () => {
    const items = [entry("each~list", byHand), entry("each[0]~item", { kind: "item" })];
    const path = "each[0]";
    const gone = entry("each[0]", { path, kind: "branch", outcome: "tolerated" });

    expect(places(stateAt(mapped, course(items.slice(0, 1)), END))).toEqual([":each~list#1"]);
    expect(stateAt(mapped, course([...items, gone]), END).positions).toMatchObject([{ taskId: "each", pending: 0 }]);
  });

  test("of a map without items is that behind it", () => {
    const state = stateAt(mapped, course([entry("each~list"), entry("each", { kind: "join" })]), 1n);

    expect(state).toMatchObject({ sequence: 2n, ended: "completed", positions: [] });
  });

  test("before a task has nothing of it, its steps included; of one that is still to run it is the last", () => {
    const all = course([entry("first"), entry("last>a", { kind: "step" }), entry("last", { outcome: "failed" })]);

    expect(stateBefore(line, all, "last").sequence).toBe(1n);
    expect(stateBefore(line, all, "first").sequence).toBe(0n);
    expect(stateBefore(line, course([entry("first")]), "last").sequence).toBe(1n);
    expect(stateAt(line, all, 2n).results.map(({ taskId }) => taskId)).toEqual(["first", "last>a"]);
  });

  test.each([
    ["a save from outside", line, [entry("$save", note)], 1n],
    ["an outcome of what nothing stood at", line, [entry("first"), entry("first[1]")], 2n],
    ["a failure of what nothing stood at", line, [entry("last", lastFailure)], 1n],
    ["the end of a branch that was not there", forked, [entry("both/c", { kind: "branch", path: "both/c" })], 1n],
  ])("can't be told after %s", (_, definition, facts, sequence) => {
    expect(() => stateAt(definition, course(facts), END)).toThrow(UnreadableTrace);
    expect(() => stateAt(definition, course(facts), END)).toThrow(expect.objectContaining({ sequence }) as Error);
    expect(stateAt(definition, course(facts), 0n).sequence).toBe(0n);
  });
});

describe("a version of the state", () => {
  const version = (of: string, facts: Partial<TraceEntry> = {}): Partial<TraceEntry> =>
    entry("$state", { kind: "state", outcome: "noted", outputRef: of, ...facts });
  const standsAt = (built: Flow, facts: readonly Partial<TraceEntry>[], sequence: bigint): string[] =>
    stateAt(built, course(facts), sequence).positions.map(({ taskId }) => taskId);

  test("belongs to the checkpoint of the task that made it: between them, the state is that after both", () => {
    const facts = [entry("first"), version("first"), entry("last")];
    const { sequence, positions } = stateAt(line, course(facts), 1n);
    expect([sequence, positions.map(({ taskId }) => taskId)]).toEqual([2n, ["last"]]);
    expect(stateBefore(line, course(facts), "last").sequence).toBe(2n);
  });

  test("belongs to its update, which moves nothing", () => {
    const update = entry("$update:u", { kind: "update", outcome: "noted", workerId: null });
    const facts = [update, version("$update:u", { workerId: null }), entry("first")];
    expect(stateAt(line, course(facts), 1n).sequence).toBe(2n);
    expect(standsAt(line as Flow, facts, 1n)).toEqual(["first"]);
    const alone = entry("$update:v", { kind: "update", outcome: "noted", workerId: null });
    expect(stateAt(line, course([alone, entry("first")]), 1n).sequence).toBe(1n);
  });

  test("of a list comes behind the items, which begin with it", () => {
    const facts = [
      entry("each~list"),
      entry("each[0]~item", { kind: "item" }),
      entry("each[1]~item", { kind: "item" }),
      version("each~list"),
    ];
    expect(stateAt(mapped, course(facts), 3n).sequence).toBe(4n);
    expect(standsAt(mapped as Flow, facts, 3n)).toEqual(["each", "each[0]/one"]);
    const none = [entry("each~list"), entry("each", { kind: "join" }), version("each~list")];
    expect(stateAt(mapped, course(none), 1n)).toMatchObject({ sequence: 3n, ended: "completed" });
  });

  test("of a join that was recorded by hand comes in a later checkpoint", () => {
    const facts = [
      entry("in-a", { path: "both/a" }),
      entry("in-b", { path: "both/b" }),
      entry("rest", { path: "both/b", kind: "delay", outputRef: "in-b" }),
      entry("both/b", { path: "both/b", kind: "branch", outputRef: "in-b" }),
      entry("both", { kind: "join", ...byHand }),
      version("both"),
    ];
    expect(stateAt(forked, course(facts), 5n)).toMatchObject({ sequence: 6n, ended: "completed" });
  });

  test("of a join that fails and is passed by comes behind its failure", () => {
    const passed = flow<number>("passed")
      .fork([branch("a", (b) => b.then("in-a", one))])
      .join("both", one, { onFailure: { goto: "end" } })
      .then("between", one)
      .then("end", one)
      .build();
    const facts = [entry("in-a", { path: "both/a" }), entry("both", { kind: "join", ...lastFailure }), version("both")];
    expect(stateAt(passed, course(facts), 2n)).toMatchObject({ sequence: 3n, positions: [{ taskId: "end" }] });
  });

  test("of which nothing says who made it moves nothing", () => {
    expect(standsAt(line as Flow, [version("first", { outputRef: null }), entry("first")], 1n)).toEqual(["first"]);
  });
});
