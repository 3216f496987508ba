import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { Pruned, PruneRequest, Retention, RetentionChanges } from "../api-types.ts";
import { RequestRefused } from "../problems.ts";
import { Reply } from "../responses.ts";
import { type Call, get, pageOf, type Route, typed } from "../route.ts";

/** A request should come to an end. */
const USUAL_PRUNED = 10_000;

export const retentionRoutes: readonly Route[] = [
  get(
    "/retention",
    "Tells how long ended instances are kept, by flow",
    pageOf("Retention"),
    {},
    async ({ server }) => ({
      items: await rulesOf(server),
      next: null,
    }),
  ),
  {
    ...{ method: "PATCH", path: "/retention/{flow}", role: "admin", action: "changeRetention", query: {} },
    ...{ body: "RetentionChanges", answer: { status: 200, schema: typed("Retention") } },
    summary: "Changes how long ended instances of a flow are kept",
    target: ({ params }) => params["flow"] ?? null,
    detail: ({ body }) => JSON.stringify(body).slice(0, 2_000),
    handle: async (call): Promise<Retention> => {
      const changes = call.body as RetentionChanges;
      if (Object.keys(changes).length === 0) throw new InvalidArgumentError("body", "must name what is to change.");
      await call.server.client.retention.change(flowOf(call), changes);
      const rule = (await rulesOf(call.server)).find(({ flow }) => flow === flowOf(call));
      if (rule === undefined) throw new RequestRefused("NOT_FOUND", "The rule was removed meanwhile.");
      return rule;
    },
  },
  {
    ...{ method: "POST", path: "/retention/{flow}/reset", role: "admin", action: "changeRetention", query: {} },
    ...{ body: null, answer: { status: 204, schema: null } },
    summary: "Lets what code says of how long a flow is kept count again",
    target: ({ params }) => params["flow"] ?? null,
    detail: () => "reset",
    handle: async (call) => {
      if (await call.server.client.retention.reset(flowOf(call))) return Reply.empty();
      throw new RequestRefused("NOT_FOUND", "Nothing is known of how long this flow is kept.");
    },
  },
  {
    ...{ method: "POST", path: "/prune", role: "admin", action: "prune", query: {} },
    ...{ body: "PruneRequest", answer: { status: 200, schema: typed("Pruned") } },
    summary: "Removes ended instances now, or tells which would be",
    target: ({ body }) => (body as PruneRequest).flow ?? null,
    detail: ({ body }) => JSON.stringify(body).slice(0, 2_000),
    handle: async ({ server, body }): Promise<Pruned> => {
      const { flow, olderThan, limit = USUAL_PRUNED, dryRun = false, withoutArchive = false } = body as PruneRequest;
      const { pruned, instanceIds } = await server.client.prune({
        ...(flow === undefined ? {} : { flow }),
        ...(olderThan === undefined ? {} : { olderThan }),
        ...(withoutArchive ? { archive: false as const } : {}),
        ...{ limit, dryRun },
      });
      return { pruned, instanceIds, dryRun };
    },
  },
];

function flowOf({ params }: Call): string {
  return params["flow"] ?? "";
}

async function rulesOf({ client }: Call["server"]): Promise<readonly Retention[]> {
  const rules = await client.retention.list();
  return rules.map(({ flow, keep, archives, isChanged }) => ({ flow, keep, archives, isChanged }));
}
