import { chain, type MaybePromise } from "../codec/maybe-promise.ts";
import type { Move, NewPosition } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Plan } from "../snapshot/plan-move.ts";
import type { Standing } from "../snapshot/position.ts";
import type { Backend } from "../store/backend.ts";
import { completion } from "./completion.ts";
import { gatedStanding } from "./gate.ts";
import type { HeldPosition } from "./held-position.ts";
import type { Host } from "./host.ts";
import { inputOfBranch, valueUnder } from "./occurrence-values.ts";

/** A move that makes positions, of which this host may hold some from the start. */
export type StartingMove = Extract<Move, { kind: "fork" | "restart" }>;

interface MoveParts {
  readonly store: Backend;
  readonly host: Host;
}

/** Fills in what a plan can't know: the output that completes the instance, what waits for limits, which branches this host keeps. */
export function completeMove(
  { store, host }: MoveParts,
  held: HeldPosition,
  happening: Occurrence,
  move: Plan["move"],
): MaybePromise<Move> {
  if (move.kind === "fork")
    return chain(gated(held, happening, move.branches), (branches) => ({ ...move, branches: keep(host, branches) }));
  if (move.kind === "restart") return { ...move, positions: keep(host, move.positions) };
  if (move.kind === "advance") {
    const { flow } = held;
    if (!flow.hasLimits) return advance(host, move.to);
    const to = gatedStanding(held, move.to, () => valueUnder(move.to.inputRef, held, happening));
    return chain(to, (standing) => advance(host, standing));
  }
  return move.kind === "complete" ? completion(store, held, happening, move.outputRef) : move;
}

/** Whoever takes it must have its tags, and what it waits for. */
function advance(host: Host, to: Standing): Move {
  return host.serves(to.lane) ? { kind: "advance", to } : { kind: "park", to, wakeAfterMs: 0 };
}

/** Those that begin with what a limit has to allow. */
function gated(
  held: HeldPosition,
  happening: Occurrence,
  branches: readonly NewPosition[],
): MaybePromise<readonly NewPosition[]> {
  if (!held.flow.hasLimits) return branches;
  return Promise.all(
    branches.map(async (branch) => {
      if (branch.wakeAfterMs === null) return branch;
      const standing = await gatedStanding(held, branch.standing, () => inputOfBranch(branch, held, happening));
      return { ...branch, standing };
    }),
  );
}

/** Of positions that are made, those that this host can run at once are its own from the start. */
function keep(host: Host, positions: readonly NewPosition[]): readonly NewPosition[] {
  const isOurs = ({ wakeAfterMs, standing }: NewPosition): boolean => wakeAfterMs === 0 && host.serves(standing.lane);
  let left = host.reserveSlots(positions.filter(isOurs).length);
  return positions.map((position) => ({ ...position, claimed: isOurs(position) && left-- > 0 }));
}

/** Before the branches are taken: they need the slots that were kept for them. */
export function unreserve(host: Host, move: Move): void {
  if (isStarting(move)) host.unreserve(startedBy(move).filter(({ claimed }) => claimed).length);
}

export function isStarting(move: Move): move is StartingMove {
  return move.kind === "fork" || move.kind === "restart";
}

/** The positions that a move makes. */
export function startedBy(move: StartingMove): readonly NewPosition[] {
  return move.kind === "fork" ? move.branches : move.positions;
}
