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
   * The same for every attempt of this task in this instance, and for no other: pass it to services
   * that can tell a repeated request by a key.
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
}
