import { parseWorkerId, type WorkerId } from "../ids.ts";
import { parseSpanMs, parseTags } from "../store/arguments.ts";
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
    this.#state.workers.set(workerId, { tags: parseTags(tags), seenAt: this.#state.now() });
  }

  async keepWorker(workerId: WorkerId, tags: readonly string[], ttlMs: number): Promise<number> {
    parseSpanMs(ttlMs, "ttlMs");
    await this.registerWorker(workerId, tags);
    const since = this.#state.now() - ttlMs;
    return [...this.#state.workers].filter(([id, { seenAt }]) => id !== workerId && seenAt > since).length;
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    this.#state.workers.delete(parseWorkerId(workerId));
  }
}
