import { dashboardWith } from "../../src/dashboard/dashboard.ts";
import { type DashboardOptions, serve } from "../../src/dashboard/index.ts";
import type { Backend } from "../../src/store/backend.ts";

export interface ServedDashboard {
  /** With the base path, and a slash at its end. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves a dashboard on this machine.
 *
 * @param files - URL of the folder with the browser's files; ends in a slash
 * @param port - default: one that is free
 */
export async function serveDashboard(
  backend: Backend,
  options: DashboardOptions,
  files: string,
  port: number = 0,
): Promise<ServedDashboard> {
  const server = await serve(dashboardWith(backend, { pollInterval: 100, ...options }, new URL(files)), { port });
  const url = `${server.url}${options.basePath ?? ""}/`;
  return { url, port: server.port, close: async () => await server.close() };
}
