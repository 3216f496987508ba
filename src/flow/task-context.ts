import type { InstanceId, TaskId } from "../ids.ts";
import type { Logger } from "../logger.ts";
import type { SharedState, StateChange } from "./shared-state.ts";

/**
 * What a task sees of the instance that it runs in.
 *
 * @typeParam Outputs - what earlier tasks have returned, by node id, as far as the builder knows
 */
export interface TaskContext<Outputs extends object = object> {
  readonly instanceId: InstanceId;
  /** Name of the flow. */
  readonly flow: string;
  /** Node id plus where it occurred, e.g. `poll[3]`. */
  readonly taskId: TaskId;
  /** Which try of this task this is, counted from 1. Lost leases spend none. */
  readonly attempt: number;
  /**
   * The same for every attempt of this task in this instance, and for no other, nor for another run of an instance that
   * continues as new: pass it to services that can tell a repeated request by a key.
   */
  readonly idempotencyKey: string;
  /** Aborts on timeout, cancellation, lost lease and shutdown. `signal.reason` says which. */
  readonly signal: AbortSignal;
  /** Adds instance, task and attempt to every line. */
  readonly logger: Logger;
  /**
   * The recorded output of an earlier task of this instance, read from history.
   *
   * @param taskId - node id, or the task id where a node occurred more than once (`poll[3]`)
   * @throws {InvalidArgumentError} nothing is recorded under this id (yet)
   */
  output<Id extends keyof Outputs & string>(taskId: Id): Promise<Outputs[Id]>;
  output(taskId: string): Promise<unknown>;
  /**
   * Says how far this task is, for whoever looks at the instance (`client.status`, the view `positions_now`) and for later
   * attempts (`lastProgress`). The last value counts; it is not in the history, and is gone when the task is behind. Call it
   * as often as you like: one value at a time is on its way to the database, and of those that come meanwhile only the last
   * follows. In a transactional task it is stored outside of the transaction, at once, and stays if that is rolled back.
   *
   * @param value - at most 16 KiB when it is encoded
   * @returns resolves when this value, or a later one, is stored, or the task is over; need not be awaited
   * @throws {CodecEncodeError} the value can't be stored
   * @throws {PayloadTooLargeError} the value is too large
   * @throws {ClaimLostError} somebody else has taken over; nothing was stored
   * @throws {BackendError} the database failed; the task may go on
   * @throws the reason of `signal`, if that has aborted
   */
  progress(value: unknown): Promise<void>;
  /**
   * What this task said last of how far it is (`progress`), in this attempt or one before, also one whose process died;
   * `undefined` if it has said nothing. A retry by hand of the whole instance begins without.
   *
   * @throws {CodecDecodeError} it can't be read
   * @throws {BackendError} the database failed
   */
  lastProgress(): Promise<unknown>;
  /**
   * Runs `body` and records what it returns, so that this task, when it is tried again, has the result and does not run it
   * again. What `body` throws is thrown on, and nothing is recorded. A crash between its end and its record runs it again, with
   * the same idempotency key. What still runs when the task's function returns is awaited; a failure that nobody has asked
   * for fails the attempt.
   *
   * @param step - names it, uniquely in this task; the same in each attempt
   * @returns what is recorded: what `body` returned, as the codec gives it back
   * @throws {InvalidArgumentError} `step` is no name, or was used before in this run
   * @throws {CodecEncodeError} the result can't be stored
   * @throws {PayloadTooLargeError} the result is too large
   * @throws {ClaimLostError} somebody else has taken over; nothing was recorded
   * @throws the reason of `signal`, if that has aborted
   */
  step<Result>(step: string, body: (context: StepContext) => Result): Promise<Awaited<Result>>;
  /** What the tasks of this instance share. */
  readonly state: StateAccess;
}

/** The state of an instance, as a task sees and changes it. */
export interface StateAccess {
  /**
   * The values as of here: what tasks before this one have changed, what has been changed from outside, and what this task
   * has. A fork's branch, or a map's item, sees the state as it was when they began and what it has changed itself; what its
   * siblings change is seen behind the join.
   *
   * @param state - that of the flow
   * @returns a copy: to change it changes nothing
   * @throws {InvalidArgumentError} the flow doesn't have this state
   * @throws {CodecDecodeError} what is stored can't be read
   */
  read<Values extends object>(state: SharedState<Values>): Promise<Readonly<Values>>;
  /**
   * Changes the state with this task's outcome: in the same write, and not at all if the attempt fails. May be called
   * several times. Not in a step, which does not run again in the next attempt: then its change would be missing.
   *
   * @param change - the keys to be changed, as the task leaves it when it ends; what is `undefined` stays as it is. An attempt
   *   whose changes can't be merged or stored fails
   * @throws {InvalidArgumentError} the flow doesn't have this state, `change` has a key that it doesn't have, the task
   *   has ended, or is one that undoes another
   */
  update<Values extends object>(state: SharedState<Values>, change: NoInfer<StateChange<Values>>): void;
}

/** What a step sees. */
export interface StepContext {
  /** The same for every run of this step, and for no other: see `TaskContext.idempotencyKey`. */
  readonly idempotencyKey: string;
  /** The task's. */
  readonly signal: AbortSignal;
}
