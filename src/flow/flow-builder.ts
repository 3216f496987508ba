import type { Duration } from "../time/duration.ts";
import type { AnyBranch, BranchInputs, BranchOutputs } from "./branch.ts";
import type { Chain, Recorded } from "./chain.ts";
import type { EventResult } from "./definition.ts";
import type { Flow } from "./flow-definition.ts";
import type { LoopAgain, LoopDone } from "./loop-result.ts";
import type { RouteBuilder } from "./route-builder.ts";
import type { SchemaInput, StandardSchema } from "./schema.ts";
import type { MaybePromise, Parsed, Task, TaskFunction, TaskResult } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import type { LoopLimits, PolicyOptions, TaskOptions } from "./task-options.ts";

/** Shown by the compiler where a schema or flow doesn't accept what the flow has at that point. */
export interface DoesNotAccept<Wanted, Given> {
  readonly "the flow has at this point": Given;
  readonly "but accepted is": Wanted;
}

type Unless<Given, Wanted> = [Given] extends [Wanted] ? unknown : DoesNotAccept<Wanted, Given>;
type SchemaFor<Given, Schema> = [Schema] extends [StandardSchema] ? Unless<Given, SchemaInput<Schema>> : unknown;

/** Options of an inline function: those of a task, with an input schema that accepts what comes in. */
export type InlineOptions<
  Given,
  InputSchema extends StandardSchema | undefined,
  OutputSchema extends StandardSchema | undefined,
> = TaskOptions<InputSchema, OutputSchema> & { readonly input?: SchemaFor<Given, InputSchema> };

/** Options of a loop whose body is given as a function. */
export interface LoopOptions extends LoopLimits, PolicyOptions {}

/** Options of a wait that fails the instance when it times out. */
export interface WaitOptions<Payload> {
  /** How long to wait; default for ever. */
  readonly timeout?: Duration;
  /** What a timeout does: fails the instance (default), or hands on an `EventResult` that says so. */
  readonly onTimeout?: "fail";
  /** Checks (and may transform) the payload before it is handed on. One that doesn't fit fails the instance. */
  readonly schema?: StandardSchema<unknown, Payload>;
}

/** Options of a wait that goes on when it times out. */
export interface ContinuingWaitOptions<Payload> extends Omit<WaitOptions<Payload>, "onTimeout"> {
  readonly timeout: Duration;
  readonly onTimeout: "continue";
}

/**
 * A flow as far as it has been written. Immutable: every method returns a new builder, so a common
 * beginning can be continued in different ways.
 *
 * Methods don't throw on wrong values; `build()` reports every mistake at once.
 *
 * @typeParam Input - what an instance is started with
 * @typeParam Current - what the next step gets
 * @typeParam Outputs - what `context.output(id)` gives in the next function, by id
 */
export interface FlowBuilder<Input, Current, Outputs extends object = object> extends Chain<Current, Outputs> {
  /**
   * Adds a task.
   *
   * Don't `await` a builder: the language would take this method for a promise's. It is refused.
   */
  then<const Id extends string, Output>(
    task: Task<Id, Current, Output>,
  ): FlowBuilder<Input, Output, Outputs & Recorded<Id, Output>>;
  /** Adds a task made of a function, in which `context.output(id)` is typed. See `task()`. */
  then<
    const Id extends string,
    Returned,
    InputSchema extends StandardSchema | undefined = undefined,
    OutputSchema extends StandardSchema | undefined = undefined,
  >(
    id: Id,
    run: TaskFunction<Parsed<InputSchema, Current>, Returned, OutputSchema, Outputs>,
    options?: InlineOptions<Current, InputSchema, OutputSchema>,
  ): FlowBuilder<Input, TaskResult<Returned, OutputSchema>, Outputs & Recorded<Id, TaskResult<Returned, OutputSchema>>>;

  /**
   * Runs branches side by side, each on what the flow has at this point. Followed by `join`.
   *
   * @param branches - 1 to 10,000, made by `branch()`, with different names
   */
  fork<const Branches extends readonly AnyBranch<Current, Outputs>[]>(
    branches: Branches,
  ): ForkBuilder<Input, Outputs, Branches>;

  /**
   * Takes one of several branches. Followed by `branch` for each key, and `done`.
   *
   * The decision is a checkpoint: it is made once. Each branch gets what the route got. In functions
   * after the route, outputs of its branches are typed as if they had run; `context.output(id)` of
   * one that hasn't run rejects.
   *
   * @param id - default: `route-1` for the flow's first route without an id, and so on
   * @param select - returns a key. One that may return others needs a default branch
   * @param keys - all keys that have a branch
   */
  route<const Id extends string, const Keys extends readonly string[], Selected extends string>(
    id: Id,
    select: (input: Current, context: TaskContext<Outputs>) => MaybePromise<Selected>,
    keys: Keys,
    options?: PolicyOptions,
  ): RouteBuilder<Input, Current, Outputs & Recorded<Id, Selected>, Keys[number], Selected>;
  /** Like above, without an id. */
  route<const Keys extends readonly string[], Selected extends string>(
    select: (input: Current, context: TaskContext<Outputs>) => MaybePromise<Selected>,
    keys: Keys,
    options?: PolicyOptions,
  ): RouteBuilder<Input, Current, Outputs, Keys[number], Selected>;

  /**
   * Runs a task again and again until it returns `LoopResult.done`. Each iteration is a checkpoint.
   *
   * `LoopResult.again(value)` starts the next iteration with `value`, which must be something that
   * the task accepts. `context.output(id)` later gives the last iteration's value; that of an
   * earlier one is found under its task id, `poll[3]`, as `unknown`.
   */
  loop<const Id extends string, Again, Done>(
    task: Task<Id, Current | Again, LoopAgain<Again> | LoopDone<Done>>,
    options: LoopLimits & { readonly onMax: "exitWithLast" },
  ): FlowBuilder<Input, Again | Done, Outputs & Recorded<Id, Again | Done>>;
  loop<const Id extends string, Again, Done>(
    task: Task<Id, Current | Again, LoopAgain<Again> | LoopDone<Done>>,
    options?: LoopLimits & { readonly onMax?: "fail" },
  ): FlowBuilder<Input, Done, Outputs & Recorded<Id, Done>>;
  loop<const Id extends string, Again extends Current = never, Done = never>(
    id: Id,
    run: (input: Current, context: TaskContext<Outputs>) => MaybePromise<LoopAgain<Again> | LoopDone<Done>>,
    options: LoopOptions & { readonly onMax: "exitWithLast" },
  ): FlowBuilder<Input, Again | Done, Outputs & Recorded<Id, Again | Done>>;
  loop<const Id extends string, Again extends Current = never, Done = never>(
    id: Id,
    run: (input: Current, context: TaskContext<Outputs>) => MaybePromise<LoopAgain<Again> | LoopDone<Done>>,
    options?: LoopOptions & { readonly onMax?: "fail" },
  ): FlowBuilder<Input, Done, Outputs & Recorded<Id, Done>>;

  /** Lets time pass, without holding a worker. What the flow has passes through. */
  delay(id: string, duration: Duration): FlowBuilder<Input, Current, Outputs>;

  /**
   * Waits for an event from outside, without holding a worker; its payload is handed on. An event
   * that was sent before the flow came here is not lost.
   *
   * @typeParam Payload - type of the payload; follows from the schema where there is one. To have
   *   `context.output(id)` typed without a schema, give the id too: `waitForEvent<Payload, "approval">(…)`
   * @param id - of this wait
   * @param name - of the event
   */
  waitForEvent<Payload = unknown, const Id extends string = string>(
    id: Id,
    name: string,
    options: ContinuingWaitOptions<Payload>,
  ): FlowBuilder<Input, EventResult<Payload>, Outputs & Recorded<Id, EventResult<Payload>>>;
  waitForEvent<Payload = unknown, const Id extends string = string>(
    id: Id,
    name: string,
    options?: WaitOptions<Payload>,
  ): FlowBuilder<Input, Payload, Outputs & Recorded<Id, Payload>>;

  /**
   * Puts another flow's steps here, in a scope of their own: its task `charge` has the task id
   * `payment/charge` if it is inlined under the id `payment`. If it has an input schema, a first
   * step `_input` applies that.
   *
   * @param id - default: the other flow's name
   */
  thenFlow<ChildInput, Output>(
    child: Flow<ChildInput, Output> & Unless<Current, ChildInput>,
  ): FlowBuilder<Input, Output, Outputs>;
  thenFlow<ChildInput, Output>(
    id: string,
    child: Flow<ChildInput, Output> & Unless<Current, ChildInput>,
  ): FlowBuilder<Input, Output, Outputs>;

  /**
   * The finished flow.
   *
   * @throws {DefinitionError} naming every mistake with its place
   */
  build(): Flow<Input, Current>;
}

/** A fork that waits for its join. */
export interface ForkBuilder<Input, Outputs extends object, Branches extends readonly AnyBranch[]> {
  /** Runs when every branch has ended, on an object of their outputs by name. A fork has its join's id. */
  join<const Id extends string, Output>(
    task: Task<Id, BranchInputs<Branches>, Output>,
  ): FlowBuilder<Input, Output, Outputs & BranchOutputs<Branches> & Recorded<Id, Output>>;
  join<
    const Id extends string,
    Returned,
    InputSchema extends StandardSchema | undefined = undefined,
    OutputSchema extends StandardSchema | undefined = undefined,
  >(
    id: Id,
    run: TaskFunction<
      Parsed<InputSchema, BranchInputs<Branches>>,
      Returned,
      OutputSchema,
      Outputs & BranchOutputs<Branches>
    >,
    options?: InlineOptions<BranchInputs<Branches>, InputSchema, OutputSchema>,
  ): FlowBuilder<
    Input,
    TaskResult<Returned, OutputSchema>,
    Outputs & BranchOutputs<Branches> & Recorded<Id, TaskResult<Returned, OutputSchema>>
  >;
}
