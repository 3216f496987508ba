import type { Backend } from "../store/backend.ts";
import type { PausedFlow } from "../store/flow-store.ts";
import type { SignalRequest } from "../store/signal-store.ts";

/** Holds back whole flows, in the database: for all workers at once. `client.flows`. */
export class FlowControl {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Workers take nothing of this flow any more, in whatever version: nothing begins, and what sleeps or waits does not go on. What a worker is just
   * moving goes on until it would wait. Instances can be submitted, cancelled, looked at as ever. A `Runner` runs what it is told to.
   *
   * @param flow - its name; it need not be known yet
   * @returns `false` if it was paused already; then nothing is changed
   */
  async pause(flow: string, request: SignalRequest = {}): Promise<boolean> {
    return await this.#backend.pauseFlow(flow, request);
  }

  /** @returns whether it was paused */
  async unpause(flow: string): Promise<boolean> {
    return await this.#backend.unpauseFlow(flow);
  }

  /** The flows that are paused, by name. */
  async paused(): Promise<readonly PausedFlow[]> {
    return await this.#backend.listPausedFlows();
  }

  /**
   * How many positions of a definition wait for a worker, or for a limit.
   *
   * @param atMost - it counts no further; 1 to 1,000,000, which is the default
   */
  async waiting(flow: { readonly hash: string }, atMost: number = 1_000_000): Promise<number> {
    return await this.#backend.countReady(flow.hash, atMost);
  }
}
