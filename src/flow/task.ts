import type { TaskNode } from "./definition.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./schema.ts";
import type { TaskContext } from "./task-context.ts";
import { resolveTask, resolveTransactional, TASK_BRAND, type TaskDraft } from "./task-draft.ts";
import type { Recovered, TaskOptions } from "./task-options.ts";
import type { TransactionalTaskMaker } from "./transactional-task.ts";

/** A value now or later. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** What a schema, if there is one, gives back; `Otherwise` if there is none. */
export type Parsed<Schema, Otherwise> = [Schema] extends [StandardSchema] ? SchemaOutput<Schema> : Otherwise;
/** What a schema, if there is one, accepts; `Otherwise` if there is none. */
export type Accepted<Schema, Otherwise> = [Schema] extends [StandardSchema] ? SchemaInput<Schema> : Otherwise;

/**
 * A user function as it is written. What it returns is checked by the output schema, if there is one.
 *
 * @typeParam Outputs - what earlier tasks have returned, by id
 */
export type TaskFunction<Input, Returned, OutputSchema, Outputs extends object = object> = (
  input: Input,
  context: TaskContext<Outputs>,
) => [OutputSchema] extends [StandardSchema] ? MaybePromise<SchemaInput<OutputSchema>> : Returned;

/** What such a function's output is. */
export type TaskResult<Returned, OutputSchema> = Parsed<OutputSchema, Awaited<Returned>>;

/**
 * A named function with its policy, made by `task()`. Immutable; may stand in any number of flows.
 *
 * @typeParam Id - its id, unique within the flow (or inlined flow) that it stands in
 * @typeParam Input - what it accepts
 * @typeParam Output - what is recorded and handed on
 */
export class Task<out Id extends string = string, in Input = never, out Output = unknown> {
  /** Exists for the type checker only. */
  declare readonly "~types": { readonly id: Id; readonly input: (input: Input) => void; readonly output: Output };
  readonly id: Id;
  readonly node: TaskNode;
  /** What is wrong with its definition; `build()` of a flow that it stands in reports it. */
  readonly issues: readonly string[];

  /** Use `task()`. */
  constructor(draft: TaskDraft) {
    this.id = draft.node.id as Id;
    this.node = draft.node;
    this.issues = draft.issues;
    Object.defineProperty(this, TASK_BRAND, { value: true });
    Object.freeze(this);
  }

  /** Like `instanceof`, and also true for a task of another installed copy of this package. */
  static is(value: unknown): value is Task {
    return typeof value === "object" && value !== null && TASK_BRAND in value;
  }
}

/** Makes tasks: `task`. */
export interface TaskMaker {
  /**
   * A task that can be used in several flows and tested by itself.
   *
   * Its function gets the previous node's output, or what the `input` schema makes of it, and may
   * return anything that the codec can encode. It runs at least once; its outcome is recorded once.
   *
   * Unless `retries` or `retry` says otherwise a task is not tried again after it has thrown. With
   * `retries: n` the waits are 1 s, 2 s, 4 s … up to 5 minutes, each shortened by up to a tenth at random.
   *
   * Never throws: mistakes are reported, all at once, by `build()` of a flow that it stands in.
   *
   * @param id - letters, digits, `_`, `-`, `.` and `:`; at most 100 characters. Part of the history:
   *   an instance finds its outputs by it
   * @param run - called with the input and a context. `context.output(id)` is untyped here, because a
   *   task doesn't know which flow it will stand in; in a function given to `then()` it is typed
   *
   * @example
   * ```ts
   * import { flow, task } from "waymark";
   *
   * const charge = task("charge", async (order: { cents: number }) => ({ paid: order.cents }), {
   *   retries: 3,
   *   timeout: "30s",
   * });
   * export const order = flow("order").then(charge).build();
   * ```
   */
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
    run: TaskFunction<Parsed<InputSchema, Input>, Returned, OutputSchema>,
    options?: TaskOptions<
      InputSchema,
      OutputSchema,
      Accepted<InputSchema, Input>,
      Skip,
      Instead,
      NoInfer<TaskResult<Returned, OutputSchema>>
    >,
  ): Task<Id, Accepted<InputSchema, Input>, TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>>;
  readonly transactional: TransactionalTaskMaker;
}

const plain = (id: unknown, run: unknown, options?: unknown): Task => new Task(resolveTask({ id, run, options }));
const transactional = (id: unknown, run: unknown, options?: unknown): Task =>
  new Task(resolveTransactional({ id, run, options }));

/** Makes tasks that can be used in several flows and tested by themselves. `task.transactional`: with a transaction each. */
export const task: TaskMaker = Object.assign(plain as TaskMaker, {
  transactional: transactional as TransactionalTaskMaker,
});
