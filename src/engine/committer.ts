import type { Checkpoint, Move } from "../snapshot/checkpoint.ts";
import type { CheckpointFate, PositionStore } from "../store/position-store.ts";
import { pause } from "../time/timers.ts";
import type { Ports } from "./ports.ts";

interface Waiting {
  readonly checkpoint: Checkpoint;
  resolve(fate: CheckpointFate): void;
  reject(error: unknown): void;
}

export interface CommitterOptions {
  readonly workerId: string;
  readonly leaseMs: number;
  /** Most checkpoints in one statement. */
  readonly maxBatch: number;
}

/** How many batches of a kind are on their way at once. Joins contend with each other, so one at a time. */
const IN_FLIGHT: Readonly<Record<Move["kind"], number>> = {
  advance: 2,
  park: 1,
  await: 1,
  fork: 1,
  endBranch: 1,
  complete: 1,
  fail: 1,
};
const LONGEST_BUSY_WAIT_MS = 100;

/**
 * Group commit (DESIGN §5): checkpoints gather while a batch of their kind is on its way, and go together
 * when it is back. No timer holds a lone one up.
 */
export class Committer {
  readonly #store: PositionStore;
  readonly #ports: Ports;
  readonly #options: CommitterOptions;
  readonly #queues = new Map<Move["kind"], Waiting[]>();
  readonly #inFlight = new Map<Move["kind"], number>();

  constructor(store: PositionStore, ports: Ports, options: CommitterOptions) {
    this.#store = store;
    this.#ports = ports;
    this.#options = options;
  }

  /**
   * Writes a checkpoint. A busy one is tried again until it isn't.
   *
   * @throws {BackendError} it could not be written, or it is unknown whether it was
   */
  async commit(checkpoint: Checkpoint): Promise<Exclude<CheckpointFate, { kind: "busy" }>> {
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, LONGEST_BUSY_WAIT_MS)) {
      const fate = await this.#enqueue(checkpoint);
      if (fate.kind !== "busy") return fate;
      await pause(this.#ports.timers, waitMs * (0.5 + this.#ports.random.next()));
    }
  }

  #enqueue(checkpoint: Checkpoint): Promise<CheckpointFate> {
    return new Promise((resolve, reject) => {
      const { kind } = checkpoint.move;
      const queue = this.#queues.get(kind) ?? [];
      this.#queues.set(kind, queue);
      queue.push({ checkpoint, resolve, reject });
      // Not at once: what this turn of the event loop has finished goes together.
      if (queue.length === 1) this.#ports.timers.soon(() => this.#flush(kind));
    });
  }

  #flush(kind: Move["kind"]): void {
    const queue = this.#queues.get(kind);
    while (queue !== undefined && queue.length > 0 && (this.#inFlight.get(kind) ?? 0) < IN_FLIGHT[kind]) {
      void this.#send(kind, queue.splice(0, this.#options.maxBatch));
    }
  }

  async #send(kind: Move["kind"], batch: readonly Waiting[]): Promise<void> {
    this.#inFlight.set(kind, (this.#inFlight.get(kind) ?? 0) + 1);
    const { workerId, leaseMs } = this.#options;
    try {
      const fates = await this.#store.commitCheckpoints(
        batch.map(({ checkpoint }) => checkpoint),
        { workerId, leaseMs },
      );
      for (const [index, waiting] of batch.entries()) waiting.resolve(fates[index] ?? { kind: "fenced" });
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    } finally {
      this.#inFlight.set(kind, (this.#inFlight.get(kind) ?? 1) - 1);
      this.#flush(kind);
    }
  }
}
