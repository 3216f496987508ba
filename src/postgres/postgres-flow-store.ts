import { requireName } from "../store/argument-shapes.ts";
import { parseSignalRequest, parseWhole } from "../store/arguments.ts";
import { type FlowStore, MOST_COUNTED, type PausedFlow } from "../store/flow-store.ts";
import type { SignalRequest } from "../store/signal-store.ts";
import { countReady, listPausedFlows, pauseFlow, unpauseFlow } from "./queries/flows.ts";
import type { StoreContext } from "./store-context.ts";

/** What is to be known, and can be said, of all instances of a flow together. */
export class PostgresFlowStore implements FlowStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async countReady(definitionHash: string, atMost: number): Promise<number> {
    requireName(definitionHash, "definitionHash");
    parseWhole(atMost, "atMost", 1, MOST_COUNTED);
    const { db, tables } = this.#context;
    const [row] = await db.run("count-ready", countReady(tables, { definitionHash, atMost }));
    return row?.ready ?? 0;
  }

  async pauseFlow(flow: string, request: SignalRequest): Promise<boolean> {
    requireName(flow, "flow");
    const { reason = null, requestedBy = null } = parseSignalRequest(request);
    const { db, tables } = this.#context;
    const query = pauseFlow(tables, { flow, reason, requestedBy, now: this.#context.now() });
    return (await db.run("pause-flow", query)).length > 0;
  }

  async unpauseFlow(flow: string): Promise<boolean> {
    requireName(flow, "flow");
    const { db, tables, hints } = this.#context;
    const wasPaused = (await db.run("unpause-flow", unpauseFlow(tables, flow))).length > 0;
    if (wasPaused) hints.ready(null);
    return wasPaused;
  }

  async listPausedFlows(): Promise<readonly PausedFlow[]> {
    const { db, tables } = this.#context;
    const rows = await db.run("list-paused-flows", listPausedFlows(tables));
    return rows.map((row) => ({
      ...{ flow: row.flow, reason: row.reason, requestedBy: row.requested_by, since: row.paused_ms },
    }));
  }
}
