import {
  after,
  type BranchStart,
  type Continuation,
  enter,
  intoRouteBranch,
  intoTimeoutBranch,
  mapStarts,
  nextIteration,
  type Standpoint,
  standpoint,
  withoutEvents,
} from "../flow/continuation.ts";
import type { FlowNode } from "../flow/definition.ts";
import { responseToFailure } from "../flow/failure-handling.ts";
import { type Flow, UNDO_ID } from "../flow/flow-definition.ts";
import { itemTaskId } from "../flow/output-ids.ts";
import { idIssue, type TaskId } from "../ids.ts";
import type { Move, NewPosition } from "./checkpoint.ts";
import type { Decision, Occurrence } from "./occurrence.ts";
import { follow, leave, moveTo, type Plan, type PlannedMove, startBranch, startRun } from "./plan-move.ts";
import {
  beginUndo,
  isHandler,
  isUndoing,
  planCancel,
  planCancelled,
  planHandling,
  planUndo,
  stopUndoing,
} from "./plan-undo.ts";
import type { Bytes, NewEntry } from "./snapshot.ts";
import { entry, entryKindOf, type From, type Stand, standing } from "./standing.ts";

/** The move with which an instance begins: `advance`, `park`, `await` or `fork`. */
export function planStart(flow: Flow, codec: string, instancePriority: number): PlannedMove {
  return moveTo(flow, enter(flow), { path: "", inputRef: null, instancePriority, codec });
}

/**
 * What to write when `occurrence` has happened to a position. Pure: equal arguments, equal plans.
 * Nothing else decides what happens next.
 *
 * @throws {InvalidArgumentError} the position stands at a node that the definition does not have
 */
export function planNext(flow: Flow, stand: Stand, occurrence: Occurrence): Plan {
  const here = standpoint(flow, stand.taskId);
  switch (occurrence.kind) {
    case "succeeded":
      return planSuccess(flow, stand, here, occurrence);
    case "failed":
      return planFailure(flow, stand, here, occurrence);
    case "listed":
      return planItems(flow, stand, occurrence);
    case "recorded":
      return proceed(flow, stand, here, occurrence.decision, []);
    case "continued": {
      const { input, durationMs } = occurrence;
      // It goes with the run; but where somebody has recorded another outcome meanwhile, that counts (INV-3).
      const entries = durationMs === null ? [] : [entry(stand, entryKindOf(here.located.node), { durationMs })];
      return { entries, move: { kind: "restart", input, positions: startRun(flow, stand) }, consumes: null };
    }
    case "begun":
      return proceed(flow, stand, here, null, []);
    case "undoing":
      return planUndo(flow, stand, occurrence.tasks);
    case "handling":
      return planHandling(flow, stand, occurrence.taskId);
    case "undone": {
      const move = failing(flow, stand, here, occurrence.failure, stand.attempt);
      return { entries: [], move: { ...move, asKept: occurrence.asKept }, consumes: null };
    }
    case "cancelling":
      return planCancel(flow, stand, occurrence);
    case "cancelled":
      return planCancelled(stand, occurrence.reason);
    case "unusable":
      // No entry for the task: the one that is there stands (INV-3).
      return respond(flow, stand, here, { failure: occurrence.failure, entries: [], isRecorded: true });
    case "overdue":
      return planOverdue(flow, stand, here, occurrence.failure);
    case "elapsed":
      return proceed(flow, stand, here, null, [entry(stand, "delay", { outputRef: stand.inputRef })]);
    case "received":
    case "stale":
      return planEvent(flow, stand, here, occurrence);
    case "closed":
      return proceed(flow, stand, here, null, [entry(stand, "children", { outputRef: stand.inputRef })]);
    case "timedOut":
      return planTimeout(flow, stand, here, occurrence.failure);
    case "nothingYet": {
      const { node } = here.located;
      const timeoutMs = occurrence.armed || node.kind !== "wait" ? "keep" : node.timeoutMs;
      return {
        entries: [],
        move: { kind: "await", to: standing(flow, here, stand, stand.attempt), timeoutMs },
        consumes: null,
      };
    }
  }
}

/** The position stays at the wait, now with a recorded outcome, from which it goes on; or without the event, to look again. */
function planEvent(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  occurrence: Extract<Occurrence, { kind: "received" | "stale" }>,
): Plan {
  const kind = entryKindOf(here.located.node);
  return {
    entries: occurrence.kind === "stale" ? [] : [entry(stand, kind, { output: occurrence.payload })],
    move: { kind: "advance", to: standing(flow, here, stand, stand.attempt) },
    consumes: occurrence.sequence,
  };
}

function planSuccess(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  occurrence: Extract<Occurrence, { kind: "succeeded" }>,
): Plan {
  const { output, durationMs } = occurrence;
  const { node } = here.located;
  // What has come of the iteration stands in the history already.
  const value = isFlowLoop(node) ? { outputRef: stand.inputRef } : { output };
  const { decision } = occurrence;
  const outcome = decision?.kind === "timedOut" ? "timed_out" : "completed";
  const facts = { ...value, outcome, durationMs, decision: decisionText(decision) } as const;
  return proceed(flow, stand, here, decision, [entry(stand, entryKindOf(node), facts)]);
}

/** What the history says of a decision. Not of one that follows from the task id, or can be read from the output only. */
function decisionText(decision: Decision | null): string | null {
  switch (decision?.kind) {
    case "again":
    case "done":
      return decision.kind;
    case "key":
      // What leads to the default branch may be any text.
      return idIssue(decision.key) === null ? decision.key : null;
    case "until":
    case "count":
    case "timedOut":
    case undefined:
      return null;
  }
}

function isFlowLoop(node: FlowNode): boolean {
  return node.kind === "loop" && node.sequence !== null;
}

/** The items of a map begin, as many as may be under way at once. */
function planItems(flow: Flow, stand: Stand, occurrence: Extract<Occurrence, { kind: "listed" }>): Plan {
  const { items, count, none, isOver, durationMs } = occurrence;
  const { join, item } = mapStarts(flow, stand.taskId);
  const { node } = join.located;
  const listed = count === null ? [] : [entry(stand, "task", { output: count, durationMs })];
  if (items.length === 0) {
    const mapped = { ...stand, taskId: join.taskId, attempt: 1 };
    const ended = isOver ? [] : [entry(mapped, "join", { output: none })];
    return proceed(flow, mapped, join, null, [...listed, ...ended]);
  }
  const started = Math.min(items.length, (node.kind === "map" ? node.concurrency : null) ?? items.length);
  const counts = { pending: items.length, items: { total: items.length, started, failed: 0 } };
  const from = { ...stand, inputRef: null };
  const values = items.map((output, index) => ({
    ...entry(stand, "item", { output }),
    ...{ taskId: itemTaskId(join.taskId, index), attempt: 1 },
  }));
  return {
    entries: [...listed, ...values],
    move: {
      kind: "fork",
      join: { ...standing(flow, join, from, 1), ...counts },
      branches: Array.from({ length: started }, (_, index) => startItem(flow, item(index), from)).flat(),
    },
    consumes: null,
  };
}

/** An item that begins with work of its own stands there from the start, on its value; whatever else it begins with is looked at. */
function startItem(flow: Flow, start: BranchStart, from: From): NewPosition[] {
  const valueId = `${start.path}~item`;
  const first = after(flow, valueId);
  const isWork = first.kind === "stand" && ["task", "route", "loop"].includes(first.at.located.node.kind);
  return isWork
    ? startBranch(flow, { path: start.path, first }, { ...from, inputRef: valueId })
    : startBranch(flow, start, from);
}

function planFailure(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  occurrence: Extract<Occurrence, { kind: "failed" }>,
): Plan {
  const { failure, durationMs, retryAfterMs } = occurrence;
  const decision = retryAfterMs === null ? "last" : null;
  const entries = [entry(stand, entryKindOf(here.located.node), { outcome: "failed", failure, durationMs, decision })];
  if (retryAfterMs === null) return respond(flow, stand, here, { failure, entries, isRecorded: false });
  const to = standing(flow, here, stand, stand.attempt + 1);
  const move: Move = retryAfterMs === 0 ? { kind: "advance", to } : { kind: "park", to, wakeAfterMs: retryAfterMs };
  return { entries, move, consumes: null };
}

function planTimeout(flow: Flow, stand: Stand, here: Standpoint, failure: Bytes | null): Plan {
  if (failure === null) {
    const { node } = here.located;
    const decision: Decision | null = node.kind === "wait" && node.timeoutBranch !== null ? { kind: "timedOut" } : null;
    return proceed(flow, stand, here, decision, [entry(stand, "wait", { outcome: "timed_out" })]);
  }
  const entries = [entry(stand, "wait", { outcome: "failed", failure, decision: "last" })];
  return respond(flow, stand, here, { failure, entries, isRecorded: false });
}

/** What becomes of a failure that no further attempt will mend. */
function respond(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  failed: { readonly failure: Bytes; readonly entries: readonly NewEntry[]; readonly isRecorded: boolean },
): Plan {
  const { failure, entries, isRecorded } = failed;
  const response = responseToFailure(flow, stand.taskId, isRecorded);
  switch (response.kind) {
    case "skip": {
      const value = isHandler(here) ? stand.inputRef : stand.taskId;
      const skipped = entries.map((one): NewEntry => ({ ...one, outcome: "tolerated", decision: null }));
      return follow(flow, stand, after(flow, stand.taskId), { value, entries: skipped });
    }
    case "goOn":
      return follow(flow, stand, response.next, { value: stand.inputRef, entries });
    case "leave": {
      const { end } = response;
      const left = { ...entry(stand, "branch", { outcome: "tolerated", failure }), taskId: end.path, attempt: 1 };
      return { entries: [...entries, left], move: leave(stand, end), consumes: null };
    }
    case "fail": {
      // Where there is no entry of the attempt, a retry makes it again.
      const attempt = isRecorded ? stand.attempt : stand.attempt + 1;
      if (flow.find(UNDO_ID) !== null && !isUndoing(here))
        return beginUndo(flow, stand, { entries, failure, keeps: standing(flow, here, stand, attempt) });
      if (flow.onFailure !== null && here.located.node.kind !== "undo")
        return stopUndoing(flow, stand, entries, standing(flow, here, stand, attempt));
      return { entries, move: failing(flow, stand, here, failure, attempt), consumes: null };
    }
  }
}

/** It fails, wherever it stands; what can be undone is undone before. */
function planOverdue(flow: Flow, stand: Stand, here: Standpoint, failure: Bytes): Plan {
  const late = entry(stand, "instance", { outcome: "failed", failure, decision: "last" });
  if (flow.find(UNDO_ID) !== null) {
    const keeps = standing(flow, here, stand, stand.attempt + 1);
    return beginUndo(flow, stand, { entries: [late], failure, keeps });
  }
  return { entries: [late], move: failing(flow, stand, here, failure, stand.attempt + 1), consumes: null };
}

/** The instance fails here. `attempt` is the one that a retry of it makes. */
function failing(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  failure: Bytes,
  attempt: number,
): Extract<PlannedMove, { kind: "fail" }> {
  return { kind: "fail", failure, to: standing(flow, here, stand, attempt) };
}

/** The node is behind: on to what follows, with the value that flows on. */
function proceed(flow: Flow, stand: Stand, here: Standpoint, decision: Decision | null, entries: NewEntry[]): Plan {
  // Of several that are undone side by side, each is a branch of the trunk.
  if (stand.path !== "" && here.located.node.kind === "task" && isUndoing(here))
    return { entries, move: { kind: "endBranch", joinPath: "" }, consumes: null };
  const value = decision?.kind === "timedOut" ? stand.inputRef : valueAfter(stand, here);
  return follow(flow, stand, nextAfter(flow, stand.taskId, decision), { value, entries, wakeAt: wakeAtOf(decision) });
}

function nextAfter(flow: Flow, taskId: TaskId, decision: Decision | null): Continuation {
  switch (decision?.kind) {
    case "again":
      return nextIteration(flow, taskId);
    case "key": {
      const branch = intoRouteBranch(flow, taskId, decision.key);
      if (branch === null) throw new TypeError(`The engine let an unknown route key through at "${taskId}".`);
      return branch;
    }
    case "count":
      return decision.count === 0 ? withoutEvents(flow, taskId) : after(flow, taskId);
    case "timedOut":
      return intoTimeoutBranch(flow, taskId);
    case "done":
    case "until":
    case undefined:
      return after(flow, taskId);
  }
}

function wakeAtOf(decision: Decision | null): number | null {
  return decision?.kind === "until" ? decision.at : null;
}

/** Whose output is the value that flows on from a node. */
function valueAfter(stand: Stand, here: Standpoint): TaskId | null {
  const { node, container } = here.located;
  // What has been undone is of no use to anybody; what could not be is known behind the handler, too.
  if (isUndoing(here) && !isHandler(here)) return null;
  const passesOn =
    isHandler(here) ||
    node.kind === "delay" ||
    node.kind === "route" ||
    node.kind === "children" ||
    isFlowLoop(node) ||
    (container.kind === "part" && ["until", "count", "event", "start"].includes(container.role));
  return passesOn ? stand.inputRef : stand.taskId;
}
