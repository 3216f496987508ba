import { resumePosition } from "../snapshot/apply.ts";
import type { NewPosition } from "../snapshot/checkpoint.ts";
import type { Position, PositionClaim } from "../snapshot/position.ts";

/** How a position begins, unclaimed. */
export function startingPosition(start: NewPosition, now: number): Position {
  const { lane, ...standing } = start.standing;
  const ready = start.wakeAfterMs === 0;
  const wakeAt = start.wakeAfterMs === null || ready ? null : now + start.wakeAfterMs;
  return {
    ...standing,
    path: start.path,
    tags: [...lane.tags].sort(),
    ready,
    availableAt: ready ? now : wakeAt,
    wakeAt,
    interrupt: null,
    lost: 0,
    claim: null,
  };
}

export function claimPosition(position: Position, claim: PositionClaim): Position {
  return { ...position, ready: false, availableAt: claim.expiresAt, claim };
}

/**
 * How a position is left that its holder gives back: ready at once, so that somebody goes on.
 *
 * What was held only because of a request that has been withdrawn since goes back to waiting for its
 * time, or for its branches (INV-9, INV-10).
 */
export function givenBack(position: Position, now: number): Position {
  const free: Position = { ...position, claim: null };
  switch (free.interrupt) {
    case "paused":
      return { ...free, ready: false, availableAt: null };
    case "pause":
    case "cancel":
      return { ...free, ready: true, availableAt: now };
    case null:
      return waitsForItself(free, now) ? resumePosition(free, now) : { ...free, ready: true, availableAt: now };
  }
}

/** How a position is left whose time has come: a timer, a time limit, or the end of its holder's lease. */
export function comeDue(position: Position, now: number): Position {
  if (position.claim === null) {
    const waits = position.interrupt === null && waitsForItself(position, now);
    return waits ? resumePosition(position, now) : { ...position, ready: true };
  }
  const lost: Position = { ...position, claim: null, lost: position.lost + 1 };
  const free = givenBack(lost, now);
  // Its place in the order counts from when it came due, however late somebody noticed.
  return free.ready ? { ...free, availableAt: position.availableAt } : free;
}

function waitsForItself(position: Position, now: number): boolean {
  if (position.kind === "join") return position.pending > 0;
  return position.kind !== "wait" && position.wakeAt !== null && position.wakeAt > now;
}
