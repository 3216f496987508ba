import { parseWorkerId, type WorkerId } from "../ids.ts";
import { parseTags } from "../store/arguments.ts";
import type { WorkerStore } from "../store/worker-store.ts";
import type { MemoryState } from "./memory-state.ts";

/** Knows the workers and what they can run, in memory. */
export class MemoryWorkerStore implements WorkerStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async registerWorker(workerId: WorkerId, tags: readonly string[]): Promise<void> {
    parseWorkerId(workerId);
    this.#state.workers.set(workerId, parseTags(tags));
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    this.#state.workers.delete(parseWorkerId(workerId));
  }
}
