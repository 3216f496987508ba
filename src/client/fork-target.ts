import type { Flow } from "../flow/flow-definition.ts";
import type { Renaming } from "../flow/renaming.ts";
import type { TaskId } from "../ids.ts";
import type { DerivedState } from "../snapshot/history-fold.ts";
import type { Course } from "../snapshot/state-at.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import type { RenamedEntry } from "../store/instance-store.ts";
import { type Fit, fitOf } from "./course-fit.ts";

/** A history under the names of another definition, and whether it is one of that. */
export interface Translation {
  readonly fit: Fit;
  readonly rename: (id: TaskId) => TaskId;
  /** The entries that have other names there. */
  readonly renamed: readonly RenamedEntry[];
}

/** Gives a course, as far as it led to a state, the names of another definition, and follows it with that. */
export function translate(to: Flow, renaming: Renaming, course: Course, before: DerivedState): Translation {
  const rename = (id: TaskId): TaskId => renaming.of(id);
  const renameOrNull = (id: TaskId | null): TaskId | null => (id === null ? null : rename(id));
  const trace = course.trace
    .filter(({ sequence }) => sequence <= before.sequence)
    .map((entry) => {
      const { taskId, path, outputRef } = entry;
      return { ...entry, taskId: rename(taskId), path: rename(path), outputRef: renameOrNull(outputRef) };
    });
  const decisions = new Map([...course.decisions].map(([taskId, decision]) => [rename(taskId), decision]));
  const positions = before.positions.map((position) => ({
    ...position,
    path: rename(position.path),
    taskId: rename(position.taskId),
    inputRef: renameOrNull(position.inputRef),
  }));
  const fit = clashIn(trace) ?? fitOf(to, { origin: course.origin, trace, decisions }, before.sequence, positions);
  const renamed = trace.filter((entry, index) => {
    const old = course.trace[index];
    return old?.taskId !== entry.taskId || old.path !== entry.path || old.outputRef !== entry.outputRef;
  });
  return { fit, rename, renamed };
}

/** Where one task gets the name that another one keeps. */
function clashIn(trace: readonly TraceEntry[]): Fit | null {
  const seen = new Set<string>();
  for (const { taskId, attempt, sequence } of trace) {
    const key = `${attempt} ${taskId}`;
    const message = `"${taskId}" would be the name of two tasks`;
    if (seen.has(key)) return { after: null, misfit: { kind: "history", sequence, taskId, message } };
    seen.add(key);
  }
  return null;
}
