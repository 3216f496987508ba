import { CHILD_EVENT, CHILDREN_EVENT } from "../ids.ts";
import type { Interrupt, Position } from "./position.ts";
import type { EntryKind, InstanceStatus } from "./snapshot.ts";

/**
 * How soon an interrupted position comes up again if whoever was to act on the request died. A
 * request is acted on at once otherwise; this only keeps it from being stranded (INV-13).
 */
export const INTERRUPT_RECHECK_MS = 1_000;

/**
 * What stops the positions of an instance. A cancel comes first, even where the instance is paused:
 * otherwise it would wait for an unpause that may never come.
 */
export function interruptOf(
  status: InstanceStatus,
  pending: { get(kind: "cancel" | "pause"): { readonly undo?: boolean } | undefined },
): Interrupt | null {
  const cancel = pending.get("cancel");
  if (cancel !== undefined) return cancel.undo === true ? "undo" : "cancel";
  if (status === "paused") return "paused";
  return pending.get("pause") === undefined ? null : "pause";
}

/** How a position is left when the requests to its instance have changed. The same object if it hasn't. */
export function withInterrupt(position: Position, interrupt: Interrupt | null, now: number): Position {
  if (interrupt === null) return position.interrupt === null ? position : resumePosition(position, now);
  if (position.claim !== null || isPendingJoin(position)) return { ...position, interrupt };
  if (interrupt === "paused") return { ...position, interrupt, ready: false, availableAt: null };
  // Whoever runs it has to begin to undo it; the other requests are acted on where they are made.
  const soon = interrupt === "undo" ? now : now + INTERRUPT_RECHECK_MS;
  // To undo, nobody has to wait for a limit.
  const { gate: _gate, limitKey: _limitKey, ...open } = position;
  const stopped = interrupt === "undo" ? open : position;
  return { ...stopped, interrupt, ready: false, availableAt: Math.min(position.availableAt ?? soon, soon) };
}

/** How a position goes on when nothing stops it any more: by its own schedule. */
export function resumePosition(position: Position, now: number): Position {
  if (position.claim !== null) return { ...position, interrupt: null };
  // A wait looks at its buffer again: an event may have come while nobody was looking.
  const ready = position.kind === "wait" || (position.wakeAt === null && !isPendingJoin(position));
  return { ...position, interrupt: null, ready, availableAt: ready ? now : position.wakeAt };
}

/**
 * How a position is left that its holder gives back: ready at once, so that somebody goes on; but not
 * before its time, or before its branches have ended (INV-9, INV-10).
 *
 * @param hasOutcome - whether its task's outcome is recorded: then there is nothing left to sleep for
 */
export function giveBack(position: Position, now: number, hasOutcome: boolean): Position {
  const free: Position = { ...position, claim: null };
  if (free.interrupt === "paused") return { ...free, ready: false, availableAt: null };
  if (free.interrupt !== null)
    return { ...free, ready: false, availableAt: isPendingJoin(free) ? null : now + INTERRUPT_RECHECK_MS };
  return waitsForItself(free, now, hasOutcome) ? resumePosition(free, now) : { ...free, ready: true, availableAt: now };
}

/** How a position is left whose time has come: a timer, a time limit, or the end of its holder's lease. */
export function comeDue(position: Position, now: number, hasOutcome: boolean): Position {
  const free: Position = position.claim === null ? position : { ...position, claim: null, lost: position.lost + 1 };
  if (free.interrupt === "paused") return { ...free, ready: false, availableAt: null };
  if (free.interrupt === null && waitsForItself(free, now, hasOutcome)) return resumePosition(free, now);
  if (isPendingJoin(free)) return { ...free, ready: false, availableAt: null };
  // Its place in the order counts from when it came due, however late somebody noticed.
  return { ...free, ready: true };
}

/** How a position of a saved snapshot is stored: without the claim and the interrupt that it lists. */
export function withoutClaim(position: Position, now: number): Position {
  const free: Position = { ...position, tags: [...position.tags].sort(), interrupt: null, claim: null };
  return position.claim === null && position.interrupt === null ? free : resumePosition(free, now);
}

/** Whether a saved snapshot leaves a stored position where it stands: then its claim holds on. */
export function standsTheSame(stored: Position, saved: Position): boolean {
  return (
    stored.taskId === saved.taskId &&
    stored.kind === saved.kind &&
    stored.attempt === saved.attempt &&
    stored.inputRef === saved.inputRef &&
    stored.priority === saved.priority &&
    stored.event === saved.event &&
    stored.pending === saved.pending &&
    stored.items?.total === saved.items?.total &&
    stored.items?.started === saved.items?.started &&
    stored.items?.failed === saved.items?.failed &&
    stored.tags.length === saved.tags.length &&
    [...saved.tags].sort().every((tag, index) => tag === stored.tags[index])
  );
}

/** Whether a position is a join whose branches have yet to end. */
export function isPendingJoin(position: Pick<Position, "kind" | "pending">): boolean {
  return position.kind === "join" && position.pending > 0;
}

/** How history names what is recorded from outside for where a position stands; `null`: where none does. */
export function kindRecordedAt(position: Pick<Position, "kind" | "event"> | null): EntryKind {
  if (position?.event?.startsWith(CHILD_EVENT) === true) return "spawn";
  return position?.event === CHILDREN_EVENT ? "children" : (position?.kind ?? "task");
}

function waitsForItself(position: Position, now: number, hasOutcome: boolean): boolean {
  if (position.kind === "join") return position.pending > 0;
  return !hasOutcome && position.kind !== "wait" && position.wakeAt !== null && position.wakeAt > now;
}
