import { nodeIdOf } from "../../client/node-states.ts";
import type { HistoryItem } from "../../engine/history-item.ts";
import type { HistoryEntry, Page, PastState } from "../api-types.ts";
import { historyView } from "../instance-views.ts";
import { type Call, get, type Parameter, pageOf, paging, type Route, typed } from "../route.ts";
import { flowOf, payloadHref } from "./instance-parameters.ts";

const MOST = 1_000;
const USUAL = 100;
/** Payloads are held in memory only so many at a time. */
const AT_ONCE = 20;
const MOST_OUTPUTS = 1_000;

const SEQUENCE = (description: string): Parameter => ({ type: "sequence", description, required: true });

export const historyRoutes: readonly Route[] = [
  get(
    "/instances/{instanceId}/history",
    "Lists what was recorded of an instance, in order",
    pageOf("HistoryEntry"),
    paging(MOST, USUAL, "sequence"),
    async (call) => await page(call, call.query.sequence("after") ?? 0n, null, call.query.whole("limit", USUAL)),
  ),
  get(
    "/instances/{instanceId}/diff",
    "Lists what was recorded after one entry, up to and with another",
    pageOf("HistoryEntry"),
    { from: SEQUENCE("After this entry"), to: SEQUENCE("Up to and with this one") },
    async (call) => await page(call, call.query.sequence("from") ?? 0n, call.query.sequence("to") ?? null, MOST),
  ),
  get(
    "/instances/{instanceId}/state",
    "Tells where an instance stood after an entry of its history",
    typed("PastState"),
    { at: SEQUENCE("After this entry; 0 for the beginning") },
    pastState,
  ),
];

async function page(
  { server, params }: Call,
  from: bigint,
  to: bigint | null,
  limit: number,
): Promise<Page<HistoryEntry>> {
  const instanceId = params["instanceId"] ?? "";
  const hrefOf = (sequence: bigint): string => payloadHref(server, instanceId, "entry", { sequence: String(sequence) });
  const show = (item: HistoryItem): HistoryEntry => historyView(server.view, instanceId, item, hrefOf);
  const items: HistoryEntry[] = [];
  for (let after = from; items.length < limit; ) {
    const most = Math.min(AT_ONCE, limit - items.length);
    const read = await server.client.history(instanceId, { after, limit: most });
    const meant = read.filter(({ sequence }) => to === null || sequence <= to);
    items.push(...meant.map(show));
    if (meant.length < most) return { items, next: null };
    after = read.at(-1)?.sequence ?? after;
  }
  return { items, next: items.at(-1)?.sequence ?? null };
}

async function pastState(call: Call): Promise<PastState> {
  const { server, params, query } = call;
  const instanceId = params["instanceId"] ?? "";
  const at = query.sequence("at") ?? 0n;
  const flow = await flowOf(call, instanceId);
  const past = await server.client.stateAt(flow, instanceId, at);
  const outputs = [...past.outputs].slice(-MOST_OUTPUTS);
  const hrefOf = (kind: string, more: Readonly<Record<string, string>>): string =>
    payloadHref(server, instanceId, kind, { at: String(at), ...more });
  const { view } = server;
  return {
    ...{ sequence: String(past.sequence), at: past.at.toISOString(), ended: past.ended },
    positions: past.positions.map((position) => ({ ...position, nodeId: nodeIdOf(position.taskId) })),
    outputs: outputs.map(([taskId, value]) => ({
      taskId,
      value: view.show(value, { instanceId, kind: "output" }, hrefOf("past", { task: taskId })),
    })),
    outputsOmitted: past.outputs.size - outputs.length,
    state: past.state === null ? null : view.show(past.state, { instanceId, kind: "state" }, hrefOf("state", {})),
  };
}
