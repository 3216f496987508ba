import type { WorkerId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";

/** Knows the workers and what they can run. */
export interface WorkerStore {
  /** The worker is known, with these tags; registers again with other ones replace them. */
  registerWorker(workerId: WorkerId, tags: readonly string[]): Promise<void>;
  /**
   * The worker is known, with these tags, and alive.
   *
   * @param lanes - what it can run. Default: nothing that is known
   * @returns how many others have been seen alive within the last `ttlMs` that can run something of that, too; all
   *   others where `lanes` is not given
   */
  keepWorker(workerId: WorkerId, tags: readonly string[], ttlMs: number, lanes?: readonly Lane[]): Promise<number>;
  /** The worker is forgotten. Its claims are not touched. Idempotent. */
  unregisterWorker(workerId: WorkerId): Promise<void>;
}
