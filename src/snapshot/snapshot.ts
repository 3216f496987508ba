import type { OnParentClose } from "../flow/definition.ts";
import type { DefinitionHash, InstanceId, Path, TaskId, WorkerId } from "../ids.ts";
import type { Position } from "./position.ts";

/** An encoded value. */
export type Bytes = Uint8Array;

/** An instance's status, as stored. The last three are terminal: nothing leaves them but a retry of what has failed (INV-7). */
export type InstanceStatus = "in_progress" | "paused" | "completed" | "failed" | "cancelled";

/** What is known of an instance without its positions and outputs. Times are milliseconds since the epoch. */
export interface InstanceRecord extends InstanceOutline {
  readonly input: Bytes;
  /** `null` unless completed. */
  readonly output: Bytes | null;
  /** An encoded SerializedFailure; `null` unless failed. */
  readonly failure: Bytes | null;
}

/** What is known of an instance without any payload. Times are milliseconds since the epoch. */
export interface InstanceOutline {
  readonly instanceId: InstanceId;
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  /** Id of the codec of every payload of this instance. */
  readonly codec: string;
  readonly status: InstanceStatus;
  /** Why it was cancelled, paused or retried, as far as said. */
  readonly reason: string | null;
  /** 1 (first) to 5 (last). */
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: number;
  /** By when it has to have ended; `null` for never. */
  readonly deadlineAt: number | null;
  /** Of which instance it is a fork; `null` if of none. */
  readonly forkedFrom: ForkPoint | null;
  /** By which instance's task it was started; `null` if by none. */
  readonly parent: Parent | null;
  /** Whether its flow starts children, anywhere. */
  readonly spawns: boolean;
  /** `null` unless terminal. */
  readonly endedAt: number | null;
  /** Which run this is, counted from 1: one more each time that it continues as new. */
  readonly run: number;
}

/** Whose child an instance is. */
export interface Parent {
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  /** In which run of the parent it was started. */
  readonly run: number;
  /**
   * What becomes of it when its parent ends before it. "closed": that has happened, or the parent was deleted; what becomes of the
   * child says nothing to its parent any more.
   */
  readonly onClose: OnParentClose | "closed";
}

/** Where an instance was forked off: after which entry of whose history. */
export interface ForkPoint {
  readonly instanceId: InstanceId;
  /** 0 for the beginning. */
  readonly sequence: bigint;
}

/** How an attempt, or another happening of the history, ended. */
export type EntryOutcome =
  | "completed"
  | "failed"
  /** A wait's time ran out. */
  | "timed_out"
  /** It failed for good, and the flow goes on without its output. Carries the failure. */
  | "tolerated"
  /**
   * Not a task's outcome but a change of the instance: `$failed`, `$cancelling`, `$pause`, `$unpause`, `$cancel`, `$retry`, `$save`, `$fork`, `$migrate`, `$extend`,
   * `$continue`; or of what its tasks share: `$state`, `$update:…`, `$update~…`.
   */
  | "noted";

/** What a history entry is about. */
export type EntryKind =
  | "task"
  /** A step inside a task: `charge>reserve`. */
  | "step"
  | "route"
  | "loop"
  | "join"
  /** The value of a map's item, with which the item begins. */
  | "item"
  | "delay"
  | "wait"
  /** What a child has handed on, or its id. */
  | "spawn"
  /** That the children have ended for which the instance waited at its end. */
  | "children"
  | "branch"
  /** A version of the state that the tasks share: all of it, or what a branch has changed. */
  | "state"
  /** A change of that from outside. */
  | "update"
  | "instance";

/** What a checkpoint adds to the history. */
export interface NewEntry {
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly kind: EntryKind;
  readonly outcome: EntryOutcome;
  readonly output: Bytes | null;
  /**
   * Whose output this one passes on, for what has none of its own; of a state, the task or update that has changed it; `null`
   * otherwise, and for the instance's input.
   */
  readonly outputRef: TaskId | null;
  /** An encoded SerializedFailure; `null` unless failed or tolerated. */
  readonly failure: Bytes | null;
  /** How long the body took; `null` where none ran. */
  readonly durationMs: number | null;
  /**
   * Which way it went, where the task id alone doesn't say it: "again" or "done" for a loop's iteration, the key for a
   * route, "last" for a failed attempt that no other follows, the name of an update. `null` otherwise, and for what was recorded
   * by hand.
   */
  readonly decision: string | null;
}

/** One entry of the append-only history (INV-4). */
export interface HistoryEntry extends NewEntry {
  /** Greater than that of everything it depends on. */
  readonly sequence: bigint;
  readonly path: Path;
  readonly workerId: WorkerId | null;
  /** Milliseconds since the epoch, database clock. */
  readonly at: number;
}

/** The complete persisted state of one instance. */
export interface Snapshot extends InstanceRecord {
  /** By path. Empty if and only if the instance is terminal. */
  readonly positions: readonly Position[];
  /** The recorded outcomes of task ids, in the order in which they were recorded. No failed attempts. */
  readonly results: readonly TaskResult[];
}

/** The recorded outcome of one task id (INV-3). */
export interface TaskResult {
  readonly taskId: TaskId;
  readonly kind: EntryKind;
  readonly outcome: RecordedKind;
  readonly output: Bytes | null;
  readonly outputRef: TaskId | null;
  /** `null` unless tolerated. */
  readonly failure: Bytes | null;
  /** As in the history. */
  readonly decision: string | null;
}

/** The outcomes that stand: one for each task id. */
export type RecordedKind = Exclude<EntryOutcome, "failed" | "noted">;

/** Whether an outcome stands, so that there is none after it. */
export function isRecordedKind(outcome: EntryOutcome): outcome is RecordedKind {
  return outcome === "completed" || outcome === "timed_out" || outcome === "tolerated";
}

export function isTerminal(status: InstanceStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}
