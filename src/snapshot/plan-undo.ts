import { type Standpoint, standpoint } from "../flow/continuation.ts";
import { type Flow, UNDO_ID } from "../flow/flow-definition.ts";
import { undoTaskId } from "../flow/undo-order.ts";
import type { TaskId } from "../ids.ts";
import { NOTES } from "./apply.ts";
import type { Plan, PlannedMove } from "./plan-move.ts";
import type { Standing } from "./position.ts";
import type { Bytes, NewEntry } from "./snapshot.ts";
import { entry, type Stand, standing } from "./standing.ts";

/** Before the instance fails, what it has done is undone. Why is kept in the history. */
export function beginUndo(flow: Flow, stand: Stand, entries: readonly NewEntry[], failure: Bytes): Plan {
  const to = standing(flow, standpoint(flow, UNDO_ID), { ...stand, inputRef: null }, 1);
  const why = { ...entry(stand, "instance", { outcome: "noted", failure }), taskId: NOTES.failed, attempt: 1 };
  const move: PlannedMove = stand.path === "" ? { kind: "advance", to } : { kind: "collapse", to };
  return { entries: [...entries, why], move, consumes: null };
}

export function isUndoing({ located: { node, container } }: Standpoint): boolean {
  return node.kind === "undo" || (container.kind === "part" && container.role === "undo");
}

/** A task alone is undone on the trunk; several are side by side, and the trunk waits for them. */
export function planUndo(flow: Flow, stand: Stand, tasks: readonly TaskId[]): Plan {
  const undo = (taskId: TaskId): Standing =>
    standing(flow, standpoint(flow, undoTaskId(taskId)), { ...stand, inputRef: taskId }, 1);
  const [first] = tasks;
  if (first !== undefined && tasks.length === 1)
    return { entries: [], move: { kind: "advance", to: undo(first) }, consumes: null };
  const join = standing(flow, standpoint(flow, UNDO_ID), { ...stand, inputRef: null }, 1);
  const branches = tasks.map((taskId) => {
    return { path: undoTaskId(taskId), standing: undo(taskId), wakeAfterMs: 0, claimed: false };
  });
  return {
    entries: [],
    move: { kind: "fork", join: { ...join, kind: "join", pending: tasks.length }, branches },
    consumes: null,
  };
}
