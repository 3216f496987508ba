import type { InstanceId, TaskId } from "../ids.ts";
import type { Logger } from "../logger.ts";

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
   * Runs `body` and records what it returns, so that this task, when it is tried again, has the result and does not run it
   * again. What `body` throws is thrown on, and nothing is recorded. A crash between its end and its record runs it again, with
   * the same idempotency key.
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
}

/** What a step sees. */
export interface StepContext {
  /** The same for every run of this step, and for no other: see `TaskContext.idempotencyKey`. */
  readonly idempotencyKey: string;
  /** The task's. */
  readonly signal: AbortSignal;
}
