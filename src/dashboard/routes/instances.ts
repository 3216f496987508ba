import type { Inspection, ShownValue } from "../../client/inspection.ts";
import type { BufferedEventItem } from "../../client/overview.ts";
import type { InstanceStatus } from "../../snapshot/snapshot.ts";
import type { NewestFilter } from "../../store/overview-store.ts";
import type { BufferedEvent, InstanceDetail, Page, Payload, Status } from "../api-types.ts";
import { positionView, statusView, summaryView, timeOf } from "../instance-views.ts";
import type { ShownContext } from "../payload-view.ts";
import { type Call, get, type Parameter, pageOf, paging, type Route, typed } from "../route.ts";
import { graphOfInstance } from "./instance-graph.ts";
import { parseLabelParameters, payloadHref } from "./instance-parameters.ts";

const STATUSES: readonly InstanceStatus[] = ["in_progress", "paused", "completed", "failed", "cancelled"];
const MOST = 200;
const USUAL = 50;
/** Payloads are held in memory only so many at a time. */
const EVENTS_AT_ONCE = 20;

const STATUS: Parameter = { type: "string", description: "Only with one of these", repeated: true, enum: STATUSES };
const FLOW: Parameter = { type: "string", description: "Only of this flow" };

export const instanceRoutes: readonly Route[] = [
  get(
    "/instances",
    "Lists instances",
    pageOf("InstanceSummary"),
    {
      flow: FLOW,
      status: STATUS,
      idPrefix: { type: "string", description: "Only ids that start with this" },
      tag: { type: "string", description: "Only with all of these", repeated: true },
      label: { type: "string", description: "Only with all of these, each `name=value`", repeated: true },
      parent: { type: "string", description: "Only children of this instance" },
      order: { type: "string", description: "What comes first", enum: ["newest", "id"], default: "newest" },
      ...paging(MOST, USUAL),
    },
    listInstances,
  ),
  get("/counts", "Counts instances by status and flow", typed("Counts"), { flow: FLOW }, countInstances),
  get("/instances/{instanceId}", "Shows an instance", typed("InstanceDetail"), {}, showInstance),
  get(
    "/instances/{instanceId}/graph",
    "Shows where an instance is in its graph",
    typed("InstanceGraph"),
    {},
    graphOfInstance,
  ),
  get(
    "/instances/{instanceId}/children",
    "Lists the children of an instance",
    pageOf("InstanceSummary"),
    { status: STATUS, ...paging(MOST, USUAL) },
    async (call) => await listNewest(call, { parent: call.params["instanceId"] ?? "" }),
  ),
  get(
    "/instances/{instanceId}/events",
    "Lists events that were sent and not consumed yet, the oldest first",
    pageOf("BufferedEvent"),
    paging(MOST, USUAL, "sequence"),
    listEvents,
  ),
];

async function listInstances(call: Call): Promise<unknown> {
  const { query, server } = call;
  const labels = parseLabelParameters(query.texts("label"));
  const [flow, idPrefix, parent] = [query.text("flow"), query.text("idPrefix"), query.text("parent")];
  const tags = query.texts("tag");
  const filter = {
    ...(flow === undefined ? {} : { flow }),
    ...(idPrefix === undefined ? {} : { idPrefix }),
    ...(parent === undefined ? {} : { parent }),
    ...(tags.length === 0 ? {} : { tags }),
    ...(labels === null ? {} : { labels }),
  };
  if (query.text("order") !== "id") return await listNewest(call, filter);
  const after = query.text("after");
  const { instances, next } = await server.client.list({
    ...filter,
    ...statusFilter(call),
    ...(after === undefined ? {} : { after }),
    limit: query.whole("limit", USUAL),
  });
  return { items: instances.map(summaryView), next };
}

async function listNewest({ query, server, ...call }: Call, filter: NewestFilter): Promise<unknown> {
  const before = query.text("after");
  const { items, next } = await server.client.newest({
    ...filter,
    ...statusFilter({ ...call, query, server }),
    ...(before === undefined ? {} : { before }),
    limit: query.whole("limit", USUAL),
  });
  return { items: items.map(summaryView), next };
}

function statusFilter({ query }: Call): { readonly status?: readonly InstanceStatus[] } {
  const status = query.texts("status") as readonly InstanceStatus[];
  return status.length === 0 ? {} : { status };
}

async function countInstances({ server, query }: Call): Promise<unknown> {
  const flow = query.text("flow");
  const { counts, isCapped } = await server.client.counts(flow === undefined ? {} : { flow });
  const none = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<InstanceStatus, number>;
  const byStatus = { ...none };
  const byFlow = new Map<string, Record<InstanceStatus, number>>();
  for (const { flow: name, status, count } of counts) {
    byStatus[status] += count;
    const own = byFlow.get(name) ?? { ...none };
    own[status] += count;
    byFlow.set(name, own);
  }
  const flows = [...byFlow].sort(([a], [b]) => (a < b ? -1 : 1));
  return { byStatus, byFlow: flows.map(([name, own]) => ({ flow: name, byStatus: own })), capped: isCapped };
}

async function showInstance({ server, params }: Call): Promise<InstanceDetail> {
  const { client, view, flows, options } = server;
  const inspection = await client.inspect(params["instanceId"] ?? "");
  const { summary, codec, positions, pending, input, output, failure, now } = inspection;
  const { instanceId, flow, definitionHash } = summary;
  const show = (value: ShownValue, kind: ShownContext["kind"]): Payload =>
    value.problem === null
      ? view.show(value.value, { instanceId, kind }, payloadHref(server, instanceId, kind))
      : { kind: "unreadable", problem: value.problem };
  const named = (handlers: typeof options.queries | typeof options.updates): string[] =>
    handlers.filter(({ state }) => state.belongsTo(flow)).map(({ name }) => name);
  return {
    ...summaryView(summary),
    codec,
    flowKnown: flows.byHash(definitionHash) !== null,
    state: stateView(server, inspection),
    positions: positions.map(positionView),
    pending: pending.map(({ kind, request }) => ({
      ...{
        kind,
        reason: request.reason ?? null,
        requestedBy: request.requestedBy ?? null,
        undo: request.undo === true,
      },
    })),
    input: show(input, "input"),
    output: output === null ? null : show(output, "output"),
    failure: view.failure(failure, instanceId),
    ...{ queries: named(options.queries), updates: named(options.updates), now: now.toISOString() },
  };
}

function stateView(server: Call["server"], { summary, report }: Inspection): Status {
  const { instanceId, status, reason } = summary;
  if (report !== null)
    return statusView(server.view, instanceId, report, (task) => payloadHref(server, instanceId, "progress", { task }));
  const nothing = { tasks: [], wakeAt: null, events: [], children: [], cancelRequested: null };
  return { status, words: `${status.replace("_", " ")}; its values can't be read here`, reason, ...nothing };
}

async function listEvents({ server, params, query }: Call): Promise<Page<BufferedEvent>> {
  const instanceId = params["instanceId"] ?? "";
  const limit = query.whole("limit", USUAL);
  const items: BufferedEvent[] = [];
  for (let after = query.sequence("after") ?? 0n; items.length < limit; ) {
    const most = Math.min(EVENTS_AT_ONCE, limit - items.length);
    const events = await server.client.bufferedEvents(instanceId, { after, limit: most });
    items.push(...events.map((event) => eventView(server, instanceId, event)));
    if (events.length < most) return { items, next: null };
    after = events.at(-1)?.sequence ?? after;
  }
  return { items, next: items.at(-1)?.sequence ?? null };
}

function eventView(server: Call["server"], instanceId: string, event: BufferedEventItem): BufferedEvent {
  const { name, sequence, sentAt, payload, problem } = event;
  const href = payloadHref(server, instanceId, "event", { sequence: String(sequence) });
  return {
    ...{ name, sequence: String(sequence), sentAt: timeOf(sentAt) ?? "" },
    payload:
      problem === null
        ? server.view.show(payload, { instanceId, kind: "event" }, href)
        : { kind: "unreadable", problem },
  };
}
