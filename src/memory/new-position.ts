import type { Position, PositionClaim } from "../snapshot/position.ts";

export function claimPosition(position: Position, claim: PositionClaim): Position {
  return { ...position, ready: false, availableAt: claim.expiresAt, claim };
}
