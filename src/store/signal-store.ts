import type { InstanceId, TaskId } from "../ids.ts";
import type { Bytes, Snapshot } from "../snapshot/snapshot.ts";
import type { Duration } from "../time/duration.ts";

/** A control request to an instance. */
export type SignalKind = "cancel" | "pause";

export interface SignalRequest {
  /** Why, for whoever reads it later. At most 1,000 characters. */
  readonly reason?: string;
  /** Who asks. At most 255 characters. */
  readonly requestedBy?: string;
}

/** How an instance is cancelled. */
export interface CancelRequest extends SignalRequest {
  /**
   * Whether what it has done is undone before it ends, as after a failure. Then whoever runs it acts on the request. Default:
   * `false`.
   */
  readonly undo?: boolean;
}

/** How a failed instance is taken back. `reason` is shown as the instance's until its status changes again. */
export interface RetryRequest extends SignalRequest {
  /** Whether it comes back paused, so that a task can be completed by hand before it goes on. Default: `false`. */
  readonly paused?: boolean;
  /** By when it has to have ended: a time, or so long from now on. Default: it has no deadline, also if it had one. */
  readonly deadline?: Duration | Date;
}

/** What became of a sent event. */
export type SendOutcome =
  /** An instance was waiting for it and is ready to go on. */
  | "delivered"
  /** It is kept until somebody waits for it. */
  | "buffered"
  /** An event with this dedup key was accepted before; this one is dropped. */
  | "duplicate";

export interface SendOptions {
  /**
   * Makes repeated sends of one event harmless: per instance, the first event of a key counts. Kept
   * until the instance is deleted. 1 to 255 characters.
   */
  readonly dedupKey?: string;
}

/** Control requests, and events from outside. Every method is atomic. */
export interface SignalStore {
  /**
   * A request of this kind is pending. At most one of each kind is pending per instance: what the
   * first said stays, and another adds a reason where that gave none. The instance's positions stop at their next checkpoint and come up soon, so
   * that somebody acts on the request. A request to cancel that asks for undoing comes up at once, and a later one that doesn't
   * ask for it doesn't take that back.
   *
   * Nothing happens if the instance is in the requested state already (cancelled, paused), or is being undone because it is to be
   * cancelled.
   *
   * @param request - `undo` only with a cancel
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} cancel of a completed or failed instance; pause of a terminal one
   */
  storeSignal(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<void>;

  /** The pending request of this kind; `null` if there is none, or no such instance. */
  getSignal(instanceId: InstanceId, kind: SignalKind): Promise<CancelRequest | null>;

  /** No request of this kind is pending. Positions that it would have stopped go on. Idempotent. */
  clearSignal(instanceId: InstanceId, kind: SignalKind): Promise<void>;

  /**
   * The event is kept until it is consumed (INV-1), after all events of this name that were
   * acknowledged before (INV-8). The instance need not exist yet.
   *
   * @throws {InvalidTransitionError} the instance is terminal
   */
  sendEvent(instanceId: InstanceId, name: string, payload: Bytes, options?: SendOptions): Promise<SendOutcome>;

  /**
   * Takes the oldest buffered event of this name.
   *
   * @returns its payload; `null` if there is none. No payload looks like `null`, not even an empty one.
   */
  consumeEvent(instanceId: InstanceId, name: string): Promise<Bytes | null>;

  /**
   * Applies a pending cancel request to an instance that is in progress, and clears it, in one
   * transaction. Whoever holds a position is fenced. One that asks for undoing is not applied: whoever runs the instance does that.
   *
   * @param interruptedAtTask - where it was interrupted, for the history
   * @returns whether it was applied
   */
  checkAndCancel(instanceId: InstanceId, interruptedAtTask?: TaskId): Promise<boolean>;

  /**
   * Applies a pending pause request to an instance that is in progress, and clears it, in one
   * transaction. Whoever holds a position finishes its task; its checkpoint is accepted.
   *
   * @returns whether it was applied
   */
  checkAndPause(instanceId: InstanceId): Promise<boolean>;

  /**
   * The instance is in progress again.
   *
   * Delays and time limits have gone on meanwhile: what is overdue is due at once. Events that
   * arrived are found.
   *
   * @returns the snapshot after that
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} the instance is not paused; `from` names its status
   */
  unpause(instanceId: InstanceId): Promise<Snapshot>;
}
