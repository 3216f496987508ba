import { DEADLINE_ID } from "../flow/flow-definition.ts";
import type { Path } from "../ids.ts";
import type { Lane, Position } from "./position.ts";
import type { InstanceRecord } from "./snapshot.ts";

/** By when a new instance has to have ended: the earlier of the two. Times are the store's. */
export interface NewDeadline {
  /** So many milliseconds from now on; at least 1. */
  readonly afterMs: number | null;
  /** Milliseconds since the epoch. */
  readonly at: number | null;
}

/** Where it is. */
export const DEADLINE_PATH: Path = DEADLINE_ID;

/** Nobody waits behind others to end what is overdue. */
const PRIORITY = 1;

/** When a deadline is, in whole milliseconds since the epoch: never early (INV-10). `null` if there is none. */
export function deadlineTime(deadline: NewDeadline | null, now: number): number | null {
  if (deadline === null) return null;
  const { afterMs, at } = deadline;
  const time = Math.min(afterMs === null ? Number.POSITIVE_INFINITY : now + afterMs, at ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(time) ? Math.ceil(time) : null;
}

/**
 * The position of a deadline: it sleeps until then beside all others, and whoever claims it ends the instance. A live
 * instance has one if and only if it has a deadline.
 *
 * @param attempt - one of which there is no entry
 */
export function deadlinePosition(at: number, attempt: number): Position {
  return {
    ...{ path: DEADLINE_ID, taskId: DEADLINE_ID, kind: "delay", inputRef: null, attempt, priority: PRIORITY },
    ...{ tags: [], event: null, pending: 0, items: null, ready: false, availableAt: at, wakeAt: at },
    ...{ interrupt: null, lost: 0, claim: null },
  };
}

/** Who can act on the deadline of an instance: everybody who knows its definition. */
export function deadlineLane({
  flow,
  definitionHash,
  codec,
}: Pick<InstanceRecord, "flow" | "definitionHash" | "codec">): Lane {
  return { flow, definitionHash, codec, tags: [] };
}

/** Whether a position is no point at which its instance stands, but its deadline. */
export function isDeadline({ path }: Pick<Position, "path">): boolean {
  return path === DEADLINE_ID;
}
