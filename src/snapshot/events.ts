import { indexOf } from "../flow/continuation.ts";
import type { CollectNode } from "../flow/definition.ts";
import type { TaskId } from "../ids.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Decision } from "./occurrence.ts";
import type { EntryOutcome } from "./snapshot.ts";

/** The task id under which it is recorded how many events are waited for, from that of one of them. */
export function countTaskId(eventTaskId: TaskId): TaskId {
  return `${eventTaskId.slice(0, eventTaskId.lastIndexOf("["))}~count`;
}

/** Whether the event that is taken is one of several: the others are waited for under the same time limit. */
export function takesOneOfSeveral({ consumes, entries }: Pick<Checkpoint, "consumes" | "entries">): boolean {
  return consumes !== null && entries.some(({ kind, taskId }) => kind === "wait" && indexOf(taskId) !== null);
}

/** Whether another of several events is waited for, when the wait for one of them has this outcome. */
export function afterEvent(eventTaskId: TaskId, outcome: EntryOutcome, count: number): Decision {
  const isLast = (indexOf(eventTaskId) ?? 0) + 1 >= count;
  return { kind: outcome === "timed_out" || isLast ? "done" : "again" };
}

/** Whether the recorded outcome of a wait for several events leads into the branch of its time limit. */
export function isLate({ onTimeout }: CollectNode, outcome: EntryOutcome): boolean {
  return outcome === "timed_out" && onTimeout === "branch";
}
