import type { MaybePromise } from "../codec/maybe-promise.ts";
import type { Move, NewPosition } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Plan } from "../snapshot/plan-move.ts";
import type { Backend } from "../store/backend.ts";
import { completion } from "./completion.ts";
import type { HeldPosition } from "./held-position.ts";
import type { Host } from "./host.ts";

/** A move that makes positions, of which this host may hold some from the start. */
export type StartingMove = Extract<Move, { kind: "fork" | "restart" }>;

interface MoveParts {
  readonly store: Backend;
  readonly host: Host;
}

/** Fills in what a plan can't know: the output that completes the instance, which branches this host keeps. */
export function completeMove(
  { store, host }: MoveParts,
  held: HeldPosition,
  happening: Occurrence,
  move: Plan["move"],
): MaybePromise<Move> {
  if (move.kind === "fork") return { ...move, branches: keep(host, move.branches) };
  if (move.kind === "restart") return { ...move, positions: keep(host, move.positions) };
  // Whoever takes it must have its tags.
  if (move.kind === "advance" && !host.serves(move.to.lane)) return { kind: "park", to: move.to, wakeAfterMs: 0 };
  return move.kind === "complete" ? completion(store, held, happening, move.outputRef) : move;
}

/** Of positions that are made, those that this host can run at once are its own from the start. */
function keep(host: Host, positions: readonly NewPosition[]): readonly NewPosition[] {
  const isOurs = ({ wakeAfterMs, standing }: NewPosition): boolean => wakeAfterMs === 0 && host.serves(standing.lane);
  let left = host.reserveSlots(positions.filter(isOurs).length);
  return positions.map((position) => ({ ...position, claimed: isOurs(position) && left-- > 0 }));
}

/** Before the branches are taken: they need the slots that were kept for them. */
export function unreserve(host: Host, move: Move): void {
  if (move.kind === "fork") host.unreserve(move.branches.filter(({ claimed }) => claimed).length);
  if (move.kind === "restart") host.unreserve(move.positions.filter(({ claimed }) => claimed).length);
}
