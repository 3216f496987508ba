import type { Duration } from "../time/duration.ts";
import type { Chain } from "./chain.ts";
import type { OnParentClose, Settled } from "./definition.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./schema.ts";
import type { MaybePromise } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import type { LoopLimits, OnFailure, PolicyOptions, TaskOptions } from "./task-options.ts";

/** Shown by the compiler where a schema or flow doesn't accept what the flow has at that point. */
export interface DoesNotAccept<Wanted, Given> {
  readonly "the flow has at this point": Given;
  readonly "but accepted is": Wanted;
}

export type Unless<Given, Wanted> = [Given] extends [Wanted] ? unknown : DoesNotAccept<Wanted, Given>;
type SchemaFor<Given, Schema> = [Schema] extends [StandardSchema] ? Unless<Given, SchemaInput<Schema>> : unknown;

/** Options of an inline function: those of a task, with an input schema that accepts what comes in. */
export type InlineOptions<
  Given,
  InputSchema extends StandardSchema | undefined,
  OutputSchema extends StandardSchema | undefined,
  Skip extends "skip",
  Instead,
  Result,
> = TaskOptions<InputSchema, OutputSchema, Given, Skip, Instead, NoInfer<Result>> & {
  readonly input?: SchemaFor<Given, InputSchema>;
};

/** Options of a loop whose body is given as a function. */
export interface LoopOptions extends LoopLimits, PolicyOptions {}

/** Options of a loop over a flow. The policy is that of `until`. */
export interface FlowLoopOptions<Output, Outputs extends object> extends LoopLimits, PolicyOptions {
  /** Whether an iteration was the last. The next one gets the output of the one before. */
  readonly until: (output: Output, context: TaskContext<Outputs>) => MaybePromise<boolean>;
}

/** Options of a map. The policy is that of the function that makes the list. */
export interface MapOptions<Handling> extends PolicyOptions {
  /** How many items are under way at once; 1 to 100,000, default all. */
  readonly concurrency?: number;
  /**
   * What happens when an item fails: the map fails (default); all go on, and the output is a list of `Settled` (`"collect"`);
   * or that, as long as no more than so many have failed (`{ tolerate: n }`).
   */
  readonly onFailure?: Handling;
}

export type MapFailure = "fail" | "collect" | { readonly tolerate: number };
/** What a map hands on. */
export type Mapped<Output, Handling> = Handling extends "fail" ? readonly Output[] : readonly Settled<Output>[];

/**
 * Options of a child. The policy is that of `instanceId` and `input`, and says which workers start the child and take its output;
 * a child itself runs by the policies of its own flow, and is not started again when it fails.
 */
export interface SpawnOptions<
  Given,
  Outputs extends object,
  Await extends boolean,
  Skip extends "skip" = "skip",
  Instead = unknown,
> extends PolicyOptions {
  /**
   * The child's instance id, worked out once, 1 to 255 characters. Default: `<instance id>/<task id>`. Where it is taken by what is no
   * child of this task, the task fails with `INSTANCE_EXISTS`. Behind the ids of further children of the same task, which a retry of
   * a failed instance starts, stands their number: `order-1/ship.2`.
   */
  readonly instanceId?: (input: Given, context: TaskContext<Outputs>) => MaybePromise<string>;
  /** Whether the flow waits for the child's end, and hands its output on (default); or goes on at once with the child's instance id. */
  readonly await?: Await;
  /**
   * What becomes of the child when this instance ends, or is deleted, before it: it is cancelled (`"cancel"`, default); it goes on
   * (`"abandon"`); or this instance does not complete before the child has ended, and if it ends otherwise the child is cancelled
   * (`"wait"`). `"wait"` is part of the definition hash.
   */
  readonly onParentClose?: OnParentClose;
  /** What happens when the child has ended without an output; as for a task. Default `"fail"`. Part of the definition hash. */
  readonly onFailure?: OnFailure<Given, Skip, Instead>;
  /** What the child is given besides its input. */
  readonly child?: ChildOptions;
}

/** What a child is given besides its input. */
export interface ChildOptions {
  /** 1 (first) to 5 (last); default: that of the instance that starts it. */
  readonly priority?: number;
  /** For finding it; at most 32. */
  readonly tags?: readonly string[];
  /** For finding it; at most 64. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Options of a child whose input is made of what the flow has. */
export interface SpawnInput<Given, Outputs extends object, ChildInput> {
  /** What the child is started with, worked out once. Default: what the flow has at this point. */
  readonly input: (input: Given, context: TaskContext<Outputs>) => MaybePromise<ChildInput>;
}

/** What a child hands on: its output, or where it is not awaited its instance id. */
export type Spawned<Output, Await extends boolean> = Await extends false ? string : Output;

/** Which branches a fork waits for. */
export interface ForkOptions<Mode extends "all" | "settled" | "any"> {
  /**
   * - `"all"` (default): all. The join gets an object of their outputs; if one fails, the fork does;
   * - `"settled"`: all, and the join gets an object of `Settled`, which says of each what has come of it;
   * - `"any"`: the first that ends; the others are abandoned. The join gets `{ branch, output }`. Fails when all have failed.
   */
  readonly mode?: Mode;
}

/** Options of a wait that fails when it times out. */
export interface WaitOptions<Payload> {
  /** How long to wait; default for ever. */
  readonly timeout?: Duration;
  /**
   * What a timeout does: it is a failure (default), an `EventResult` says of it, or it leads into a branch, which gets what the
   * wait got.
   */
  readonly onTimeout?: "fail";
  /** Checks (and may transform) the payload before it is handed on. One that doesn't fit fails the instance. */
  readonly schema?: StandardSchema<unknown, Payload>;
}

/** Options of a wait that goes on when it times out. */
export interface ContinuingWaitOptions<Payload> extends Omit<WaitOptions<Payload>, "onTimeout"> {
  readonly timeout: Duration;
  readonly onTimeout: "continue";
}

/** Options of a wait whose time limit leads into a branch. */
export interface BranchingWaitOptions<Payload, Given, Outputs extends object, Late, Input>
  extends Omit<WaitOptions<Payload>, "onTimeout"> {
  readonly timeout: Duration;
  readonly onTimeout: (builder: FlowBuilder<Input, Given, Outputs>) => Chain<Late, object>;
}

/** How many events are waited for: 1 to 10,000; what a function says may be 0, too, and is recorded once. */
export type EventCount<Given, Outputs extends object> =
  | number
  | ((input: Given, context: TaskContext<Outputs>) => MaybePromise<number>);

/** Options of a wait for several events that fails when it times out. */
export interface CollectOptions<Payload, Given, Outputs extends object> extends WaitOptions<Payload> {
  readonly count: EventCount<Given, Outputs>;
  /** How long to wait for all of them, from when the first is waited for; default for ever. */
  readonly timeout?: Duration;
}

/** Options of a wait for several events that goes on when it times out. */
export interface ContinuingCollectOptions<Payload, Given, Outputs extends object>
  extends ContinuingWaitOptions<Payload> {
  readonly count: EventCount<Given, Outputs>;
}

/** Options of a wait for several events whose time limit leads into a branch. */
export interface BranchingCollectOptions<Payload, Given, Outputs extends object, Late, Input>
  extends BranchingWaitOptions<Payload, Given, Outputs, Late, Input> {
  readonly count: EventCount<Given, Outputs>;
}

/** Options of a wait for the first of several events. */
export interface AnyEventOptions<Payloads extends object> {
  /** Check (and may transform) the payloads, by key. One that doesn't fit fails the wait. */
  readonly schemas?: { readonly [Key in keyof Payloads]?: StandardSchema<unknown, Payloads[Key]> };
}

/** The same, with a time limit. */
export interface TimedAnyEventOptions<Payloads extends object> extends AnyEventOptions<Payloads> {
  readonly timeout: Duration;
}

/** Names of events: by key, or in a list, where each is its own key. */
export type EventNames<Payloads extends object> =
  | { readonly [Key in keyof Payloads]: string }
  | readonly (keyof Payloads & string)[];

/** Types of payloads by key, as far as schemas say them. */
export type PayloadsOf<Key extends string, Schemas> = {
  [K in Key]: K extends keyof Schemas
    ? Schemas[K] extends StandardSchema
      ? SchemaOutput<Schemas[K]>
      : unknown
    : unknown;
};

/** The first of several events: which it is, by key, and its payload. */
export type AnyEvent<Payloads extends object> = {
  [Key in keyof Payloads]: { readonly event: Key; readonly payload: Payloads[Key] };
}[keyof Payloads];

/** The same, where there is a time limit. */
export type AnyEventInTime<Payloads extends object> =
  | {
      [Key in keyof Payloads]: { readonly timedOut: false; readonly event: Key; readonly payload: Payloads[Key] };
    }[keyof Payloads]
  | { readonly timedOut: true };
