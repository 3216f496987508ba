import type { Command } from "commander";
import type { HistoryItem } from "../../engine/history-item.ts";
import { CommandError, EXIT } from "../failure.ts";
import { wholeNumber } from "../filter-options.ts";
import { timeText, valueText } from "../output.ts";
import { withSession } from "../session.ts";
import { cutText } from "../terminal-text.ts";

const LONGEST_VALUE = 120;
const PAGE = 1_000;

/** `waymark watch` */
export function addWatch(program: Command): void {
  program
    .command("watch")
    .argument("<id>", "of the instance")
    .description("follow an instance until it ends, entry by entry; exits with 0 if it completes, with 1 otherwise")
    .option("--interval <ms>", "how often to look", wholeNumber(50, 60_000), 500)
    .option("--from-now", "without what is recorded already")
    .action(async (id: string, options: { interval: number; fromNow?: boolean }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        let after = 0n;
        let isSilent = options.fromNow === true;
        for (let before = ""; ; ) {
          // Before the history: what ends an instance is in it, once its status says so.
          const { status, ...rest } = await client.status(id);
          for (;;) {
            const page = await client.history(id, { after, limit: PAGE });
            // Another run of an endless flow begins at the beginning again, with higher sequences.
            after = page.at(-1)?.sequence ?? after;
            if (!isSilent) for (const item of page) output.line(item, textOf(item));
            if (page.length < PAGE) break;
          }
          isSilent = false;
          if (status !== before) output.line({ instanceId: id, status }, `${id}  ${status}`);
          before = status;
          if (status === "completed") return;
          if (status === "failed" || status === "cancelled") {
            const { failure } = rest as { readonly failure?: { readonly message: string } };
            throw new CommandError(
              `${id} has ${status}${failure === undefined ? "" : `: ${failure.message}`}`,
              EXIT.failed,
            );
          }
          await new Promise((resolve) => setTimeout(resolve, options.interval));
        }
      });
    });
}

function textOf({ at, taskId, attempt, outcome, workerId, failure, output }: HistoryItem): string {
  const value =
    failure === null ? (output === undefined ? "" : valueText(output)) : `${failure.name}: ${failure.message}`;
  const by = workerId === null ? "" : `  ${workerId}`;
  return `${timeText(at)}  ${taskId}${attempt > 1 ? ` (attempt ${attempt})` : ""}  ${outcome}${by}  ${cutText(value, LONGEST_VALUE)}`.trimEnd();
}
