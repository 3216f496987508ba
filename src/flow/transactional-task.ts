import type { IsolationLevel, Transaction, TransactionSource } from "../transaction.ts";
import type { SchemaInput, StandardSchema } from "./schema.ts";
import type { Accepted, MaybePromise, Parsed, Task, TaskResult } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import type { Recovered, TaskOptions } from "./task-options.ts";

/** Options of a transactional task: those of a task, and how its transaction is opened. */
export interface TransactionalOptions<
  Input extends StandardSchema | undefined = StandardSchema | undefined,
  Output extends StandardSchema | undefined = StandardSchema | undefined,
  Given = unknown,
  Skip extends "skip" = never,
  Instead = never,
  Result = unknown,
> extends TaskOptions<Input, Output, Given, Skip, Instead, Result> {
  /** Default "read committed". Under the others the function must be quicker than a third of the worker's `leaseTtl`. */
  readonly isolation?: IsolationLevel;
}

/**
 * A transactional task's function as it is written.
 *
 * @typeParam Tx - the transaction's handle: `Transaction`, or that of the adapter's library
 */
export type TransactionalFunction<Tx, Input, Returned, OutputSchema> = (
  tx: Tx,
  input: Input,
  context: TaskContext,
) => [OutputSchema] extends [StandardSchema] ? MaybePromise<SchemaInput<OutputSchema>> : Returned;

/** Makes transactional tasks: `task.transactional`. */
export interface TransactionalTaskMaker {
  /**
   * A task whose writes through `tx` are committed in the same transaction as the record that it is done. So they happen
   * exactly once, however often its process is killed (INV-16). What it does otherwise happens at least once, as in any task.
   *
   * `tx` is a transaction on a connection of the backend's own pool, or, `with` an adapter, one that another library opens. Its
   * end is left to Waymark: it commits after `run` has returned, and is rolled back if `run` throws, takes longer than
   * `timeout`, or holds a claim that is lost. After a serialization failure or a deadlock `run` is called again, up to ten times, which
   * spends no attempt.
   *
   * `context.step` is refused here: what it records would stay when the transaction is rolled back.
   *
   * Needs `PostgresBackend`. On another backend an instance that comes here fails with TRANSACTION_UNSUPPORTED.
   *
   * @param id - as for `task`
   * @param run - awaits each statement. Holds a connection and its locks while it runs, so it is to be short
   * @param options - `with`: opens the transaction with a library of yours, on connections to the backend's database; see
   *   `waymark/adapters`. The others as for `task`
   *
   * @example
   * ```ts
   * import { task } from "waymark";
   *
   * export const pay = task.transactional("pay", async (tx, order: { id: string; cents: number }) => {
   *   const { rows } = await tx.query<{ id: number }>(
   *     "INSERT INTO payments (order_id, cents) VALUES ($1, $2) RETURNING id",
   *     [order.id, order.cents],
   *   );
   *   return { paymentId: rows[0]?.id };
   * });
   * ```
   */
  <
    const Id extends string,
    Tx,
    Input,
    Returned,
    InputSchema extends StandardSchema | undefined = undefined,
    OutputSchema extends StandardSchema | undefined = undefined,
    const Skip extends "skip" = never,
    Instead = never,
  >(
    id: Id,
    run: TransactionalFunction<Tx, Parsed<InputSchema, Input>, Returned, OutputSchema>,
    options: TransactionalOptions<
      InputSchema,
      OutputSchema,
      Accepted<InputSchema, Input>,
      Skip,
      Instead,
      NoInfer<TaskResult<Returned, OutputSchema>>
    > & { readonly with: TransactionSource<Tx> },
  ): Task<Id, Accepted<InputSchema, Input>, TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>>;
  <
    const Id extends string,
    Input,
    Returned,
    InputSchema extends StandardSchema | undefined = undefined,
    OutputSchema extends StandardSchema | undefined = undefined,
    const Skip extends "skip" = never,
    Instead = never,
  >(
    id: Id,
    run: TransactionalFunction<Transaction, Parsed<InputSchema, Input>, Returned, OutputSchema>,
    options?: TransactionalOptions<
      InputSchema,
      OutputSchema,
      Accepted<InputSchema, Input>,
      Skip,
      Instead,
      NoInfer<TaskResult<Returned, OutputSchema>>
    > & { readonly with?: undefined },
  ): Task<Id, Accepted<InputSchema, Input>, TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>>;
}
