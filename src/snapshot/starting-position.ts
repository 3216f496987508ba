import type { NewPosition } from "./checkpoint.ts";
import type { Position } from "./position.ts";

/** How a position begins, unclaimed. */
export function startingPosition(start: NewPosition, now: number): Position {
  const { lane, ...standing } = start.standing;
  const ready = start.wakeAfterMs === 0;
  const wakeAt = start.wakeAfterMs === null || ready ? null : now + start.wakeAfterMs;
  return {
    ...standing,
    path: start.path,
    tags: [...lane.tags].sort(),
    ...(lane.gate === undefined ? {} : { gate: lane.gate }),
    ready,
    availableAt: ready ? now : wakeAt,
    wakeAt,
    interrupt: null,
    lost: 0,
    claim: null,
  };
}
