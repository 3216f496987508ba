import { publishFlows } from "../engine/published-definition.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { Limit } from "../flow/limit.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Backend } from "../store/backend.ts";
import { pause } from "../time/timers.ts";
import type { ResolvedWorkerOptions } from "./worker-options.ts";

/** Says again and again that a worker is alive, and learns who else is. */
export class Heartbeat {
  readonly #backend: Backend;
  readonly #options: ResolvedWorkerOptions;
  readonly #lanes: readonly Lane[];
  readonly #limits: readonly Limit[];
  readonly #onReady: () => void;
  readonly #end = new AbortController();
  #otherWorkers = 0;
  #hasGates: boolean;
  #isReady: boolean;
  #writtenAtMs: number | null = null;
  #beating: Promise<void> = Promise.resolve();

  /** @param parts - `flows`: all that it runs; `onReady`: called when what it needs first is there */
  constructor(parts: {
    readonly backend: Backend;
    readonly options: ResolvedWorkerOptions;
    readonly flows: readonly Flow[];
    readonly lanes: readonly Lane[];
    readonly onReady: () => void;
  }) {
    const { backend, options, flows, lanes, onReady } = parts;
    this.#backend = backend;
    this.#options = options;
    this.#lanes = lanes;
    this.#limits = [...new Set(flows.flatMap((flow) => flow.limits()))];
    this.#hasGates = this.#limits.length > 0;
    this.#isReady = this.#limits.length === 0;
    this.#onReady = onReady;
  }

  /** When the last one was written, by the monotonic clock; `null` before the first. */
  get writtenAtMs(): number | null {
    return this.#writtenAtMs;
  }

  /** How many others were alive at the last heartbeat. */
  get otherWorkers(): number {
    return this.#otherWorkers;
  }

  /** Whether something may stand before gates that this worker can run: by its flows, or by what flows have said before. */
  get hasGates(): boolean {
    return this.#hasGates;
  }

  /** Whether what its limits allow is stored: before that, they would allow everything. */
  get isReady(): boolean {
    return this.#isReady;
  }

  begin(): void {
    this.#beating = this.#beat();
  }

  /** The worker is known no more. @param waitMs - no longer than this: it is not worth it where the database is away */
  async end(waitMs: number): Promise<void> {
    this.#end.abort();
    const isOver = new AbortController();
    // After a heartbeat that is on its way: it would make the worker known again.
    const unregister = async (): Promise<void> => await this.#backend.unregisterWorker(this.#options.workerId);
    const gone = this.#beating.then(unregister).catch(() => undefined);
    await Promise.race([gone, pause(this.#options.ports.timers, waitMs, isOver.signal)]);
    isOver.abort();
  }

  async #beat(): Promise<void> {
    const { ports, leaseMs, tags, flows, workerId } = this.#options;
    let isPublished = false;
    while (!this.#end.signal.aborted) {
      try {
        if (!this.#isReady) {
          await this.#backend.declareLimits(this.#limits);
          this.#isReady = true;
          this.#onReady();
        }
        this.#otherWorkers = await this.#backend.keepWorker(workerId, tags, leaseMs, this.#lanes);
        this.#writtenAtMs = ports.clock.monotonicMs();
        if (!this.#hasGates) this.#hasGates = await this.#backend.hasGates(this.#lanes);
        // So that SQL can start them. One that is known already does not become the newest again.
        if (!isPublished) await publishFlows(this.#backend, flows, false);
        isPublished = true;
      } catch (error) {
        ports.logger.warn({ error }, "The worker's heartbeat could not be written; trying again.");
      }
      await pause(ports.timers, leaseMs / 3, this.#end.signal);
    }
  }
}
