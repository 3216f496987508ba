import type { InstanceId, TaskId } from "../ids.ts";
import type { Bytes, HistoryEntry, TaskResult } from "../snapshot/snapshot.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";

/** Reads what was recorded. */
export interface HistoryStore {
  /**
   * Entries of an instance in the order of `sequence`.
   *
   * While the instance runs, an entry with a lower sequence may still appear; readers that follow it
   * re-read an overlap (INV-4).
   *
   * @param page - `after`: only greater sequences; `limit`: 1 to 10,000, default 1,000
   * @returns `[]` also for an unknown instance
   */
  readHistory(
    instanceId: InstanceId,
    page?: { readonly after?: bigint; readonly limit?: number },
  ): Promise<readonly HistoryEntry[]>;

  /**
   * The whole history without its payloads, in the order of `sequence`, as it was at one moment: nothing is there without
   * what it depends on (INV-4). `[]` also for an unknown instance.
   */
  readTrace(instanceId: InstanceId): Promise<readonly TraceEntry[]>;

  /**
   * The recorded outcomes of these task ids, as far as there are any. One that passes on another's
   * output (`outputRef`) is resolved: its `output` is that of the entry it points to.
   */
  loadResults(instanceId: InstanceId, taskIds: readonly TaskId[]): Promise<readonly TaskResult[]>;

  /** The iteration of a loop with the greatest index that has a recorded outcome; `null` if none has. */
  findLastIteration(instanceId: InstanceId, loopTaskId: TaskId): Promise<TaskId | null>;

  /**
   * How long ago an attempt that has been recorded began, in milliseconds by the store's clock; `null` if it has not been
   * recorded.
   */
  sinceAttempt(instanceId: InstanceId, taskId: TaskId, attempt: number): Promise<number | null>;

  /** The task ids whose recorded outcome is an output, in the order in which they were recorded. */
  listCompleted(instanceId: InstanceId): Promise<readonly TaskId[]>;

  /** What the last failed attempt of a task failed with, encoded; `null` if none has failed. */
  lastFailure(instanceId: InstanceId, taskId: TaskId): Promise<Bytes | null>;

  /** The highest attempt of which there is an entry, of a task or a note; 0 if there is none. */
  highestAttempt(instanceId: InstanceId, taskId: TaskId): Promise<number>;

  /** What has been recorded of the steps inside a task, in order. Their task ids are `task>step`. */
  loadSteps(instanceId: InstanceId, taskId: TaskId): Promise<readonly TaskResult[]>;
}
