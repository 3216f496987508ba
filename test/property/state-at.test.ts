import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import type { Flow } from "../../src/flow/flow-definition.ts";
import type { DerivedState } from "../../src/snapshot/history-fold.ts";
import type { Decision } from "../../src/snapshot/occurrence.ts";
import type { Position } from "../../src/snapshot/position.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import { type Course, stateAt, stateBefore } from "../../src/snapshot/state-at.ts";
import { type StoodPosition, standingStill } from "../../src/snapshot/stood-position.ts";
import type { TraceEntry } from "../../src/snapshot/trace-entry.ts";
import { needsOutput } from "../../src/snapshot/trace-entry.ts";
import { decode, PureRun } from "../support/pure-run.ts";
import { flowFrom, randomDescription } from "../support/random-flow.ts";

const anyFlow = fc
  .tuple(randomDescription({ maxFailures: 2, delaysMs: [0, 50] }), fc.option(fc.nat(2), { nil: undefined }))
  .map(([description, restarts]) => ({
    flow: flowFrom(restarts === undefined ? description : { ...description, restarts }),
  }));
const anyInput = fc.integer({ min: 0, max: 1_000 });
const anyChoices = fc.infiniteStream(fc.nat({ max: 1_000 }));

/** In so many places a history is cut off at most: each takes another run. */
const MOST = 12;

describe("a state derived from the history", () => {
  test.prop([anyFlow, anyInput, anyChoices, anyChoices], { numRuns: 40 })(
    "is one from which the instance comes to the same end, wherever the history is cut off (INV-4)",
    async ({ flow }, input, choices, others) => {
      const run = new PureRun(flow, input);
      await run.finish(next(choices));
      const course = courseOf(flow, run);

      for (const sequence of [0n, ...some(course.trace, next(others)).map((entry) => entry.sequence)]) {
        const state = stateAt(flow, course, sequence);
        const again = new PureRun(flow, input);
        again.snapshot = resumed(run.snapshot, state);
        if (state.ended === null) await again.finish(next(others));
        expect(again.snapshot.status).toBe("completed");
        if (state.ended === null) expect(again.snapshot.output).toEqual(run.snapshot.output);
      }
    },
  );

  test.prop([anyFlow, anyInput, anyChoices, fc.nat({ max: 40 })], { numRuns: 150 })(
    "is the instance's own at the history's end, whether it has ended or not (INV-4)",
    async ({ flow }, input, choices, steps) => {
      const run = new PureRun(flow, input);
      const choose = next(choices);
      for (let step = 0; step < steps && run.snapshot.status === "in_progress"; step++) await run.step(choose());
      run.begin();
      const course = courseOf(flow, run);
      const state = stateAt(flow, course, course.trace.at(-1)?.sequence ?? 0n);

      expect(timeless(state.positions)).toEqual(timeless(standingStill(run.snapshot.positions)));
      expect(state.results.map(({ taskId }) => taskId)).toEqual(run.snapshot.results.map(({ taskId }) => taskId));
      expect(state.ended ?? "in_progress").toBe(run.snapshot.status);
    },
  );

  test.prop([anyFlow, anyInput, anyChoices], { numRuns: 40 })(
    "right before a task is one in which the task is up, or what it begins with is, and nothing of it is recorded",
    async ({ flow }, input, choices) => {
      const run = new PureRun(flow, input);
      await run.finish(next(choices));
      const course = courseOf(flow, run);

      for (const { taskId, kind } of some(course.trace, next(choices))) {
        if (kind === "item" || kind === "branch" || kind === "instance") continue;
        const state = stateBefore(flow, course, taskId);
        expect(state.results.map((result) => result.taskId)).not.toContain(taskId);
        // The join of a map without items is recorded with its list.
        const up = state.positions.map((position) => position.taskId);
        expect(up.some((one) => one === taskId || one === `${taskId}~list`)).toBe(true);
      }
    },
  );
});

function next(choices: Iterator<number>): () => number {
  return () => choices.next().value as number;
}

/** All entries of a short history, some of a long one. */
function some(trace: readonly TraceEntry[], choose: () => number): readonly TraceEntry[] {
  if (trace.length <= MOST) return trace;
  return Array.from({ length: MOST }, () => trace[choose() % trace.length]).flatMap((entry) => entry ?? []);
}

function courseOf(flow: Flow, { snapshot, trace }: PureRun): Course {
  return { origin: snapshot, trace, decisions: decisionsIn(flow, snapshot, trace) };
}

function decisionsIn(flow: Flow, { results }: Snapshot, trace: readonly TraceEntry[]): Map<string, Decision> {
  const decisions = new Map<string, Decision>();
  for (const entry of trace) {
    if (!needsOutput(flow, entry)) continue;
    const output = Number(decode(results.find(({ taskId }) => taskId === entry.taskId)?.output ?? null));
    const isCount = entry.taskId.endsWith("~count");
    decisions.set(entry.taskId, isCount ? { kind: "count", count: output } : { kind: "until", at: output });
  }
  return decisions;
}

function resumed(snapshot: Snapshot, state: DerivedState): Snapshot {
  const known = new Set(state.results.map(({ taskId }) => taskId));
  return {
    ...snapshot,
    status: state.ended ?? "in_progress",
    output: null,
    endedAt: null,
    positions: state.positions.map(live),
    results: snapshot.results.filter(({ taskId }) => known.has(taskId)),
  };
}

function live(position: StoodPosition): Position {
  return { ...position, ready: true, availableAt: 0, interrupt: null, lost: 0, claim: null };
}

function timeless(positions: readonly StoodPosition[]): unknown[] {
  return positions.map((position) => ({ ...position, wakeAt: null }));
}
