import { parseWorkerId, type WorkerId } from "../ids.ts";
import { laneKey } from "../snapshot/lane-key.ts";
import type { Lane } from "../snapshot/position.ts";
import { parseSpanMs, parseTags } from "../store/arguments.ts";
import { checkLanes } from "../store/check-instance.ts";
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
    this.#state.workers.set(workerId, { tags: parseTags(tags), lanes: new Set(), seenAt: this.#state.now() });
  }

  async keepWorker(
    workerId: WorkerId,
    tags: readonly string[],
    ttlMs: number,
    lanes?: readonly Lane[],
  ): Promise<number> {
    parseSpanMs(ttlMs, "ttlMs");
    parseWorkerId(workerId);
    checkLanes(lanes ?? [], "lanes");
    const now = this.#state.now();
    const own = new Set((lanes ?? []).map(laneKey));
    this.#state.workers.set(workerId, { tags: parseTags(tags), lanes: own, seenAt: now });
    return [...this.#state.workers].filter(
      ([id, other]) =>
        id !== workerId &&
        other.seenAt > now - ttlMs &&
        (lanes === undefined || [...own].some((key) => other.lanes.has(key))),
    ).length;
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    this.#state.workers.delete(parseWorkerId(workerId));
  }
}
