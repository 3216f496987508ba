import type { Checkpoint, Move } from "../snapshot/checkpoint.ts";
import type { CheckpointFate, PositionStore } from "../store/position-store.ts";
import { pause } from "../time/timers.ts";
import { Gatherer } from "./gatherer.ts";
import type { Ports } from "./ports.ts";

export interface CommitterOptions {
  readonly workerId: string;
  readonly leaseMs: number;
}

/** How many batches of a kind are on their way at once. Joins contend with each other, so one at a time. */
const IN_FLIGHT: Readonly<Record<Move["kind"], number>> = {
  note: 2,
  advance: 2,
  park: 1,
  await: 1,
  fork: 1,
  endBranch: 1,
  endItem: 1,
  leaveBranch: 1,
  collapse: 1,
  restart: 2,
  complete: 1,
  fail: 1,
  cancel: 1,
};
const MOST_ROWS = 512;
/** Of payloads in one statement: a batch of large ones must not become one message of a gigabyte. */
const MOST_BYTES = 4 * 1024 * 1024;
const LONGEST_BUSY_WAIT_MS = 100;

/**
 * Group commit (DESIGN §5): checkpoints gather while a batch of their kind is on its way, and go together
 * when it is back.
 */
export class Committer {
  readonly #ports: Ports;
  readonly #gatherers: Readonly<Record<Move["kind"], Gatherer<Checkpoint, CheckpointFate>>>;

  constructor(store: PositionStore, ports: Ports, options: CommitterOptions) {
    const { workerId, leaseMs } = options;
    this.#ports = ports;
    const gatherer = (kind: Move["kind"]): Gatherer<Checkpoint, CheckpointFate> =>
      new Gatherer((batch) => store.commitCheckpoints(batch, { workerId, leaseMs }), {
        timers: ports.timers,
        inFlight: IN_FLIGHT[kind],
        maxItems: MOST_ROWS,
        maxBytes: MOST_BYTES,
        bytesOf,
      });
    this.#gatherers = {
      note: gatherer("note"),
      advance: gatherer("advance"),
      park: gatherer("park"),
      await: gatherer("await"),
      fork: gatherer("fork"),
      endBranch: gatherer("endBranch"),
      endItem: gatherer("endItem"),
      leaveBranch: gatherer("leaveBranch"),
      collapse: gatherer("collapse"),
      restart: gatherer("restart"),
      complete: gatherer("complete"),
      fail: gatherer("fail"),
      cancel: gatherer("cancel"),
    };
  }

  /**
   * Writes a checkpoint, once.
   *
   * @throws {BackendError} it could not be written, or it is unknown whether it was
   */
  commit(checkpoint: Checkpoint): Promise<CheckpointFate> {
    return this.#gatherers[checkpoint.move.kind].add(checkpoint);
  }

  /**
   * Writes a checkpoint. A busy one is tried again until it isn't.
   *
   * @throws {BackendError} it could not be written, or it is unknown whether it was
   */
  async insist(checkpoint: Checkpoint): Promise<Exclude<CheckpointFate, { kind: "busy" }>> {
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, LONGEST_BUSY_WAIT_MS)) {
      const fate = await this.commit(checkpoint);
      if (fate.kind !== "busy") return fate;
      await pause(this.#ports.timers, waitMs * (0.5 + this.#ports.random.next()));
    }
  }
}

function bytesOf({ entries, move }: Checkpoint): number {
  let bytes = move.kind === "complete" ? move.output.byteLength : move.kind === "restart" ? move.input.byteLength : 0;
  for (const { output, failure } of entries) bytes += (output?.byteLength ?? 0) + (failure?.byteLength ?? 0);
  return bytes;
}
