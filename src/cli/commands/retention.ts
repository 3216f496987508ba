import type { Command } from "commander";
import type { PruneOptions } from "../../client/pruning.ts";
import type { EndedStatus } from "../../flow/keep.ts";
import { confirm } from "../confirm.ts";
import { CommandError, EXIT } from "../failure.ts";
import { wholeNumber } from "../filter-options.ts";
import { spanText } from "../output.ts";
import { withSession } from "../session.ts";

interface PruneCommandOptions {
  readonly flow?: string;
  readonly status?: string;
  readonly olderThan?: string;
  readonly limit?: number;
  readonly dryRun?: boolean;
  readonly withoutArchive?: boolean;
  readonly yes?: boolean;
}

const MOST_NAMED = 20;
/** So many are removed between two words about it. */
const BATCH = 1_000;

/** `waymark prune` and `waymark retention …` */
export function addRetention(program: Command): void {
  addPrune(program);
  const retention = program.command("retention").description("show how long ended instances are kept, and change it");
  retention
    .command("list", { isDefault: true })
    .description("how long instances of each flow are kept")
    .action(async (_: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const rules = await client.retention.list();
        const rows = rules.map(({ flow, keep, archives, isChanged }) => [
          ...[flow, keepText(keep.completed), keepText(keep.failed), keepText(keep.cancelled)],
          [archives ? "archived before" : "", isChanged ? "changed by hand" : ""].filter((it) => it !== "").join(", "),
        ]);
        const head = ["FLOW", "COMPLETED", "FAILED", "CANCELLED", "STATE"];
        output.table(rules, head, rows, "No worker has said how long anything is kept.");
      });
    });
  retention
    .command("keep")
    .argument("<flow>", "its name")
    .description("say how long its ended instances are kept, whatever code says, until reset")
    .option("--completed <time>", "as 30d; forever: they are never removed by themselves")
    .option("--failed <time>", "the same for failed ones")
    .option("--cancelled <time>", "the same for cancelled ones")
    .action(async (flow: string, options: Partial<Record<EndedStatus, string>>, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        await client.retention.change(flow, options);
        output.say({ flow, keep: options }, () => [`${flow}  changed`]);
      });
    });
  retention
    .command("reset")
    .argument("<flow>", "its name")
    .description("let what code says of it count again, from the next start of a worker")
    .action(async (flow: string, _: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const known = await client.retention.reset(flow);
        if (!known) throw new CommandError(`Nothing is known of how long "${flow}" is kept.`, EXIT.notFound);
        output.say({ flow }, () => [`${flow}  goes by the code again`]);
      });
    });
}

function addPrune(program: Command): void {
  program
    .command("prune")
    .description("remove ended instances now: those whose time is over, or that ended long ago")
    .option("--flow <name>", "only instances of this flow")
    .option("--status <list>", "only with one of these, with commas between: completed, failed, cancelled")
    .option("--older-than <time>", "those that ended at least so long ago, as 30d; default: by how long flows are kept")
    .option("--limit <n>", "at most so many", wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option("--without-archive", "also those that workers would archive before")
    .option("--dry-run", "only say which")
    .option("--yes", "don't ask")
    .action(async (options: PruneCommandOptions, command: Command) => {
      const what = pruneFrom(options);
      await withSession(command, async ({ client, output }) => {
        if (options.dryRun !== true && options.yes !== true) {
          const { pruned } = await client.prune({ ...what, dryRun: true });
          await confirm(`Remove ${pruned} instances for good?`, options);
        }
        const total = { pruned: 0, instanceIds: [] as string[], dryRun: options.dryRun === true };
        const most = options.limit ?? Number.MAX_SAFE_INTEGER;
        for (;;) {
          const limit = total.dryRun ? most : Math.min(BATCH, most - total.pruned);
          const { pruned, instanceIds, kept } = await client.prune({ ...what, limit });
          total.pruned += pruned;
          total.instanceIds.push(...instanceIds.slice(0, MOST_NAMED - total.instanceIds.length));
          output.progress(`${total.pruned} removed`);
          if (total.dryRun || pruned < limit || total.pruned >= most || kept.length > 0) break;
        }
        const verb = total.dryRun ? "would be removed" : "removed";
        output.say(total, () => [
          ...total.instanceIds,
          ...(total.pruned > total.instanceIds.length ? [`and ${total.pruned - total.instanceIds.length} more`] : []),
          `${total.pruned} ${verb}`,
        ]);
      });
    });
}

function pruneFrom({ flow, status, olderThan, dryRun, withoutArchive }: PruneCommandOptions): PruneOptions {
  return {
    ...(flow === undefined ? {} : { flow }),
    ...(status === undefined ? {} : { status: status.split(",").map((one) => one.trim()) as EndedStatus[] }),
    ...(olderThan === undefined ? {} : { olderThan }),
    ...(withoutArchive === true ? { archive: false } : {}),
    dryRun: dryRun === true,
  };
}

function keepText(ms: number | null): string {
  return ms === null ? "for ever" : spanText(ms);
}
