import type { DefinitionHash } from "../ids.ts";
import type { SignalRequest } from "./signal-store.ts";

/** Ready positions are counted at most so far. */
export const MOST_COUNTED = 1_000_000;

/** A flow of which nothing new is taken. */
export interface PausedFlow {
  readonly flow: string;
  readonly reason: string | null;
  readonly requestedBy: string | null;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly since: number;
}

/** What is to be known, and can be said, of all instances of a flow together. */
export interface FlowStore {
  /**
   * How many positions of a definition are ready, before gates or not: what waits for a worker, or for a limit.
   *
   * @param atMost - it counts no further; 1 to 1,000,000
   */
  countReady(definitionHash: DefinitionHash, atMost: number): Promise<number>;

  /**
   * From now on, workers claim nothing of this flow, whatever its version: `claimPositions` with lanes, `claimLimited` with lanes, and positions of new
   * instances that their maker would hold. What is held goes on. The flow need not be known.
   *
   * @returns `false` if it was paused already; then nothing is changed
   */
  pauseFlow(flow: string, request: SignalRequest): Promise<boolean>;

  /** @returns whether it was paused */
  unpauseFlow(flow: string): Promise<boolean>;

  /** By name. */
  listPausedFlows(): Promise<readonly PausedFlow[]>;
}
