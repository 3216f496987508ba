import type { DefinitionHash, InstanceId, TaskId, WorkerId } from "../ids.ts";
import type { Bytes } from "../snapshot/snapshot.ts";

/** A worker's exclusive right to move one position. Times are milliseconds since the epoch, database clock. */
export interface TaskClaim {
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  readonly workerId: WorkerId;
  /** Greater than that of every earlier claim, so that a late write of an earlier one can be told apart. */
  readonly token: bigint;
  readonly claimedAt: number;
  /** `null`: it never expires. */
  readonly expiresAt: number | null;
}

/** A position that can be claimed now. */
export interface AvailableTask {
  readonly instanceId: InstanceId;
  readonly taskId: TaskId;
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly codec: string;
  /** Which try comes next, counted from 1. */
  readonly attempt: number;
  readonly priority: number;
  /** The encoded input; `null` where there is none of its own: a join, or after a timed-out wait. */
  readonly input: Bytes | null;
}

/** Claims by task id. Every method is atomic; leases are granted and compared by the store's clock. */
export interface TaskClaimStore {
  /**
   * Takes the position that stands at `taskId`, unless somebody holds it: a live lease is in the way
   * (`null`), whoever's it is; one that has expired is replaced.
   *
   * @param ttlMs - how long the lease lasts, in ms (1 to 100 years); without it the claim never
   *   expires, and only `releaseTaskClaim` gives the position back
   * @returns `null` if somebody holds the position, it is asleep or paused, or none stands there
   * @throws {InstanceNotFoundError}
   */
  claimTask(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId, ttlMs?: number): Promise<TaskClaim | null>;

  /**
   * Gives the position back, ready at once.
   *
   * @throws {ClaimLostError} `workerId` does not hold it
   */
  releaseTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId): Promise<void>;

  /**
   * The lease ends `durationMs` from now: absolute, never additive, so that a holder that renews often
   * doesn't push the end ever further out. Does nothing for a claim without a ttl. A lease that has
   * expired, but that nobody has taken since, is extended.
   *
   * @throws {ClaimLostError} `workerId` does not hold it
   */
  extendTaskClaim(instanceId: InstanceId, taskId: TaskId, workerId: WorkerId, durationMs: number): Promise<void>;

  /**
   * Positions that could be claimed now: due, unclaimed, of instances in progress without a pending
   * signal, whose tags `workerId` has. In the order in which they should be taken. Claims none of them.
   *
   * A worker's tags are those it registered. One that registered without any takes everything; one that
   * has not registered takes only what needs no tags.
   *
   * @param limit - 1 to 10,000
   */
  findAvailableTasks(workerId: WorkerId, limit: number): Promise<AvailableTask[]>;
}
