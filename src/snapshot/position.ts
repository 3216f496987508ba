import type { DefinitionHash, Path, TaskId, WorkerId } from "../ids.ts";

/** What a position is there for. */
export type PositionKind =
  /** A body is to be run: a task, a route's key function, a loop's iteration. */
  | "task"
  /** Time is to pass. */
  | "delay"
  /** An event is to arrive. */
  | "wait"
  /** Branches are to end; then the join's body is to be run. */
  | "join";

/** What decides who can run a position. */
export interface Lane {
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly codec: string;
  /** Sorted. A worker must have all of them. */
  readonly tags: readonly string[];
  /** What a position there waits for besides a worker. Default: nothing. */
  readonly gate?: Gate;
}

/** A limit that has to allow what stands before it. */
export interface Gate {
  /** The limit's name. */
  readonly limit: string;
  /** What takes a place: the task's attempt, while it is claimed; or the instance, from its start to its end. */
  readonly scope: GateScope;
}

export type GateScope = "task" | "flow";

/** Where and as what a path stands. What a checkpoint says of the future. */
export interface Standing {
  readonly taskId: TaskId;
  readonly kind: PositionKind;
  /** Whose output is the input here; `null` for the instance's input. */
  readonly inputRef: TaskId | null;
  /** Which try comes next, counted from 1. */
  readonly attempt: number;
  /** 1 (first) to 5 (last). */
  readonly priority: number;
  readonly lane: Lane;
  /** Whose share of the limit it takes; only with a lane that has a gate, and there always ("": everybody's). */
  readonly limitKey?: string;
  /** Name of the awaited event; `null` unless `kind` is "wait". */
  readonly event: string | null;
  /** How many branches have yet to end; 0 unless `kind` is "join". */
  readonly pending: number;
  /** How far the items of a map have come; `null` unless it is a map's join. */
  readonly items: ItemCounts | null;
}

/** How far the items of a map have come. How many have yet to end is the join's `pending`. */
export interface ItemCounts {
  /** How many there are. */
  readonly total: number;
  /** How many have begun: the next one has this index. */
  readonly started: number;
  /** How many have failed, and were let pass. */
  readonly failed: number;
}

/**
 * What stops a position at its next checkpoint: a pending request ("pause", "cancel", or "undo" for one to cancel and undo), or
 * that its instance is paused ("paused").
 */
export type Interrupt = "pause" | "cancel" | "undo" | "paused";

/** A point at which an instance stands, as stored. Times are milliseconds since the epoch, database clock. */
export interface Position extends Omit<Standing, "lane"> {
  readonly path: Path;
  readonly tags: readonly string[];
  readonly gate?: Gate;
  /** Of a trunk whose instance has a place of a limit until it ends: which limit's, and of whose share. */
  readonly slot?: { readonly limit: string; readonly key: string };
  /** Ready to be claimed now, as far as the position itself is concerned. */
  readonly ready: boolean;
  /** When it may next be taken: a time past, its wake time, its lease's end; `null` for never by itself. */
  readonly availableAt: number | null;
  /** When it wakes by its own schedule (end of delay, retry, timeout of a wait); `null` if it has none. */
  readonly wakeAt: number | null;
  readonly interrupt: Interrupt | null;
  /** How many leases were lost here in a row. */
  readonly lost: number;
  readonly claim: PositionClaim | null;
}

/** Who may move a position. */
export interface PositionClaim {
  readonly workerId: WorkerId;
  readonly token: bigint;
  /** `null` for a claim without a time limit. */
  readonly expiresAt: number | null;
}
