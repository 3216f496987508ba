import type { Command } from "commander";
import { addFilterOptions, type FilterOptions, filterFrom, wholeNumber } from "../filter-options.ts";
import { timeText } from "../output.ts";
import { withSession } from "../session.ts";

/** `waymark list` */
export function addList(program: Command): void {
  addFilterOptions(program.command("list"))
    .description("list instances, by id")
    .option("--limit <n>", "how many; 1 to 1,000", wholeNumber(1, 1_000), 100)
    .option("--after <id>", "only those behind this id: the next page")
    .action(async (options: FilterOptions & { limit: number; after?: string }, command: Command) => {
      const { limit, after } = options;
      const filter = { ...filterFrom(options), limit, ...(after === undefined ? {} : { after }) };
      await withSession(command, async ({ client, output }) => {
        const page = await client.list(filter);
        const rows = page.instances.map(({ instanceId, flow, status, createdAt, endedAt, reason }) => {
          return [instanceId, flow, status, timeText(createdAt), timeText(endedAt), reason ?? ""];
        });
        output.table(page, ["ID", "FLOW", "STATUS", "CREATED", "ENDED", "REASON"], rows, "No instance fits.");
        if (page.next !== null && command.optsWithGlobals<{ json?: boolean }>().json !== true)
          process.stderr.write(`There are more: --after ${JSON.stringify(page.next)}\n`);
      });
    });
}
