import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { joinTaskIdOf } from "../flow/task-id.ts";
import type { TaskId } from "../ids.ts";
import { NOTES } from "./apply.ts";
import { type DerivedState, HistoryFold, type Origin, UnreadableTrace } from "./history-fold.ts";
import type { Decision } from "./occurrence.ts";
import { taskOfStep } from "./step-ids.ts";
import type { TraceEntry } from "./trace-entry.ts";

/** All that is known of an instance's course. */
export interface Course {
  readonly origin: Origin;
  /** The whole history, in order. */
  readonly trace: readonly TraceEntry[];
  /** Decisions that only outputs tell (`needsOutput`), by task id. */
  readonly decisions: ReadonlyMap<TaskId, Decision>;
}

/**
 * The state of an instance after the entry with a sequence number. Pure: follows from the definition and the history.
 *
 * The entries of one checkpoint belong together: in the midst of them, it is the state after the last of them.
 *
 * @param sequence - 0 for the state in which it, or its present run, began
 * @throws {UnreadableTrace} the history is not that of an instance of the flow, or has been changed from outside
 */
export function stateAt(flow: Flow, course: Course, sequence: bigint): DerivedState {
  const trace = runOf(course);
  const fold = foldOf(flow, course, trace);
  const first = trace[0]?.taskId === NOTES.continue ? trace[0].sequence : 0n;
  for (const entry of trace) {
    if (entry.sequence > sequence && entry.sequence > first && fold.isWhole) break;
    follow(fold, entry);
  }
  return fold.state;
}

/**
 * The last state before anything was recorded of a task, its steps included; of one that is still to run, the last state
 * of all.
 *
 * @throws {UnreadableTrace} as `stateAt`
 */
export function stateBefore(flow: Flow, course: Course, taskId: TaskId): DerivedState {
  const trace = runOf(course);
  const fold = foldOf(flow, course, trace);
  let last = 0n;
  for (const entry of trace) {
    if (entry.taskId === taskId || (entry.kind === "step" && taskOfStep(entry.taskId) === taskId)) break;
    follow(fold, entry);
    if (fold.isWhole) last = entry.sequence;
  }
  return stateAt(flow, course, last);
}

/** @throws {UnreadableTrace} also where the definition has no such task */
function follow(fold: HistoryFold, entry: TraceEntry): void {
  try {
    fold.add(entry);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UnreadableTrace(entry.sequence, error.message);
    throw error;
  }
}

/** From the note on with which the present run begins: what stands before it is what that has begun with. */
function runOf({ trace }: Course): readonly TraceEntry[] {
  return trace.slice(
    Math.max(
      0,
      trace.findLastIndex(({ taskId }) => taskId === NOTES.continue),
    ),
  );
}

function foldOf(flow: Flow, { origin, decisions }: Course, trace: readonly TraceEntry[]): HistoryFold {
  const counts = new Map<TaskId, number>();
  const changing = new Set<TaskId>();
  for (const { kind, taskId, outputRef } of trace) {
    if (kind === "state" && outputRef !== null) changing.add(outputRef);
    if (kind !== "item") continue;
    const map = joinTaskIdOf(taskId.slice(0, taskId.lastIndexOf("~")));
    counts.set(map, (counts.get(map) ?? 0) + 1);
  }
  return new HistoryFold(flow, origin, counts, decisions, changing);
}
