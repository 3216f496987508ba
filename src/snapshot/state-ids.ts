import { STATE_PREFIX } from "../flow/validate.ts";
import type { Path, TaskId } from "../ids.ts";

/**
 * The task id under which the trunk's state is recorded; its attempts are the versions, the last of which
 * outlives the run in which it was made: the runs of an instance share it. No name begins with "$".
 */
export const STATE_ID: TaskId = "$state";

/** The task id under which the state of a path is recorded: all of it for the trunk, what a branch or item has changed. */
export function stateTaskId(path: Path): TaskId {
  return path === "" ? STATE_ID : STATE_PREFIX + path;
}

/** Whether an entry outlives the run in which it was made: of several under one task id, the last. */
export function outlivesRun(taskId: TaskId): boolean {
  return taskId === STATE_ID;
}

/** The task id under which an update is recorded. */
export function updateTaskId(updateId: string): TaskId {
  return `$update:${updateId}`;
}
