import type { WorkerId } from "../ids.ts";

/** Knows the workers and what they can run. */
export interface WorkerStore {
  /** The worker is known, with these tags; registers again with other ones replace them. */
  registerWorker(workerId: WorkerId, tags: readonly string[]): Promise<void>;
  /**
   * The worker is known, with these tags, and alive.
   *
   * @returns how many others have been seen alive within the last `ttlMs`
   */
  keepWorker(workerId: WorkerId, tags: readonly string[], ttlMs: number): Promise<number>;
  /** The worker is forgotten. Its claims are not touched. Idempotent. */
  unregisterWorker(workerId: WorkerId): Promise<void>;
}
