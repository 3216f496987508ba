import { isDeadline } from "../snapshot/deadline.ts";
import type { Position } from "../snapshot/position.ts";

/** Whether a position of an instance that is to begin later is as it was made: nobody has held it, and nothing has stopped it. */
export function isUntouched(position: Position): boolean {
  const { claim, lost, attempt, interrupt, ready } = position;
  return isDeadline(position) || (claim === null && lost === 0 && attempt === 1 && interrupt === null && !ready);
}
