import type { TaskId } from "../ids.ts";
import type { Bytes } from "./snapshot.ts";

/** What happened to a claimed position. */
export type Occurrence =
  /** A body has given its output. `decision` is what it says of the way on, where it does. */
  | {
      readonly kind: "succeeded";
      readonly output: Bytes;
      readonly decision: Decision | null;
      readonly durationMs: number;
    }
  /**
   * The list of a map has been made. `count` is what is to be recorded of it, `null` if something is; `none` is the output
   * of a map without items, and `isOver` whether that is recorded already, too.
   */
  | {
      readonly kind: "listed";
      readonly items: readonly Bytes[];
      readonly count: Bytes | null;
      readonly none: Bytes;
      readonly isOver: boolean;
      readonly durationMs: number;
    }
  /** The run is over, and the next one begins, with this input. `durationMs` is `null` where that was recorded by hand. */
  | { readonly kind: "continued"; readonly input: Bytes; readonly durationMs: number | null }
  /** These tasks, side by side, are to be undone next. */
  | { readonly kind: "undoing"; readonly tasks: readonly TaskId[] }
  /** The flow's failure handler is to run, under this task id. */
  | { readonly kind: "handling"; readonly taskId: TaskId }
  /**
   * All that is to be done before the instance ends has been done: it fails with `failure`, or is cancelled. `asKept`: nothing
   * has been undone, or something could not be, so that a retry goes on where it failed.
   */
  | { readonly kind: "undone"; readonly failure: Bytes; readonly asKept: boolean }
  | { readonly kind: "cancelled"; readonly reason: string | null }
  /** It is to be cancelled, and what it has done undone before; `why` says so, encoded as a failure. */
  | { readonly kind: "cancelling"; readonly why: Bytes; readonly reason: string | null }
  /** An item of a map begins. */
  | { readonly kind: "begun"; readonly value: Bytes }
  /** An attempt has failed; `retryAfterMs` is `null` if it was the last. */
  | {
      readonly kind: "failed";
      readonly failure: Bytes;
      readonly retryAfterMs: number | null;
      readonly durationMs: number;
    }
  /** The outcome is in the history already: go on from it, add nothing. */
  | { readonly kind: "recorded"; readonly decision: Decision | null }
  /** The outcome is in the history already, and can't be gone on from: a failure that no attempt will mend. */
  | { readonly kind: "unusable"; readonly failure: Bytes }
  /** The instance has not ended by its deadline; `failure` says so. */
  | { readonly kind: "overdue"; readonly failure: Bytes }
  /** The delay is over. */
  | { readonly kind: "elapsed" }
  /** A buffered event was found, or a child has ended; `sequence` of the event that told of it, `null` if there is none. */
  | { readonly kind: "received"; readonly payload: Bytes; readonly sequence: bigint | null }
  /** The event that was found tells of nothing that is waited for (any more). */
  | { readonly kind: "stale"; readonly sequence: bigint }
  /** The children have ended for which the instance has waited at its end. */
  | { readonly kind: "closed" }
  /** There is no event, and the time limit has passed; `failure` where that fails the instance. */
  | { readonly kind: "timedOut"; readonly failure: Bytes | null }
  /** There is no event yet. `armed`: the time limit is running already. */
  | { readonly kind: "nothingYet"; readonly armed: boolean };

export type Decision =
  | { readonly kind: "again" }
  | { readonly kind: "done" }
  | { readonly kind: "key"; readonly key: string }
  /** Until when, milliseconds since the epoch. */
  | { readonly kind: "until"; readonly at: number }
  /** How many events are waited for. */
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "timedOut" };
