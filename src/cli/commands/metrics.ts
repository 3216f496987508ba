import type { Command } from "commander";
import { withSession } from "../session.ts";

/** `waymark metrics` */
export function addMetrics(program: Command): void {
  program
    .command("metrics")
    .description("how many instances, workers and places of limits there are, in the text format of Prometheus")
    .action(async (_: object, command: Command) => {
      const { metricsText } = await import("../../client/metrics-text.ts");
      await withSession(command, async ({ client }) => {
        process.stdout.write(await metricsText(client));
      });
    });
}
