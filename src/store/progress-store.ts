import type { InstanceId, Path, TaskId } from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { Bytes } from "../snapshot/snapshot.ts";

/** How far a task says it is. */
export interface SavedProgress {
  readonly path: Path;
  readonly taskId: TaskId;
  readonly value: Bytes;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What became of progress to be saved. */
export type ProgressFate =
  | "saved"
  /** The row was locked by somebody else. Nothing was written; try again. */
  | "busy"
  /** The claim does not hold any more. Nothing was written (INV-5). */
  | "fenced";

/**
 * Keeps how far long tasks say they are: the last value of each position, beside it, not in the history. It is there until
 * the position is gone or another task's is saved, and counts for nothing once the position stands elsewhere.
 */
export interface ProgressStore {
  /** `value` is how far `taskId` is, which the holder of the claim runs; the one before is gone. Never waits for a lock. */
  saveProgress(claim: ClaimRef, taskId: TaskId, value: Bytes): Promise<ProgressFate>;

  /** What was saved last of this task, by whoever held the position then; `null` if nothing was. */
  loadProgress(instanceId: InstanceId, path: Path, taskId: TaskId): Promise<Bytes | null>;
}
