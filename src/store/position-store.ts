import type { BackendError } from "../errors/backend-errors.ts";
import type { InstanceId, Path, TaskId, WorkerId } from "../ids.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import type { GateScope, Interrupt, Lane, PositionKind } from "../snapshot/position.ts";
import type { Bytes, EntryOutcome } from "../snapshot/snapshot.ts";

/** A position that the caller now holds, and what is needed to go on from it. */
export interface ClaimedPosition extends ClaimRef {
  readonly taskId: TaskId;
  readonly kind: PositionKind;
  readonly attempt: number;
  /** How many leases were lost here in a row. */
  readonly lost: number;
  readonly inputRef: TaskId | null;
  /** The encoded value under `inputRef`; `null` for a join, and after a timed-out wait. */
  readonly input: Bytes | null;
  /** The outcome that is recorded for `taskId` already; `null` normally. */
  readonly recorded: RecordedOutcome | null;
  readonly event: string | null;
  /** Whether its own schedule has a time (`wakeAt`), and whether that has passed. */
  readonly armed: boolean;
  readonly due: boolean;
  /** A request that has to be settled before anything else. */
  readonly interrupt: Interrupt | null;
  readonly flow: string;
  readonly definitionHash: string;
  readonly codec: string;
  readonly instancePriority: number;
  /** The instance's; `null` if it has none. */
  readonly deadline: ClaimedDeadline | null;
  /** Which run of the instance this is, counted from 1. */
  readonly run: number;
  /** What tracing has to know of the instance's submission. Default: nothing. */
  readonly traceContext?: string | null;
  /** Which gate has let it through, as it stands. Default: none. */
  readonly admitted?: GateScope;
  /** Whether it is a trunk whose instance has a place of a limit until it ends. Default: no. */
  readonly hasPlace?: boolean;
}

/** By when the instance of a claimed position has to have ended. */
export interface ClaimedDeadline {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How long that was from the claim, in milliseconds; negative if it has passed. */
  readonly inMs: number;
}

export interface RecordedOutcome {
  readonly outcome: Exclude<EntryOutcome, "failed" | "noted">;
  readonly output: Bytes | null;
}

export interface ClaimRequest {
  readonly workerId: WorkerId;
  /** At least 1. */
  readonly leaseMs: number;
  /** 1 to 10,000. */
  readonly limit: number;
  /** Only positions of these lanes. */
  readonly lanes: readonly Lane[];
  /** Only positions of this instance, whatever their lane. */
  readonly instanceId?: InstanceId;
  /** Takes only what is ready already, without looking for what has come due: one round trip less. */
  readonly readyOnly?: boolean;
  /**
   * Takes at most one position at which so many leases were lost in a row, and leaves what comes after a second one. Only
   * with `lanes`. Default: takes them all.
   */
  readonly suspectFromLost?: number;
  /**
   * Leaves to others for two seconds what failed in the hands of this worker. Set it only where there are others.
   * A hint: a store whose workers all live in one process may ignore it.
   */
  readonly sparesFailed?: boolean;
}

/** What making ready what has come due has found. */
export interface Promotion {
  /** How many positions have become ready. */
  readonly promoted: number;
  /** After how many milliseconds the next one comes due, as far as is known now; `null` for none. */
  readonly nextDueMs: number | null;
  /** Whether instances have ended, and what that means for others has yet to be done: then `settleEndings` is due. */
  readonly owes: boolean;
}

/** What became of a checkpoint. */
export type CheckpointFate =
  | {
      readonly kind: "accepted";
      /** Whether the caller still holds the position that it moved. */
      readonly kept: boolean;
      /** Set where the position was stopped; then `settleInterrupt` is due. */
      readonly interrupt: Interrupt | null;
      /** Positions that the caller holds besides: claimed branches, a join that it closed. */
      readonly granted: readonly GrantedPosition[];
      /** The instance has ended, and has a parent or may have children: then `settleEndings` is due. */
      readonly owes?: boolean;
    }
  /** The claim does not hold any more. Nothing was written (INV-5). */
  | { readonly kind: "fenced" }
  /** A row was locked by somebody else. Nothing was written; try again. */
  | { readonly kind: "busy" }
  /** An outcome is recorded for one of the entries' task ids already. Nothing was written (INV-3). */
  | { readonly kind: "recorded" }
  /** The event to be consumed is gone. Nothing was written; look again. */
  | { readonly kind: "eventGone" }
  /** The store can't write this one, and never will. Nothing was written. */
  | { readonly kind: "refused"; readonly error: BackendError };

export interface GrantedPosition {
  readonly path: Path;
  readonly token: bigint;
}

/** What a renewal tells of one claim. */
export interface Renewal {
  readonly held: boolean;
  readonly interrupt: Interrupt | null;
}

/** The oldest buffered event of a name. */
export interface BufferedEvent {
  readonly sequence: bigint;
  readonly payload: Bytes;
  /** Id of the codec that wrote it. */
  readonly codec: string;
}

/** What the engine lives on: claims and checkpoints in batches. Every row's fate is its own. */
export interface PositionStore {
  /**
   * Claims positions that are due, in order: priority with aging, then longest ready; what one call
   * made, instances or a fork's branches, in the order in which it listed them. What has come
   * due (timers, lost leases) is made ready first. Rows locked by others are skipped, so an empty
   * result means "nothing to take now". Two concurrent callers never get the same position (INV-6).
   */
  claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]>;

  /** Makes ready what has come due: timers, time limits, lost leases. A bounded number at a time. */
  promoteDue(): Promise<Promotion>;

  /**
   * Writes each checkpoint atomically: fence, history, move (DESIGN §5). One bad row never takes
   * others with it.
   *
   * @param holder - who holds what is granted
   * @returns one fate each, in order
   * @throws {BackendError} as a whole; which ones were written is unknown if it is BACKEND_UNAVAILABLE
   */
  commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: WorkerId; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]>;

  /** The leases end `leaseMs` from now, where they still hold. One result each, in order. */
  renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]>;

  /**
   * Gives positions back, ready at once; those with an interrupt as a checkpoint leaves them. Does
   * nothing for claims that don't hold any more.
   */
  releaseClaims(claims: readonly ClaimRef[]): Promise<void>;

  /** The oldest buffered event of this name, left where it is; `null` if there is none. */
  peekEvent(instanceId: InstanceId, name: string): Promise<BufferedEvent | null>;
}
