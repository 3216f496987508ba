import type { RetryPolicy } from "../time/backoff.ts";
import type { IsolationLevel, TransactionSource } from "../transaction.ts";
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
export type FlowNode = TaskNode | ForkNode | RouteNode | LoopNode | DelayNode | WaitNode | SubflowNode;

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
}

/** Runs its branches side by side, then the join, whose input is an object of their outputs by name. */
export interface ForkNode {
  readonly kind: "fork";
  /** The join's id: a fork is named by where it ends. */
  readonly id: string;
  readonly branches: readonly ForkBranch[];
  readonly join: TaskNode;
}

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

/** Runs its body until that says that it is done. Iteration `i` (from 0) has the task id `id[i]`. */
export interface LoopNode {
  readonly kind: "loop";
  readonly id: string;
  /** Its `run` returns a LoopResult. */
  readonly body: TaskNode;
  readonly maxIterations: number;
  /** What happens when the last allowed iteration says "again". */
  readonly onMax: "fail" | "exitWithLast";
}

/** Lets time pass; the value passes through. Holds no worker. */
export interface DelayNode {
  readonly kind: "delay";
  readonly id: string;
  readonly durationMs: number;
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
   * `"fail"`: the output is the payload, and a timeout fails the instance.
   */
  readonly onTimeout: "fail" | "continue";
  readonly schema: StandardSchema | null;
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

/** The output of a wait with `onTimeout: "continue"`. */
export type EventResult<Payload> =
  | { readonly timedOut: false; readonly payload: Payload }
  | { readonly timedOut: true };
