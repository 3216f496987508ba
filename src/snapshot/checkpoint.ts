import type { InstanceId, Path } from "../ids.ts";
import type { Standing } from "./position.ts";
import type { Bytes, NewEntry } from "./snapshot.ts";

/** Names the position that a checkpoint moves, and the right to move it. */
export interface ClaimRef {
  readonly instanceId: InstanceId;
  readonly path: Path;
  readonly token: bigint;
}

/** A position that a fork makes. */
export interface NewPosition {
  readonly path: Path;
  readonly standing: Standing;
  /** When it may be taken: 0 now, or after so many milliseconds; `null` for never by itself. */
  readonly wakeAfterMs: number | null;
  /** Whether the worker that forks holds it from the start. Only where `wakeAfterMs` is 0. */
  readonly claimed: boolean;
}

/** What becomes of the position. */
export type Move =
  /** It stays where it is, and its worker keeps the claim, also while a request is pending. */
  | { readonly kind: "note" }
  /** It stands at the next task and its worker keeps the claim. */
  | { readonly kind: "advance"; readonly to: Standing }
  /**
   * It stands there without a claim: ready (0), asleep for so many milliseconds or until a time (since the epoch), or until
   * somebody wakes it (`null`).
   */
  | { readonly kind: "park"; readonly to: Standing; readonly wakeAfterMs: number | null; readonly wakeAt?: number }
  /**
   * It waits for the event `to.event`. If one is buffered, or arrives while this is written, it is
   * not parked: the worker keeps the claim and looks again. If the wait's outcome is recorded already,
   * it is given up, ready: whoever claims it finds the outcome. `timeoutMs` counts from now; `"keep"`
   * leaves the time limit as it is.
   */
  | { readonly kind: "await"; readonly to: Standing; readonly timeoutMs: number | null | "keep" }
  /** It becomes the join, and the branches start. */
  | { readonly kind: "fork"; readonly join: Standing; readonly branches: readonly NewPosition[] }
  /** It is gone, and the join at `joinPath` has one branch less to wait for. */
  | { readonly kind: "endBranch"; readonly joinPath: Path }
  /**
   * The same for an item of a map that has not begun all of its items at once: where one is left, it begins, and the worker
   * holds it. Its path is the join's task id with its index; it stands at its value, `path~item`, as the join does otherwise.
   */
  | { readonly kind: "endItem"; readonly joinPath: Path }
  /**
   * The branch or item at `path` is gone with all that stands in it, whoever holds it, and the join has one branch less to
   * wait for, or begins at once.
   */
  | LeaveBranch
  /**
   * All positions of the instance are gone, whoever holds them, but for the trunk's, which stands there and is held, and the
   * deadline's, which sleeps for ever if it is the one that moves.
   */
  | Collapse
  /**
   * It is gone, and the instance's next run begins: with this input, at these positions, the first of which is the trunk's.
   * Its history is gone, too, with the entries of the checkpoint, but for its last `$state`, its `$update:…`, and a note
   * `$continue`, whose attempt is the number of runs that are over. All else stays: other positions, events, requests, dedup keys. What is claimed is
   * granted, under new tokens.
   */
  | { readonly kind: "restart"; readonly input: Bytes; readonly positions: readonly NewPosition[] }
  /** It is gone and the instance is completed. `codec`: the id of what wrote the output. */
  | { readonly kind: "complete"; readonly output: Bytes; readonly codec: string }
  /**
   * All positions are gone and the instance has failed. They are kept with it, the deadline's excepted, so that a retry can
   * put them back: this one at `to`, which is the next attempt where this one is recorded as failed. With `asKept` (default: no), those that a `collapse`
   * has kept stay instead, if there are any; only of the trunk.
   */
  | { readonly kind: "fail"; readonly failure: Bytes; readonly to: Standing; readonly asKept?: boolean }
  /**
   * All positions are gone, whoever holds them, and so are the requests: the instance is cancelled. Of the trunk, or of a
   * position that a request to cancel and undo has stopped.
   */
  | { readonly kind: "cancel"; readonly reason: string | null };

/** What is left of an instance that is to end, until that has been seen to. */
export interface Collapse {
  readonly kind: "collapse";
  readonly to: Standing;
  /**
   * The positions are kept with the instance, for a retry, as of one that fails: this one at `keeps`. `null`: what is kept
   * stays as it is.
   */
  readonly keeps: Standing | null;
  /**
   * It acts on a request to cancel and undo, which must have stopped the position: all requests to the instance are cleared, and
   * if it is paused, it is in progress again.
   */
  readonly cancels: boolean;
}

/** How a branch ends that others may be standing in, or that ends others. */
export interface LeaveBranch {
  readonly kind: "leaveBranch";
  /** The branch's, or item's: what it leaves stands there, or at paths that begin with it and "/". */
  readonly path: Path;
  readonly joinPath: Path;
  /** What the paths of all branches of the join, and of what stands in them, begin with. */
  readonly within: string;
  /** The join waits for no other branch: they are gone, too. */
  readonly closes: boolean;
  /** It has failed, and the join closes when more than so many of its items have; `null` where that is of no account. */
  readonly mostFailed: number | null;
}

/** One atomic write: fence, history, move (DESIGN §5). */
export interface Checkpoint {
  readonly claim: ClaimRef;
  /** With a `collapse` or `cancel`, notes among them get the next attempt that is free: an instance can come there again. */
  readonly entries: readonly NewEntry[];
  readonly move: Move;
  /**
   * Sequence of the buffered event `move.to.event` that this checkpoint consumes (INV-8); `null` if
   * none. Goes with an `advance` that stays at the wait.
   */
  readonly consumes: bigint | null;
}
