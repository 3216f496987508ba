import type { WorkerId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Backend } from "../store/backend.ts";
import type { ClaimedPosition } from "../store/position-store.ts";

/** A worker in this process, to which work can be handed without a detour through the database. */
export interface LocalWorker {
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  /**
   * Keeps slots free for positions of these lanes.
   *
   * @returns `null` if it can't run one of them, or has no room; else what has to be called in the end, with
   *   what is to be driven in them
   */
  reserve(lanes: readonly Lane[]): ((claimed: readonly ClaimedPosition[]) => void) | null;
}

const workersOf = new WeakMap<Backend, Set<LocalWorker>>();

/** @returns takes it off the list again */
export function addLocalWorker(backend: Backend, worker: LocalWorker): () => void {
  const workers = workersOf.get(backend) ?? new Set();
  workersOf.set(backend, workers);
  workers.add(worker);
  return () => void workers.delete(worker);
}

/** The workers of this process that work on `backend`. */
export function localWorkers(backend: Backend): Iterable<LocalWorker> {
  return workersOf.get(backend) ?? [];
}
