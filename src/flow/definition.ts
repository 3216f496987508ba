import type { SerializedFailure } from "../errors/failure.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import type { IsolationLevel, TransactionSource } from "../transaction.ts";
import type { Flow } from "./flow-definition.ts";
import type { LimitedBy } from "./limit.ts";
import type { StandardSchema } from "./schema.ts";
import type { TaskContext } from "./task-context.ts";

/** A user function as the engine calls it; the builder has checked its types. */
export type TaskBody = (input: unknown, context: TaskContext) => unknown;

/** What makes a task a transactional one. */
export interface TransactionPart {
  /** The user function; the node's own `run` only refuses to be called. */
  readonly run: (tx: unknown, input: unknown, context: TaskContext) => unknown;
  readonly isolation: IsolationLevel;
  /** Opens its transactions; `null`: the backend, on its own connections. */
  readonly source: TransactionSource<unknown> | null;
}

/**
 * How a task is run. Policy, not shape: a change of it doesn't change the definition hash, and
 * applies to running instances as soon as their worker is deployed.
 */
export interface TaskPolicy {
  /** Longest duration of one attempt; `null` for none. */
  readonly timeoutMs: number | null;
  readonly retry: RetryPolicy;
  /** A worker must have all of these. Sorted, no duplicates. */
  readonly tags: readonly string[];
  /** 1 (first) to 5 (last); `null` for the instance's own. */
  readonly priority: number | null;
  readonly description: string | null;
}

/** One element of a flow. Ids are unique within their scope (the flow, or an inlined sub-flow). */
export type FlowNode =
  | TaskNode
  | ForkNode
  | RouteNode
  | LoopNode
  | MapNode
  | ItemNode
  | DelayNode
  | WaitNode
  | CollectNode
  | SubflowNode
  | ContinueNode
  | SpawnNode
  | ChildrenNode
  | UndoNode;

/** Nodes one after the other; each gets the previous one's output. */
export type Sequence = readonly FlowNode[];

export interface TaskNode {
  readonly kind: "task";
  readonly id: string;
  readonly run: TaskBody;
  /** `null` for a plain task. */
  readonly transaction: TransactionPart | null;
  readonly policy: TaskPolicy;
  /** Changed by the user to say that the body now means something else. Part of the hash. */
  readonly version: string | null;
  readonly inputSchema: StandardSchema | null;
  readonly outputSchema: StandardSchema | null;
  /** What happens when its last attempt has failed; `null`: what the nodes around it say. */
  readonly onFailure: FailureHandling | null;
  /** Takes back what it has done, when the instance fails; its `run` gets the output. Its task id is `id~undo`. */
  readonly undo: TaskNode | null;
  /** What its attempts wait for besides a worker; `null` for nothing. Policy, not shape. */
  readonly limitedBy: LimitedBy | null;
}

/** How a flow goes on after a task whose last attempt has failed. */
export type FailureHandling =
  /** Without its output: the next node gets `undefined`. */
  | { readonly kind: "skip" }
  /** At a later node beside it, or beside what encloses it, which gets what the task got. */
  | { readonly kind: "goto"; readonly id: string }
  /** With another task, which gets the input and the failure, and whose output is handed on. */
  | { readonly kind: "fallback"; readonly task: TaskNode };

/**
 * Runs its branches side by side, then the join.
 *
 * - `all`: when every branch has ended; the join gets an object of their outputs by name. A failure is the fork's.
 * - `settled`: when every branch has ended or failed; the join gets an object of `Settled` by name.
 * - `any`: when the first branch has ended; the join gets `{ branch, output }`. Fails when all have failed.
 * - `race`: when the first branch has ended or failed. Its failure is the fork's.
 *
 * In all but the first, branches can be abandoned, so each is a scope of its own: its task ids start with `id/branch/`.
 */
export interface ForkNode {
  readonly kind: "fork";
  /** The join's id: a fork is named by where it ends. */
  readonly id: string;
  readonly mode: ForkMode;
  readonly branches: readonly ForkBranch[];
  readonly join: TaskNode;
}

export type ForkMode = "all" | "settled" | "any" | "race";

export interface ForkBranch {
  readonly name: string;
  /** Never empty. */
  readonly sequence: Sequence;
}

/** Takes the branch that the key function names. The decision is a checkpoint. */
export interface RouteNode {
  readonly kind: "route";
  readonly id: string;
  /** Its `run` returns the key. */
  readonly select: TaskNode;
  readonly keys: readonly string[];
  readonly branches: readonly RouteBranch[];
  /** Taken for a key without a branch; `null` if there is none. */
  readonly defaultBranch: Sequence | null;
}

export interface RouteBranch {
  readonly key: string;
  /** May be empty: then the route's input passes through. */
  readonly sequence: Sequence;
}

/**
 * Runs its body until that says that it is done. Iteration `i` (from 0) has the task id `id[i]`.
 *
 * One with a sequence runs that in each iteration, in a scope of its own (`id[i]/`), and then the body on what has come
 * of it.
 */
export interface LoopNode {
  readonly kind: "loop";
  readonly id: string;
  /** Its `run` returns a LoopResult. */
  readonly body: TaskNode;
  /** `null` for a loop of a single task. Never empty. */
  readonly sequence: Sequence | null;
  readonly maxIterations: number;
  /** What happens when the last allowed iteration says "again". */
  readonly onMax: "fail" | "exitWithLast";
}

/**
 * Runs its sequence for each item of a list that a task makes at run time, side by side; its output is a list of what has
 * come of them, in the order of the items. Item `i` (from 0) is a scope of its own: `id[i]/`.
 */
export interface MapNode {
  readonly kind: "map";
  readonly id: string;
  /** Its `run` returns the items. Its task id is `id~list`. */
  readonly list: TaskNode;
  /** Never empty. */
  readonly sequence: Sequence;
  /** How many items are under way at once; `null` for all. */
  readonly concurrency: number | null;
  /** How many items may fail; `null` for all. Where it is not 0, the output is a list of `Settled`. */
  readonly tolerated: number | null;
  /** Hands on the list of outputs. */
  readonly join: TaskNode;
}

/** Where an item of a map begins: its value is recorded under the task id `id[i]~item`. No node that users write. */
export interface ItemNode {
  readonly kind: "item";
  /** The map's. */
  readonly id: string;
}

/**
 * Where an instance stands that is to end as failed or cancelled: its task id is `$undo`. From there it goes to the `undo` of
 * what is recorded, in reverse order, then to the flow's failure handler. No node that users write.
 */
export interface UndoNode {
  readonly kind: "undo";
  readonly id: string;
}

/** Lets time pass; the value passes through. Holds no worker. */
export interface DelayNode {
  readonly kind: "delay";
  readonly id: string;
  /** `null` where `until` says how long. */
  readonly durationMs: number | null;
  /** Its `run` returns when the delay is over. Its task id is `id~until`. */
  readonly until: TaskNode | null;
}

/** Waits for an event from outside; its payload is the output. */
export interface WaitNode {
  readonly kind: "wait";
  readonly id: string;
  readonly event: string;
  /** `null` waits for ever. */
  readonly timeoutMs: number | null;
  /**
   * `"continue"`: the output is `{ timedOut: false, payload }` or `{ timedOut: true }`.
   * `"fail"`: the output is the payload, and a timeout is a failure.
   * `"branch"`: the output is the payload, or what `timeoutBranch` hands on, which gets what the wait got.
   */
  readonly onTimeout: "fail" | "continue" | "branch";
  /** Never empty; `null` unless `onTimeout` is `"branch"`. */
  readonly timeoutBranch: Sequence | null;
  readonly schema: StandardSchema | null;
}

/**
 * Waits for so many events of one name, one after the other; its output is the list of their payloads. Event `i` (from 0) is
 * recorded under the task id `id[i]`, the list under `id`. The time limit is one for all of them.
 */
export interface CollectNode {
  readonly kind: "collect";
  readonly id: string;
  readonly event: string;
  /** `null` where `counting` says how many. */
  readonly count: number | null;
  /** Its `run` returns how many. Its task id is `id~count`. */
  readonly counting: TaskNode | null;
  /** For all of them, from when the first is waited for; `null` waits for ever. */
  readonly timeoutMs: number | null;
  /**
   * `"fail"`: a timeout is a failure.
   * `"continue"`: the output is an `EventsResult`.
   * `"branch"`: the output is the list, or what `timeoutBranch` hands on, which gets what the wait got.
   */
  readonly onTimeout: "fail" | "continue" | "branch";
  /** Never empty; `null` unless `onTimeout` is `"branch"`. */
  readonly timeoutBranch: Sequence | null;
  readonly schema: StandardSchema | null;
  /** Hands on the list. */
  readonly join: TaskNode;
}

/** Ends a run of the instance and begins the next one, with another input and a history of its own. The last of its sequence. */
export interface ContinueNode {
  readonly kind: "continue";
  readonly id: string;
  /** Its `run` returns the next run's input. */
  readonly next: TaskNode;
}

/** Another flow's nodes in place, in a scope of their own: their task ids start with `id/`. */
export interface SubflowNode {
  readonly kind: "subflow";
  readonly id: string;
  /** The inlined flow's name. */
  readonly flow: string;
  /** Never empty. */
  readonly sequence: Sequence;
}

/**
 * Starts an instance of another flow, a child, and waits for its end, or does not. What it is started with is worked out
 * first, by a task that is recorded under `id~start`.
 */
export interface SpawnNode {
  readonly kind: "spawn";
  readonly id: string;
  /** Its `run` returns a `ChildStart`. Its `onFailure` is what happens when the child has ended without an output. */
  readonly start: TaskNode;
  readonly child: Flow;
  /** Whether the child's output is handed on, or at once its instance id. */
  readonly isAwaited: boolean;
  readonly onParentClose: OnParentClose;
  /** What the child is given besides its input; `priority` is `null` for that of its parent. */
  readonly given: {
    readonly priority: number | null;
    readonly tags: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
  };
}

/** What becomes of a child that is live when its parent ends, or is deleted. */
export type OnParentClose =
  /** It is cancelled. */
  | "cancel"
  /** It goes on. */
  | "abandon"
  /** Its parent does not complete before it has ended. If the parent ends otherwise, it is cancelled. */
  | "wait";

/** What the task before a child has recorded. */
export interface ChildStart {
  /** `null`: it follows from those of the parent and the task. */
  readonly instanceId: string | null;
  readonly input: unknown;
}

/**
 * Where an instance stands that has come to its end, until the children have ended that it waits for: its task id is
 * `$children`. No node that users write.
 */
export interface ChildrenNode {
  readonly kind: "children";
  readonly id: string;
}

/** The output of a wait with `onTimeout: "continue"`. */
export type EventResult<Payload> =
  | { readonly timedOut: false; readonly payload: Payload }
  | { readonly timedOut: true };

/** The output of a wait for several events with `onTimeout: "continue"`. */
export type EventsResult<Payload> =
  | { readonly timedOut: false; readonly payloads: readonly Payload[] }
  /** Those that came in time, fewer than were waited for. */
  | { readonly timedOut: true; readonly payloads: readonly Payload[] };

/** What has come of something whose failure is not that of the flow. */
export type Settled<Output> =
  | { readonly ok: true; readonly value: Output }
  | { readonly ok: false; readonly failure: SerializedFailure };
