import type { BulkFilter, BulkOptions, BulkResult } from "../../client/bulk.ts";
import type { Client } from "../../client/client.ts";
import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import { type ErrorCode, WaymarkError } from "../../errors/waymark-error.ts";
import type { CancelRequest, RetryRequest } from "../../store/signal-store.ts";
import type { BulkRequest } from "../api-types.ts";
import { type Call, type Route, typed } from "../route.ts";

const MOST = 10_000;
const USUAL = 1_000;
const MOST_IDS = 1_000;
const MOST_REFUSED = 100;

type Request = CancelRequest & RetryRequest;

export const bulkRoutes: readonly Route[] = [
  {
    ...{ method: "POST", path: "/bulk", role: "admin", action: "bulk", query: {}, body: "BulkRequest" },
    ...{ summary: "Does one thing to many instances", answer: { status: 200, schema: typed("BulkResult") } },
    target: () => null,
    detail: ({ body }) => detailOf(body as BulkRequest),
    handle: bulk,
  },
];

function detailOf({ action, filter, ids, all, dryRun, reason }: BulkRequest): string {
  const facts = { action, filter, ids: ids?.length, all, dryRun, reason };
  return JSON.stringify(facts).slice(0, 2_000);
}

async function bulk(call: Call): Promise<BulkResult> {
  const { action, filter, ids, all, dryRun, limit = USUAL, after, ...own } = call.body as BulkRequest;
  const request: Request = own;
  const who = action === "unpause" || action === "delete" ? {} : { requestedBy: call.caller?.actor ?? "" };
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST))
    throw new InvalidArgumentError("limit", `must be a whole number from 1 to ${MOST}.`);
  if (ids !== undefined) {
    if (filter !== undefined || all !== undefined || after !== undefined)
      throw new InvalidArgumentError("ids", "goes without filter, all and after.");
    if (ids.length > MOST_IDS) throw new InvalidArgumentError("ids", `must be at most ${MOST_IDS}.`);
    return await forIds(call.server.client, action, ids, { ...request, ...who }, dryRun === true);
  }
  const options: BulkOptions & Request = {
    ...{ ...request, ...who, limit, signal: call.request.signal },
    ...(all === undefined ? {} : { all }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
  const meant: BulkFilter = { ...filter, ...(after === undefined ? {} : { after }) };
  return await call.server.client[`${action}Many`](meant, options);
}

/** One after the other: they are few. What can't be changed harms only itself. */
async function forIds(
  client: Client,
  action: BulkRequest["action"],
  ids: readonly string[],
  request: Request,
  dryRun: boolean,
): Promise<BulkResult> {
  const refused: { instanceId: string; code: ErrorCode; message: string }[] = [];
  let [changed, matched] = [0, 0];
  for (const instanceId of new Set(ids)) {
    try {
      const outcome = dryRun ? await client.inspect(instanceId) : await actOn(client, action, instanceId, request);
      matched++;
      if (!dryRun && outcome !== "unchanged") changed++;
    } catch (error) {
      if (!WaymarkError.is(error) || error.code.startsWith("BACKEND_")) throw error;
      if (error.code !== "INSTANCE_NOT_FOUND") matched++;
      refused.push({ instanceId, code: error.code, message: error.message });
    }
  }
  const shown = refused.slice(0, MOST_REFUSED);
  return { matched, changed, refusedCount: refused.length, refused: shown, next: null, dryRun };
}

async function actOn(client: Client, action: BulkRequest["action"], id: string, request: Request): Promise<unknown> {
  switch (action) {
    case "unpause":
    case "delete":
      return await client[action](id);
    case "cancel":
    case "terminate":
    case "pause":
    case "retry":
      return await client[action](id, request);
  }
}
