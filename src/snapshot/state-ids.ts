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

/** What the task ids of updates begin with that may be repeated: by them, and their replies, a repeated one is known. */
export const UPDATE_PREFIX = "$update:";

/** The task id under which an update is recorded that was given an id. */
export function updateTaskId(updateId: string): TaskId {
  return UPDATE_PREFIX + updateId;
}

/** The task id under which an update is recorded that nobody can repeat. It is none that was given. */
export function anonymousUpdateTaskId(uuid: string): TaskId {
  return `$update~${uuid}`;
}

/** Whether entries outlive the run in which they were made: of several under one task id, the last. */
export function outlivesRun(taskId: TaskId): boolean {
  return taskId === STATE_ID || taskId.startsWith(UPDATE_PREFIX);
}
