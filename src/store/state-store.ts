import type { InstanceId, TaskId } from "../ids.ts";
import type { Bytes, NewEntry } from "../snapshot/snapshot.ts";
import type { SendOutcome } from "./signal-store.ts";

/** An entry of the history that is a version of a state, or an update. */
export interface StateVersion {
  readonly taskId: TaskId;
  /** Its attempt: counted from 1, without a gap. */
  readonly version: number;
  readonly output: Bytes | null;
  /** The name of an update; `null` otherwise. */
  readonly decision: string | null;
}

/** A change from outside. */
export interface UpdateRequest {
  readonly instanceId: InstanceId;
  /** Says that there was one, and what was replied: of kind "update", "noted", attempt 1. Its task id makes it unique. */
  readonly entry: NewEntry;
  /** The state after it: of kind "state", "noted", its attempt the version that follows the one that it was made from. */
  readonly state: NewEntry | null;
  /** Sent to the instance with it, encoded with the instance's codec. */
  readonly event: { readonly name: string; readonly payload: Bytes } | null;
  /** Id of the codec of all of it. */
  readonly codec: string;
}

/** What became of an update. */
export type UpdateOutcome =
  /** All of it was written. `sent`: what became of the event; `null` if there was none. */
  | { readonly kind: "applied"; readonly sent: SendOutcome | null }
  /** The state has this version already. Nothing was written; look at it again. */
  | { readonly kind: "conflict" }
  /** An update with this task id is recorded. Nothing was written. */
  | { readonly kind: "duplicate" };

/**
 * Versions of states. They are entries of the history like all others, written with checkpoints; what is asked for here, only
 * flows with a state ask.
 */
export interface StateStore {
  /** The last version under each of these task ids, as far as there is one; at most 10,000. In no order. */
  loadStates(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly StateVersion[]>;

  /** Whether one of the versions after `after` was made by this task: is its entry's `outputRef`. */
  hasStateChange(instanceId: InstanceId, taskId: TaskId, after: number, by: TaskId): Promise<boolean>;

  /**
   * Writes a change from outside: all of it, or nothing. Waits for nobody but whoever is just changing the instance or its
   * mailbox.
   *
   * @throws {InstanceNotFoundError}
   * @throws {InvalidTransitionError} the instance has ended, and the update is not recorded
   * @throws {InvalidArgumentError} it uses another codec
   */
  applyUpdate(request: UpdateRequest): Promise<UpdateOutcome>;
}
