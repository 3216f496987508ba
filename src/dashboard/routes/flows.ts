import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { InstanceStatus } from "../../snapshot/snapshot.ts";
import type { PausedFlow } from "../../store/flow-store.ts";
import { parseDuration } from "../../time/duration.ts";
import type { Flow, FlowChanges, Page, Series } from "../api-types.ts";
import { RequestRefused } from "../problems.ts";
import { Reply } from "../responses.ts";
import { type Call, get, pageOf, type Route, typed } from "../route.ts";
import { findGraph } from "./instance-graph.ts";

const LONGEST_RANGE_MS = 90 * 86_400_000;
const SHORTEST_BUCKET_MS = 1_000;
const NONE: Readonly<Record<InstanceStatus, number>> = {
  in_progress: 0,
  paused: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
};

export const flowRoutes: readonly Route[] = [
  get("/flows", "Lists the flows with their definitions, by name", pageOf("Flow"), {}, listFlows),
  get("/flows/{flow}/versions/{hash}/graph", "Shows what a definition looks like", typed("Graph"), {}, async (call) => {
    const graph = await findGraph(call.server, call.params["hash"] ?? "");
    if (graph !== null && graph.flow === call.params["flow"]) return graph;
    throw new RequestRefused(
      "NOT_FOUND",
      "Neither this server nor the database knows what this definition looks like.",
    );
  }),
  {
    ...{ method: "PATCH", path: "/flows/{flow}", role: "admin", action: "pauseFlow", query: {} },
    ...{ body: "FlowChanges", answer: { status: 204, schema: null } },
    summary: "Has workers take nothing of a flow, or again",
    target: ({ params }) => params["flow"] ?? null,
    detail: ({ body }) => JSON.stringify(body).slice(0, 2_000),
    handle: async ({ server, params, body, caller }) => {
      const { isPaused, reason } = body as FlowChanges;
      const flow = params["flow"] ?? "";
      const request = {
        ...(reason === undefined ? {} : { reason }),
        ...(caller === null ? {} : { requestedBy: caller.actor }),
      };
      if (isPaused) await server.client.flows.pause(flow, request);
      else await server.client.flows.unpause(flow);
      return Reply.empty();
    },
  },
  get(
    "/series",
    "Counts what began and ended by time",
    typed("Series"),
    {
      flow: { type: "string", description: "Only of this flow" },
      range: { type: "string", description: 'How far back, as a span: "1h"; at most "90d"', default: "1h" },
      buckets: { type: "integer", description: "How many stretches of time", minimum: 1, maximum: 200, default: 60 },
    },
    readSeries,
  ),
];

type Version = Flow["versions"][number];

interface Known {
  readonly versions: Map<string, { -readonly [Key in keyof Version]: Version[Key] }>;
  readonly byStatus: Record<InstanceStatus, number>;
}

async function listFlows({ server }: Call): Promise<Page<Flow>> {
  const { client, flows } = server;
  const known = new Map<string, Known>();
  const flowNamed = (name: string): Known => {
    const found = known.get(name) ?? { versions: new Map(), byStatus: { ...NONE } };
    known.set(name, found);
    return found;
  };
  for (const { flow, definitionHash, firstSeen, hasGraph, workers } of await client.definitions()) {
    const given = flows.byHash(definitionHash) !== null;
    const facts = {
      definitionHash,
      firstSeen: firstSeen.toISOString(),
      given,
      hasGraph: hasGraph || given,
      live: 0,
      workers,
    };
    flowNamed(flow).versions.set(definitionHash, facts);
  }
  for (const { name, hash: definitionHash } of flows.all) {
    const { versions } = flowNamed(name);
    if (!versions.has(definitionHash))
      versions.set(definitionHash, {
        definitionHash,
        firstSeen: null,
        given: true,
        hasGraph: true,
        live: 0,
        workers: 0,
      });
  }
  const { counts, isCapped } = await client.counts();
  for (const { flow, definitionHash, status, count } of counts) {
    const { versions, byStatus } = flowNamed(flow);
    byStatus[status] += count;
    const version = versions.get(definitionHash);
    if (version !== undefined && (status === "in_progress" || status === "paused")) version.live += count;
  }
  const paused = new Map((await client.flows.paused()).map((one) => [one.flow, one]));
  // One may be held back before anything of it is known.
  for (const flow of paused.keys()) flowNamed(flow);
  const items = [...known]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([flow, { versions, byStatus }]) => {
      return {
        flow,
        versions: [...versions.values()],
        byStatus,
        capped: isCapped,
        paused: pausedView(paused.get(flow)),
      };
    });
  return { items, next: null };
}

function pausedView(paused: PausedFlow | undefined): Flow["paused"] {
  if (paused === undefined) return null;
  const { reason, requestedBy, since } = paused;
  return { reason, by: requestedBy, since: new Date(since).toISOString() };
}

async function readSeries({ server, query }: Call): Promise<Series> {
  const flow = query.text("flow");
  const buckets = query.whole("buckets", 60);
  const rangeMs = parseDuration(query.text("range") ?? "1h", "range");
  const bucketMs = Math.ceil(rangeMs / buckets);
  if (rangeMs > LONGEST_RANGE_MS || bucketMs < SHORTEST_BUCKET_MS)
    throw new InvalidArgumentError("range", 'must be at most "90d", and at least a second for each of the buckets.');
  const series = await server.client.series({ ...(flow === undefined ? {} : { flow }), bucketMs, buckets });
  const shown = series.buckets.map((bucket) => ({ ...bucket, at: new Date(bucket.at).toISOString() }));
  return { from: shown[0]?.at ?? "", bucketMs, buckets: shown, capped: series.isCapped };
}
