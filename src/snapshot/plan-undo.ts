import { type Standpoint, standpoint } from "../flow/continuation.ts";
import { type Flow, UNDO_ID } from "../flow/flow-definition.ts";
import { undoTaskId } from "../flow/undo-order.ts";
import type { TaskId } from "../ids.ts";
import { NOTES } from "./apply.ts";
import type { Plan, PlannedMove } from "./plan-move.ts";
import type { Standing } from "./position.ts";
import type { Bytes, NewEntry } from "./snapshot.ts";
import { entry, type From, type Stand, standing } from "./standing.ts";

/** Before the instance fails, what it has done is undone. Why is kept in the history. */
export function beginUndo(
  flow: Flow,
  stand: Stand,
  failed: { readonly entries: readonly NewEntry[]; readonly failure: Bytes; readonly keeps: Standing },
): Plan {
  const { entries, failure, keeps } = failed;
  const move: PlannedMove = { kind: "collapse", to: atUndo(flow, stand, null), keeps, cancels: false };
  return { entries: [...entries, note(stand, NOTES.failed, { failure })], move, consumes: null };
}

/** Something can't be undone: nothing else is, and the flow's handler hears of it before the instance fails. */
export function stopUndoing(flow: Flow, stand: Stand, entries: readonly NewEntry[], keeps: Standing): Plan {
  const to = atUndo(flow, stand, stand.taskId);
  return { entries, move: { kind: "collapse", to, keeps, cancels: false }, consumes: null };
}

/** A request to cancel and undo is acted on. An instance of which nothing can be undone is cancelled at once. */
export function planCancel(
  flow: Flow,
  stand: Stand,
  { why, reason }: { readonly why: Bytes; readonly reason: string | null },
): Plan {
  if (flow.find(UNDO_ID) === null) return planCancelled(stand, reason);
  const move: PlannedMove = { kind: "collapse", to: atUndo(flow, stand, null), keeps: null, cancels: true };
  const begun = note(stand, NOTES.cancelling, { failure: why, outputRef: stand.taskId });
  return { entries: [begun], move, consumes: null };
}

/** The instance is cancelled. */
export function planCancelled(stand: Stand, reason: string | null): Plan {
  const ended = note(stand, NOTES.cancel, { outputRef: stand.taskId });
  return { entries: [ended], move: { kind: "cancel", reason }, consumes: null };
}

/** Whether a position stands at what is done before an instance ends as failed or cancelled. */
export function isUndoing(here: Standpoint): boolean {
  const { node, container } = here.located;
  return node.kind === "undo" || (container.kind === "part" && container.role === "undo") || isHandler(here);
}

/** Whether it is the flow's own failure handler. */
export function isHandler({ located: { container } }: Standpoint): boolean {
  return container.kind === "part" && container.role === "handler";
}

/** A task alone is undone on the trunk; several are side by side, and the trunk waits for them. */
export function planUndo(flow: Flow, stand: Stand, tasks: readonly TaskId[]): Plan {
  const undo = (taskId: TaskId): Standing =>
    standing(flow, standpoint(flow, undoTaskId(taskId)), { ...stand, inputRef: taskId }, 1);
  const [first] = tasks;
  if (first !== undefined && tasks.length === 1)
    return { entries: [], move: { kind: "advance", to: undo(first) }, consumes: null };
  const join = atUndo(flow, stand, null);
  const branches = tasks.map((taskId) => {
    return { path: undoTaskId(taskId), standing: undo(taskId), wakeAfterMs: 0, claimed: false };
  });
  return {
    entries: [],
    move: { kind: "fork", join: { ...join, kind: "join", pending: tasks.length }, branches },
    consumes: null,
  };
}

/** The flow's failure handler runs, on the trunk. It learns by `inputRef` what could not be undone. */
export function planHandling(flow: Flow, stand: Stand, taskId: TaskId): Plan {
  const to = standing(flow, standpoint(flow, taskId), stand, 1);
  return { entries: [], move: { kind: "advance", to }, consumes: null };
}

/** `failedUndo`: the undoing that has failed, which stands there for the input. */
export function atUndo(flow: Flow, stand: From, failedUndo: TaskId | null): Standing {
  return standing(flow, standpoint(flow, UNDO_ID), { ...stand, inputRef: failedUndo }, 1);
}

function note(stand: Stand, taskId: TaskId, facts: Partial<NewEntry>): NewEntry {
  return { ...entry(stand, "instance", { outcome: "noted", ...facts }), taskId, attempt: 1 };
}
