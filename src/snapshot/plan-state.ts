import { UNDO_ID } from "../flow/flow-definition.ts";
import type { TaskId } from "../ids.ts";
import type { Plan } from "./plan-move.ts";

/**
 * Whether what a task, or a join's branches, have changed in the state counts: the flow goes on behind it. It does not where
 * the task is tried again, the instance fails, or a branch ends whose failure is borne.
 */
export function keepsChanges(taskId: TaskId, { entries, move }: Pick<Plan, "entries" | "move">): boolean {
  if (move.kind === "fail" || move.kind === "collapse") return false;
  if ("to" in move && (move.to.taskId === taskId || move.to.taskId === UNDO_ID)) return false;
  return !entries.some(({ kind, outcome }) => kind === "branch" && outcome === "tolerated");
}
