import { requireName } from "../store/argument-shapes.ts";
import { parseSignalRequest, parseWhole } from "../store/arguments.ts";
import { type FlowStore, MOST_COUNTED, type PausedFlow } from "../store/flow-store.ts";
import type { SignalRequest } from "../store/signal-store.ts";
import { compareCodePoints } from "./code-points.ts";
import type { MemoryState } from "./memory-state.ts";

/** What is to be known, and can be said, of all instances of a flow together, in memory. */
export class MemoryFlowStore implements FlowStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async countReady(definitionHash: string, atMost: number): Promise<number> {
    requireName(definitionHash, "definitionHash");
    parseWhole(atMost, "atMost", 1, MOST_COUNTED);
    return Math.min(atMost, this.#state.table.countReady(definitionHash));
  }

  async pauseFlow(flow: string, request: SignalRequest): Promise<boolean> {
    requireName(flow, "flow");
    const { reason = null, requestedBy = null } = parseSignalRequest(request);
    const { pausedFlows } = this.#state;
    if (pausedFlows.has(flow)) return false;
    pausedFlows.set(flow, { flow, reason, requestedBy, since: this.#state.now() });
    return true;
  }

  async unpauseFlow(flow: string): Promise<boolean> {
    requireName(flow, "flow");
    return this.#state.pausedFlows.delete(flow);
  }

  async listPausedFlows(): Promise<readonly PausedFlow[]> {
    return [...this.#state.pausedFlows.values()].sort((a, b) => compareCodePoints(a.flow, b.flow));
  }
}
