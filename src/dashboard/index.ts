export type { Caller } from "./access.ts";
export type * from "./api-types.ts";
export { type Dashboard, dashboard } from "./dashboard.ts";
export type { DashboardOptions, DashboardToken, PerformedAction } from "./dashboard-options.ts";
export { type DashboardServer, type NodeHandler, type ServeOptions, serve, toNodeHandler } from "./node-server.ts";
export type { Redact, ShownContext } from "./payload-view.ts";
