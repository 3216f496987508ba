import type { Hooks } from "./lib/hooks.ts";

/**
 * What the benchmark runs:
 *
 * - `chain`: as many steps as `Shape.steps`, one after the other
 * - `single`: one step
 * - `limited`: one step, of which at most `MOST_AT_ONCE` run at the same time, over all workers
 * - `keyed`: one step, of which those with the same key run one after the other; an instance's key is `keyOf` its id
 * - `fan`: as many parallel branches of one step as `Shape.branches`, and a step that joins them
 * - `wait`: a step, a wait for an event from outside, a step
 */
export type FlowName = "chain" | "fan" | "keyed" | "limited" | "single" | "wait";

/** How many of `limited` may run at once. */
export const MOST_AT_ONCE = 50;
const KEYS = 10_000;

/** One of ten thousand, by the number at the id's end. */
export function keyOf(id: string): string {
  return `key-${Number(/\d+$/.exec(id)?.[0] ?? 0) % KEYS}`;
}

/** How large the flows are. */
export interface Shape {
  readonly steps: number;
  readonly branches: number;
}

export interface OpenOptions {
  /** Of a database in which `prepare` has run. */
  readonly url: string;
  readonly shape: Shape;
  /** The bodies of all steps, the same for every engine. */
  readonly hooks: Hooks;
}

/** What some engines do not offer. */
export type Capability = "call" | "events" | "fan" | "keyed" | "limited" | "result" | "submit" | "urgent" | "work";

/** An engine, opened on a database by one process. */
export interface Session {
  /** Starts many instances in the engine's fastest way. No worker needs to run. */
  submit(flow: FlowName, ids: readonly string[]): Promise<void>;
  /** Starts as many instances that are due in a day, and leaves them where the engine keeps such. No worker runs. */
  park(ids: readonly string[]): Promise<void>;
  /** How many of the flow's instances have not ended yet, asked of the database. Parked ones don't count. */
  unfinished(flow: FlowName): Promise<number>;
  /** Works on the given flows, in this process. */
  startWorker(flows: readonly FlowName[]): Promise<void>;
  stopWorker(): Promise<void>;
  /** Starts one instance and waits for its result as a caller would; resolves when the caller has it. */
  call(flow: FlowName, id: string): Promise<void>;
  /** Starts one instance of `single` that is to run before all others that wait; resolves when its step has run. */
  urgent(id: string): Promise<void>;
  /** Sends what the instance of `wait` waits for. */
  sendEvent(id: string): Promise<void>;
  close(): Promise<void>;
}

export interface Engine {
  /** How it is set up, in words, with the page that recommends it. */
  readonly settings: readonly string[];
  /** What it does not offer, and why. */
  readonly cannot: Readonly<Partial<Record<Capability, string>>>;
  /** Makes its schema. Runs in a process of its own. */
  prepare(url: string): Promise<void>;
  open(options: OpenOptions): Promise<Session>;
}

/** Thrown where an engine cannot do what a workload needs. */
export class NotOffered extends Error {
  override readonly name = "NotOffered";
}
