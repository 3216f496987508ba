import { parseWorkerId, type WorkerId } from "../ids.ts";
import type { WorkerStore } from "../store/worker-store.ts";
import { requireTags } from "./arguments.ts";
import type { MemoryState } from "./memory-state.ts";

/** Knows the workers and what they can run, in memory. */
export class MemoryWorkerStore implements WorkerStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async registerWorker(workerId: WorkerId, tags: readonly string[]): Promise<void> {
    parseWorkerId(workerId);
    requireTags(tags, "tags");
    this.#state.workers.set(workerId, [...tags]);
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    this.#state.workers.delete(parseWorkerId(workerId));
  }
}
