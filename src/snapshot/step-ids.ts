import type { TaskId } from "../ids.ts";

/** Stands between a task's id and that of a step in it. In no name of a definition. */
const SEPARATOR = ">";

/** The task id under which a step of a task is recorded: `charge>reserve`. */
export function stepTaskId(taskId: TaskId, step: string): TaskId {
  return `${taskId}${SEPARATOR}${step}`;
}

/** The task of which this is a step; `null` if it is none. */
export function taskOfStep(taskId: TaskId): TaskId | null {
  const at = taskId.lastIndexOf(SEPARATOR);
  return at === -1 ? null : taskId.slice(0, at);
}

/** The range of task ids, the second one excluded, in which all steps of a task are, by code point. */
export function stepRange(taskId: TaskId): readonly [TaskId, TaskId] {
  // "?" is the character after ">".
  return [`${taskId}${SEPARATOR}`, `${taskId}?`];
}
