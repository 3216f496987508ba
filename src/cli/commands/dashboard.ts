import { once } from "node:events";
import type { Command } from "commander";
import { wholeNumber } from "../filter-options.ts";
import { outputOf, withSession } from "../session.ts";

interface DashboardCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly allowHost?: readonly string[];
  readonly readOnly?: boolean;
}

/** `waymark dashboard` */
export function addDashboard(program: Command): void {
  program
    .command("dashboard")
    .description("serve the dashboard and the HTTP API until it is told to stop (SIGTERM, Ctrl-C)")
    .option("--host <address>", "where to listen; elsewhere than on this machine it needs a token", "127.0.0.1")
    .option("--port <n>", "0: one that is free", wholeNumber(0, 65_535), 8_787)
    .option("--allow-host <name...>", "by which names it may be reached besides localhost; needs a token")
    .option("--read-only", "nothing can be changed by it")
    .action(async (options: DashboardCommandOptions, command: Command) => {
      const { dashboard, serve } = await import("../../dashboard/index.ts");
      const { host, port, allowHost = [], readOnly = false } = options;
      // Not an option: whoever lists the processes of a machine sees those.
      const token = process.env["WAYMARK_DASHBOARD_TOKEN"];
      const tokens = token === undefined ? [] : [{ token, role: "admin" as const }];
      await withSession(command, async ({ backend }) => {
        const server = await serve(dashboard(backend, { tokens, hosts: allowHost, readOnly }), { host, port });
        outputOf(command).say({ url: server.url }, () => [`The dashboard is at ${server.url}`]);
        await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
        await server.close();
      });
    });
}
