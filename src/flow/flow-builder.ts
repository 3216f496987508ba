import type { Duration } from "../time/duration.ts";
import type { AnyBranch, BranchInputs, BranchOutputs, FirstOf } from "./branch.ts";
import type {
  FlowLoopOptions,
  ForkOptions,
  InlineOptions,
  LoopOptions,
  MapFailure,
  MapOptions,
  Mapped,
  Spawned,
  SpawnInput,
  SpawnOptions,
  Unless,
} from "./builder-options.ts";
import type { Chain, Recorded } from "./chain.ts";
import type { Settled } from "./definition.ts";
import type { EventSteps } from "./event-steps.ts";
import type { Flow } from "./flow-definition.ts";
import type { LoopAgain, LoopDone } from "./loop-result.ts";
import type { RouteBuilder } from "./route-builder.ts";
import type { StandardSchema } from "./schema.ts";
import type { MaybePromise, Parsed, Task, TaskFunction, TaskResult } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import type { LoopLimits, PolicyOptions, Recovered } from "./task-options.ts";

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
export interface FlowBuilder<Input, Current, Outputs extends object = object>
  extends Chain<Current, Outputs>,
    EventSteps<Input, Current, Outputs> {
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
    const Skip extends "skip" = never,
    Instead = never,
  >(
    id: Id,
    run: TaskFunction<Parsed<InputSchema, Current>, Returned, OutputSchema, Outputs>,
    options?: InlineOptions<Current, InputSchema, OutputSchema, Skip, Instead, TaskResult<Returned, OutputSchema>>,
  ): FlowBuilder<
    Input,
    TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>,
    Outputs & Recorded<Id, TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>>
  >;

  /**
   * Runs branches side by side, each on what the flow has at this point. Followed by `join`.
   *
   * @param branches - 1 to 10,000, made by `branch()`, with different names
   */
  fork<
    const Branches extends readonly AnyBranch<Current, Outputs>[],
    const Mode extends "all" | "settled" | "any" = "all",
  >(branches: Branches, options?: ForkOptions<Mode>): ForkBuilder<Input, Outputs, Branches, Mode>;

  /**
   * Runs branches side by side until the first has ended: its name and output are handed on, the others are abandoned in
   * the same checkpoint. If the first one to end fails, the race does.
   *
   * A branch may be an event, a delay, or anything else.
   *
   * @example
   * ```ts
   * import { branch, flow } from "waymark";
   *
   * export const approval = flow<{ orderId: string }>("approval")
   *   .race("decision", [
   *     branch("answer", (b) => b.waitForEvent<{ ok: boolean }>("answer", "order.answered")),
   *     branch("nobody", (b) => b.delay("patience", "2d")),
   *   ])
   *   .then("act", (first) => (first.branch === "answer" ? first.output.ok : false))
   *   .build();
   * ```
   */
  race<const Id extends string, const Branches extends readonly AnyBranch<Current, Outputs>[]>(
    id: Id,
    branches: Branches,
  ): FlowBuilder<Input, FirstOf<Branches>, Outputs & Recorded<Id, FirstOf<Branches>>>;

  /**
   * Runs a task or flow for each item of the list that the flow has at this point, side by side, each with checkpoints of its
   * own; hands on the list of outputs, in the order of the items. Item 17 of `resize` has task ids that start with `resize[17]/`.
   */
  map<const Id extends string, Output, const Handling extends MapFailure = "fail">(
    id: Id,
    body: (Task<string, ItemOf<Current>, Output> | Flow<ItemOf<Current>, Output>) & Unless<Current, readonly unknown[]>,
    options?: MapOptions<Handling>,
  ): FlowBuilder<Input, Mapped<Output, Handling>, Outputs & Recorded<Id, Mapped<Output, Handling>>>;
  // Last, because the compiler's message is about the last one, and most maps make their lists.
  /**
   * The same for a list that a function makes.
   *
   * @param list - makes the list: at most 100,000 items. Its outcome is recorded once
   *
   * @example
   * ```ts
   * import { flow, task } from "waymark";
   *
   * const resize = task("resize", async (image: { url: string }) => ({ small: `${image.url}?w=200` }), { retries: 3 });
   *
   * export const album = flow<{ urls: readonly string[] }>("album")
   *   .map("images", ({ urls }) => urls.map((url) => ({ url })), resize, { concurrency: 20 })
   *   .then("count", (images) => images.length)
   *   .build();
   * ```
   */
  map<const Id extends string, Item, Output, const Handling extends MapFailure = "fail">(
    id: Id,
    list: (input: Current, context: TaskContext<Outputs>) => MaybePromise<readonly Item[]>,
    body: Task<string, Item, Output> | Flow<Item, Output>,
    options?: MapOptions<Handling>,
  ): FlowBuilder<Input, Mapped<Output, Handling>, Outputs & Recorded<Id, Mapped<Output, Handling>>>;

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

  /**
   * Runs a flow again and again, until `options.until` says that it was the last time. Iteration 3 of `refine` has task ids that
   * start with `refine[3]/`.
   */
  loop<const Id extends string, Output extends Current>(
    id: Id,
    child: Flow<Current, Output>,
    options: FlowLoopOptions<Output, Outputs>,
  ): FlowBuilder<Input, Output, Outputs & Recorded<Id, Output>>;

  /** Lets time pass, without holding a worker. What the flow has passes through. */
  delay(id: string, duration: Duration): FlowBuilder<Input, Current, Outputs>;

  /**
   * Lets time pass until a time that is worked out when the flow comes here: a Date, or milliseconds since the epoch. One that is
   * past is no delay. What the flow has passes through.
   */
  delayUntil(
    id: string,
    until: (input: Current, context: TaskContext<Outputs>) => MaybePromise<Date | number>,
    options?: PolicyOptions,
  ): FlowBuilder<Input, Current, Outputs>;

  /**
   * Ends this run of the instance and begins the next one at the start of the flow, with the input that `next` returns: for
   * flows that have no end. The id, labels and tags stay, and so do events that nobody has consumed; the history begins anew.
   * The last step of the flow, or of a branch of a route or time limit on its trunk.
   *
   * What the run has done can't be undone or looked at any more. `context.idempotencyKey` is another one in each run.
   *
   * @param next - returns the next input, which is checked like the first where the flow has a schema. In a flow that is inlined
   *   in another it is the input of that one
   *
   * @example
   * ```ts
   * import { flow } from "waymark";
   *
   * export const counter = flow<{ total: number }>("counter")
   *   .waitForEvent<number>("next", "amount")
   *   .then("add", (amount) => amount)
   *   .route("way", (amount) => (amount === 0 ? "stop" : "on"), ["stop", "on"])
   *   .branch("on", (b) => b.continueAsNew("again", (amount) => ({ total: amount })))
   *   .branch("stop")
   *   .done()
   *   .build();
   * ```
   */
  continueAsNew(
    id: string,
    next: (input: Current, context: TaskContext<Outputs>) => MaybePromise<Input>,
    options?: PolicyOptions,
  ): EndlessFlow<Input, Outputs>;

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
   * Starts an instance of another flow, a child, and hands on its output. Unlike the steps of `thenFlow` it has an id, a history and
   * a status of its own, can be controlled on its own, and may be run by other workers. When it fails or is cancelled, so does this
   * step, with `ChildFailedError`. Give it to `map` in a flow of its own to start many.
   *
   * @param options - `await: false`: goes on at once, with the child's instance id
   *
   * @example
   * ```ts
   * import { flow } from "waymark";
   *
   * const shipment = flow<{ sku: string }>("shipment").then("pack", ({ sku }) => `parcel with ${sku}`).build();
   *
   * export const order = flow<{ id: string; sku: string }>("order")
   *   .spawn("ship", shipment, { instanceId: ({ id }) => `shipment-${id}` })
   *   .then("tell", (parcel) => parcel.length)
   *   .build();
   * ```
   */
  spawn<
    const Id extends string,
    ChildInput,
    Output,
    const Await extends boolean = true,
    const Skip extends "skip" = never,
    Instead = never,
  >(
    id: Id,
    child: Flow<ChildInput, Output>,
    options: SpawnOptions<Current, Outputs, Await, Skip, Instead> & SpawnInput<Current, Outputs, ChildInput>,
  ): FlowBuilder<
    Input,
    Spawned<Output, Await> | Recovered<Skip, Instead>,
    Outputs & Recorded<Id, Spawned<Output, Await> | Recovered<Skip, Instead>>
  >;
  spawn<
    const Id extends string,
    ChildInput,
    Output,
    const Await extends boolean = true,
    const Skip extends "skip" = never,
    Instead = never,
  >(
    id: Id,
    child: Flow<ChildInput, Output> & Unless<Current, ChildInput>,
    options?: SpawnOptions<Current, Outputs, Await, Skip, Instead>,
  ): FlowBuilder<
    Input,
    Spawned<Output, Await> | Recovered<Skip, Instead>,
    Outputs & Recorded<Id, Spawned<Output, Await> | Recovered<Skip, Instead>>
  >;

  /**
   * The finished flow.
   *
   * @throws {DefinitionError} naming every mistake with its place
   */
  build(): Flow<Input, Current>;
}

/** A flow, or branch, that ends in `continueAsNew`: nothing comes after it. */
export interface EndlessFlow<Input, Outputs extends object> extends Chain<never, Outputs> {
  /** As `FlowBuilder.build`. */
  build(): Flow<Input, never>;
}

/** What one item of a list is. */
export type ItemOf<List> = List extends readonly (infer Item)[] ? Item : never;

/** What the join of a fork gets. */
export type JoinInput<Branches extends readonly AnyBranch[], Mode> = Mode extends "settled"
  ? { readonly [Name in keyof BranchInputs<Branches>]: Settled<BranchInputs<Branches>[Name]> }
  : Mode extends "any"
    ? FirstOf<Branches>
    : BranchInputs<Branches>;

/** What the functions after a fork can see of its branches: of those that can be abandoned nothing. */
type JoinOutputs<Branches extends readonly AnyBranch[], Mode> = Mode extends "all" ? BranchOutputs<Branches> : object;

/** A fork that waits for its join. */
export interface ForkBuilder<
  Input,
  Outputs extends object,
  Branches extends readonly AnyBranch[],
  Mode extends "all" | "settled" | "any" = "all",
> {
  /** Runs when the branches that the fork waits for have ended. A fork has its join's id. */
  join<const Id extends string, Output>(
    task: Task<Id, JoinInput<Branches, Mode>, Output>,
  ): FlowBuilder<Input, Output, Outputs & JoinOutputs<Branches, Mode> & Recorded<Id, Output>>;
  join<
    const Id extends string,
    Returned,
    InputSchema extends StandardSchema | undefined = undefined,
    OutputSchema extends StandardSchema | undefined = undefined,
    const Skip extends "skip" = never,
    Instead = never,
  >(
    id: Id,
    run: TaskFunction<
      Parsed<InputSchema, JoinInput<Branches, Mode>>,
      Returned,
      OutputSchema,
      Outputs & JoinOutputs<Branches, Mode>
    >,
    options?: InlineOptions<
      JoinInput<Branches, Mode>,
      InputSchema,
      OutputSchema,
      Skip,
      Instead,
      TaskResult<Returned, OutputSchema>
    >,
  ): FlowBuilder<
    Input,
    TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>,
    Outputs & JoinOutputs<Branches, Mode> & Recorded<Id, TaskResult<Returned, OutputSchema> | Recovered<Skip, Instead>>
  >;
}
