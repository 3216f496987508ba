import type { InstanceId, TaskId } from "../ids.ts";
import type { Bytes, Snapshot } from "../snapshot/snapshot.ts";

/** Saves and loads whole instances. Every method is atomic. */
export interface SnapshotStore {
  /**
   * The stored instance equals `snapshot`: it is inserted, or overwritten where it exists.
   *
   * Appends a `$save` entry to the history, and an entry for each result that the history does not
   * have yet. Carries no fencing token: claims of positions that `snapshot` leaves as they are stand,
   * all others are invalid from then on, whatever claims `snapshot` itself lists.
   *
   * @throws {InvalidTransitionError} the stored instance is terminal (INV-7), or in another run; nothing is changed
   * @throws {ResultConflictError} a result differs from the one recorded; nothing is changed (INV-3)
   * @throws {InvalidArgumentError} the snapshot contradicts itself, e.g. terminal with positions
   */
  saveSnapshot(snapshot: Snapshot): Promise<void>;

  /**
   * `output` is the recorded outcome of `taskId`. No position moves: whoever comes to the task finds
   * the outcome and goes on from it without running the body.
   *
   * Atomic, and safe beside other branches of the same instance. The same bytes again are a no-op.
   *
   * @throws {InstanceNotFoundError}
   * @throws {ResultConflictError} other bytes are recorded for `taskId` (INV-3)
   * @throws {InvalidTransitionError} the instance is terminal
   */
  saveTaskResult(instanceId: InstanceId, taskId: TaskId, output: Bytes): Promise<void>;

  /** @throws {InstanceNotFoundError} */
  loadSnapshot(instanceId: InstanceId): Promise<Snapshot>;

  /**
   * No row of the instance is left anywhere: history, events, signals and claims included.
   *
   * @throws {InstanceNotFoundError}
   */
  deleteSnapshot(instanceId: InstanceId): Promise<void>;

  /**
   * The ids of all instances, in code-point order.
   *
   * @param page - `after`: only ids greater than this one; `limit`: at most so many (1 to 100,000).
   *   Without a page, all of them: think twice with millions.
   */
  listSnapshots(page?: { readonly after?: InstanceId; readonly limit?: number }): Promise<InstanceId[]>;
}
