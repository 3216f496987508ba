import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { Rate } from "../../snapshot/allowance.ts";
import type { LimitState } from "../../store/limit-store.ts";
import type { Limit, LimitChanges, LimitKeyChanges } from "../api-types.ts";
import { Reply } from "../responses.ts";
import { type Call, get, pageOf, paging, type Route, typed } from "../route.ts";

const MOST = 1_000;
const USUAL = 100;

/** What changes a limit, and is answered with it. */
const CHANGE: Pick<Route, "role" | "action" | "query" | "answer" | "target"> = {
  ...{ role: "admin", action: "changeLimits", query: {}, answer: { status: 200, schema: typed("Limit") } },
  target: ({ params }) => params["name"] ?? null,
};

export const limitRoutes: readonly Route[] = [
  get("/limits", "Lists the limits", pageOf("Limit"), {}, async ({ server }) => ({
    items: (await server.client.limits.list()).map(limitView),
    next: null,
  })),
  get("/limits/{name}", "Shows a limit", typed("Limit"), {}, showLimit),
  get("/limits/{name}/keys", "Lists the keys of a limit", pageOf("LimitKey"), paging(MOST, USUAL), async (call) => {
    const { server, query } = call;
    const after = query.text("after");
    const page = { ...(after === undefined ? {} : { after }), limit: query.whole("limit", USUAL) };
    const { keys, next } = await server.client.limits.keys(nameOf(call), page);
    return { items: keys, next };
  }),
  {
    ...{ ...CHANGE, method: "PATCH", path: "/limits/{name}", body: "LimitChanges" },
    summary: "Changes what a limit allows, or stops it",
    detail: ({ body }) => JSON.stringify(body).slice(0, 2_000),
    handle: async (call) => {
      const { isPaused, ...changes } = call.body as LimitChanges;
      const { limits } = call.server.client;
      if (isPaused === undefined && Object.keys(changes).length === 0)
        throw new InvalidArgumentError("body", "must name what is to change.");
      if (Object.keys(changes).length > 0) await limits.change(nameOf(call), changes);
      if (isPaused !== undefined) await limits[isPaused ? "pause" : "unpause"](nameOf(call));
      return await showLimit(call);
    },
  },
  {
    ...{ ...CHANGE, method: "POST", path: "/limits/{name}/reset", body: null },
    summary: "Lets what code says of a limit count again",
    detail: () => "reset",
    handle: async (call) => {
      await call.server.client.limits.reset(nameOf(call));
      return await showLimit(call);
    },
  },
  {
    ...{ ...CHANGE, method: "PATCH", path: "/limits/{name}/keys/{key}", body: "LimitKeyChanges" },
    ...{ summary: "Gives a key of a limit another weight, or stops it", answer: { status: 204, schema: null } },
    detail: ({ body, params }) => JSON.stringify({ key: params["key"], ...(body as object) }).slice(0, 2_000),
    handle: async (call) => {
      const { weight, isPaused } = call.body as LimitKeyChanges;
      const { limits } = call.server.client;
      const key = call.params["key"] ?? "";
      if (weight !== undefined) await limits.weigh(nameOf(call), key, weight);
      if (isPaused !== undefined) await limits[isPaused ? "pause" : "unpause"](nameOf(call), { key });
      return Reply.empty();
    },
  },
];

function nameOf({ params }: Call): string {
  return params["name"] ?? "";
}

async function showLimit(call: Call): Promise<Limit> {
  return limitView(await call.server.client.limits.get(nameOf(call)));
}

function limitView(limit: LimitState): Limit {
  const { name, concurrency, rate, perKey, isChanged, isPaused, running, waiting, oldestWaitMs } = limit;
  return {
    ...{ name, concurrency, rate: rateView(rate), isChanged, isPaused, running, waiting, oldestWaitMs },
    perKey: { concurrency: perKey.concurrency, rate: rateView(perKey.rate) },
  };
}

function rateView(rate: Rate | null): Limit["rate"] {
  return rate === null ? null : { count: rate.count, perMs: rate.perMs, burst: rate.burst };
}
