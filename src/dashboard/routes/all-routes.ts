import type { Route } from "../route.ts";
import { actionRoutes } from "./actions.ts";
import { auditRoutes } from "./audit.ts";
import { bulkRoutes } from "./bulk.ts";
import { failureRoutes } from "./failures.ts";
import { flowRoutes } from "./flows.ts";
import { handlerRoutes } from "./handlers.ts";
import { historyRoutes } from "./history.ts";
import { instanceRoutes } from "./instances.ts";
import { limitRoutes } from "./limits.ts";
import { payloadRoutes } from "./payloads.ts";
import { retentionRoutes } from "./retention.ts";
import { scheduleRoutes } from "./schedules.ts";
import { serverRoutes } from "./server.ts";
import { workerRoutes } from "./workers.ts";

/** Everything that the API can be asked: a file for each group. */
export const ROUTES: readonly Route[] = [
  ...serverRoutes,
  ...instanceRoutes,
  ...historyRoutes,
  ...payloadRoutes,
  ...actionRoutes,
  ...handlerRoutes,
  ...bulkRoutes,
  ...workerRoutes,
  ...flowRoutes,
  ...limitRoutes,
  ...scheduleRoutes,
  ...retentionRoutes,
  ...failureRoutes,
  ...auditRoutes,
];
