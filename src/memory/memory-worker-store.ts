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
    this.#keep(workerId, tags, []);
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
    const own = this.#keep(workerId, tags, lanes ?? []);
    return [...this.#state.workers].filter(
      ([id, other]) =>
        id !== workerId &&
        other.seenAt > now - ttlMs &&
        (lanes === undefined || [...own.keys()].some((key) => other.lanes.has(key))),
    ).length;
  }

  #keep(workerId: WorkerId, tags: readonly string[], lanes: readonly Lane[]): ReadonlyMap<string, Lane> {
    const now = this.#state.now();
    const own = new Map(lanes.map((lane) => [laneKey(lane), lane] as const));
    const { registeredAt = now } = this.#state.workers.get(workerId) ?? {};
    this.#state.workers.set(workerId, { tags: parseTags(tags), lanes: own, registeredAt, seenAt: now });
    return own;
  }

  async unregisterWorker(workerId: WorkerId): Promise<void> {
    this.#state.workers.delete(parseWorkerId(workerId));
  }
}
