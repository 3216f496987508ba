import type { BranchEnd } from "../flow/branch-end.ts";
import { type BranchStart, type Continuation, enter, indexOf } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { joinTaskIdOf } from "../flow/task-id.ts";
import type { Path, TaskId } from "../ids.ts";
import type { Move, NewPosition } from "./checkpoint.ts";
import type { NewEntry } from "./snapshot.ts";
import { entry, type From, type Stand, standing } from "./standing.ts";

/** What is to be written. `complete` has no output yet: it is the value under `outputRef`. */
export interface Plan {
  readonly entries: readonly NewEntry[];
  readonly move: PlannedMove;
  readonly consumes: bigint | null;
}

export type PlannedMove =
  | Exclude<Move, { kind: "complete" | "note" }>
  | { readonly kind: "complete"; readonly outputRef: TaskId | null };

/** The plan that takes a path to `next`, with the value recorded under `value` flowing on. */
export function follow(
  flow: Flow,
  stand: Stand,
  next: Continuation,
  what: { readonly value: TaskId | null; readonly entries: readonly NewEntry[]; readonly wakeAt?: number | null },
): Plan {
  const { value, entries, wakeAt = null } = what;
  const all =
    next.kind === "endBranch" && next.needsEntry
      ? [...entries, { ...entry(stand, "branch", { outputRef: value }), taskId: next.path, attempt: 1 }]
      : entries;
  const move = moveTo(flow, next, { ...stand, inputRef: value });
  return {
    entries: all,
    move: wakeAt !== null && move.kind === "park" ? { ...move, wakeAt } : move,
    consumes: null,
  };
}

export function moveTo(flow: Flow, next: Continuation, from: From): PlannedMove {
  switch (next.kind) {
    case "stand": {
      const to = standing(flow, next.at, from, 1);
      const { node } = next.at.located;
      if (node.kind === "delay") return { kind: "park", to, wakeAfterMs: node.durationMs };
      // The first of several events begins the time limit, which goes on while the position is held for the next.
      if (node.kind === "wait" && (indexOf(to.taskId) ?? 0) === 0)
        return { kind: "await", to, timeoutMs: node.timeoutMs };
      return { kind: "advance", to };
    }
    case "fork": {
      const join = { ...standing(flow, next.join, from, 1), pending: next.branches.length };
      return {
        kind: "fork",
        join,
        branches: next.branches.flatMap((branch) => startBranch(flow, branch, from)),
      };
    }
    case "endBranch": {
      const { path, joinPath, join } = next;
      // The others are left behind with it.
      if (join.node.kind === "fork" && (join.node.mode === "any" || join.node.mode === "race"))
        return { kind: "leaveBranch", path, joinPath, within: pathsWithin(path), closes: true, mostFailed: null };
      return endMove(next);
    }
    case "end":
      return { kind: "complete", outputRef: from.inputRef };
  }
}

/** Where a run of an instance begins. */
export function startRun(flow: Flow, from: Omit<From, "path" | "inputRef">): NewPosition[] {
  const first = enter(flow);
  if (first.kind !== "stand" && first.kind !== "fork") throw new TypeError(`"${flow.name}" has no nodes.`);
  return startBranch(flow, { path: "", first }, { ...from, path: "", inputRef: null });
}

/** A branch that starts with a fork is a join from the start, with its own branches beside it. */
export function startBranch(flow: Flow, { path, first }: BranchStart, from: From): NewPosition[] {
  const move = moveTo(flow, first, { ...from, path });
  switch (move.kind) {
    case "advance":
      return [{ path, standing: move.to, wakeAfterMs: 0, claimed: false }];
    case "park":
      return [{ path, standing: move.to, wakeAfterMs: move.wakeAfterMs, claimed: false }];
    case "await":
      // Ready at once: whoever claims it looks for a buffered event and parks it if there is none.
      // The time limit starts then.
      return [{ path, standing: move.to, wakeAfterMs: 0, claimed: false }];
    case "fork":
      return [{ path, standing: move.join, wakeAfterMs: null, claimed: false }, ...move.branches];
    case "endBranch":
    case "endItem":
    case "leaveBranch":
    case "collapse":
    case "restart":
    case "complete":
    case "fail":
    case "cancel":
      throw new TypeError(`A branch can't start with "${move.kind}".`);
  }
}

/** A branch or item ends by a failure that its join can bear. */
export function leave(stand: Stand, end: BranchEnd): PlannedMove {
  const { path, joinPath, join } = end;
  const mostFailed = join.node.kind === "map" ? join.node.tolerated : null;
  // Nobody else can be standing in it, and there is nothing to count.
  if (stand.path === path && mostFailed === null) return endMove(end);
  return { kind: "leaveBranch", path, joinPath, within: pathsWithin(path), closes: false, mostFailed };
}

/**
 * A branch or item comes to its end. An item also where all may be under way at once: the map may have begun under a limit
 * that has been taken away since, and then there are items left to begin.
 */
function endMove({ joinPath, join: { node } }: BranchEnd): PlannedMove {
  return { kind: node.kind === "map" ? "endItem" : "endBranch", joinPath };
}

/** What the paths of all branches of the same join begin with. */
function pathsWithin(path: Path): string {
  return path.slice(0, joinTaskIdOf(path).length + 1);
}
