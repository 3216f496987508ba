import { InvalidTransitionError } from "../errors/instance-errors.ts";
import type { InstanceId, Path } from "../ids.ts";
import { isDeadline } from "./deadline.ts";
import type { Gate, Position, Standing } from "./position.ts";
import { resumePosition, withInterrupt } from "./position-rules.ts";
import type { InstanceStatus } from "./snapshot.ts";

/**
 * Where an instance stood when it failed: a position without what is only true of a live one. Kept with the failed
 * instance, so that a retry can put it back.
 */
export interface StoodPosition extends Omit<Standing, "lane"> {
  readonly path: Path;
  readonly tags: readonly string[];
  /** Where it waited, or its attempt took a place: that has to be let through again. */
  readonly gate?: Gate;
  /** When it wakes by its own schedule, in milliseconds since the epoch; `null` if it has none. */
  readonly wakeAt: number | null;
}

/**
 * What is kept of an instance's positions when it fails. Not its deadline: a retry has another one, or none.
 *
 * @param failedPath - where it failed
 * @param to - where that position goes on if the instance is retried; its time limit begins anew
 */
export function stoodPositions(positions: Iterable<Position>, failedPath: Path, to: Standing): StoodPosition[] {
  return Array.from(positions)
    .filter((position) => !isDeadline(position))
    .map((position) => (position.path === failedPath ? stoodAt(failedPath, to) : stood(position)));
}

/** Positions without what is only true of live ones, by path. */
export function standingStill(positions: Iterable<Position>): StoodPosition[] {
  return Array.from(positions, stood).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What is kept of the position that failed. */
export function stoodAt(path: Path, to: Standing): StoodPosition {
  const { gate } = to.lane;
  return stood({ ...to, path, tags: to.lane.tags, ...(gate === undefined ? {} : { gate }), wakeAt: null });
}

/**
 * A kept position, live again: unclaimed, by its own schedule, with no lost lease to its name. What was running is
 * ready, and a wait looks at its buffer again.
 */
export function putBack(kept: StoodPosition, status: "in_progress" | "paused", now: number): Position {
  const nowhere = { ready: false, availableAt: null, interrupt: null, lost: 0, claim: null };
  const position: Position = { ...stood(kept), ...nowhere };
  return status === "paused" ? withInterrupt(position, "paused", now) : resumePosition(position, now);
}

const REMEDIES: Readonly<Record<InstanceStatus, string>> = {
  in_progress: "It has not failed and goes on by itself; see its status.",
  paused: "It has not failed; unpause it.",
  completed: "Only what has failed can be retried; start the work again under a new id.",
  cancelled: "Only what has failed can be retried; start the work again under a new id.",
  failed: "It was saved as failed, so nobody knows where it stood; start the work again under a new id.",
};

/**
 * The positions with which an instance can be retried.
 *
 * @param kept - `null` or empty if none were kept
 * @throws {InvalidTransitionError} it has not failed, or not at a position
 */
export function requireStood(
  instanceId: InstanceId,
  status: InstanceStatus,
  kept: readonly StoodPosition[] | null,
): readonly StoodPosition[] {
  if (status === "failed" && kept !== null && kept.length > 0) return kept;
  throw new InvalidTransitionError(instanceId, status, "retry", { remedy: REMEDIES[status] });
}

function stood(from: StoodPosition): StoodPosition {
  const { path, taskId, kind, inputRef, attempt, priority, tags, event, pending, items, wakeAt } = from;
  return {
    ...{ path, taskId, kind, inputRef, attempt, priority, tags: [...tags].sort(), event, pending, items, wakeAt },
    ...(from.gate === undefined ? {} : { gate: from.gate }),
    ...(from.gate === undefined || from.limitKey === undefined ? {} : { limitKey: from.limitKey }),
  };
}
