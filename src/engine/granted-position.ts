import { UNDO_ID } from "../flow/flow-definition.ts";
import { joinTaskIdOf } from "../flow/task-id.ts";
import { isUndoTaskId } from "../flow/undo-order.ts";
import type { Move } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { GrantedPosition } from "../store/position-store.ts";
import { type HeldPosition, movedTo } from "./held-position.ts";
import { inputOfBranch } from "./occurrence-values.ts";

/** A position that a checkpoint has granted besides the one that it moved; `null` where it isn't known what it is. */
export function grantedPosition(
  held: HeldPosition,
  happening: Occurrence,
  move: Move,
  { path, token }: GrantedPosition,
): HeldPosition | null {
  const claim = { ...held.claim, path, token };
  const placed = (moved: HeldPosition): HeldPosition => {
    // Only the trunk takes a place; one that a branch has come to had it, or goes on without until it is claimed again.
    const lacksPlace = moved.lacksPlace && path === held.stand.path;
    return { ...moved, claim, lacksPlace, stand: { ...moved.stand, path } };
  };
  if (move.kind === "fork") {
    const branch = move.branches.find((candidate) => candidate.path === path);
    return branch === undefined ? null : placed(movedTo(held, branch.standing, inputOfBranch(branch, held, happening)));
  }
  if (move.kind === "restart") {
    const start = move.positions.find((candidate) => candidate.path === path);
    return start === undefined ? null : { ...placed(movedTo(held, start.standing, move.input)), run: held.run + 1 };
  }
  if (move.kind === "collapse") return placed(movedTo(held, move.to, null));
  // The join that this branch has closed, whose inputs are in the history; or the next item.
  const isItem = move.kind === "endItem" || move.kind === "leaveBranch" ? path !== move.joinPath : false;
  const branch = move.kind === "leaveBranch" ? move.path : held.stand.path;
  const taskId = isItem ? `${path}~item` : isUndoTaskId(branch) ? UNDO_ID : joinTaskIdOf(branch);
  return placed(movedTo(held, { taskId, attempt: 1, inputRef: null }, null));
}
