import type { Command } from "commander";
import type { Client } from "../../client/client.ts";
import type { HistoryItem } from "../../engine/history-item.ts";
import { wholeNumber } from "../filter-options.ts";
import { timeText, valueText } from "../output.ts";
import { withSession } from "../session.ts";
import { type Surroundings, situationOf } from "../situation.ts";
import { cutText, plainText, tableText } from "../terminal-text.ts";

const LONGEST_VALUE = 120;
const MOST_WORKERS = 1_000;

/** `waymark show` */
export function addShow(program: Command): void {
  program
    .command("show")
    .argument("<id>", "of the instance")
    .description("say where an instance is and what it waits for, with its history")
    .option("--history <n>", "how many entries of the history; the last ones", wholeNumber(0, 10_000), 50)
    .action(async (id: string, options: { history: number }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const inspection = await client.inspect(id);
        const history = await lastEntries(client, id, options.history);
        const words = situationOf(inspection, await surroundings(client));
        output.say({ ...inspection, words, history }, () => {
          const { summary } = inspection;
          const facts = [
            `${summary.instanceId}  ${summary.status}`,
            `flow ${summary.flow} (${summary.definitionHash.slice(0, 12)}), begun ${timeText(summary.createdAt)}${summary.endedAt === null ? "" : `, ended ${timeText(summary.endedAt)}`}`,
            ...words,
            `input ${shownText(inspection.input)}`,
            ...(inspection.output === null ? [] : [`output ${shownText(inspection.output)}`]),
          ];
          const rows = history.map((entry) => rowOf(entry));
          const table =
            rows.length === 0
              ? []
              : ["", tableText(["SEQ", "TASK", "ATTEMPT", "OUTCOME", "AT", "WORKER", "VALUE"], rows)];
          return [...facts.map((line) => plainText(line)), ...table].join("\n");
        });
      });
    });
}

/** What is to be known besides the instance to say why it does not go on. */
export async function surroundings(client: Client): Promise<Surroundings> {
  const { workers } = await client.workers({ limit: MOST_WORKERS });
  const paused = await client.flows.paused();
  return { workers, pausedFlows: new Map(paused.map(({ flow, reason }) => [flow, reason])) };
}

const PAGE = 10_000;

/** A history may be long; its end is what matters, and is to be had by its beginning only. */
async function lastEntries(client: Client, id: string, count: number): Promise<readonly HistoryItem[]> {
  let last: readonly HistoryItem[] = [];
  if (count === 0) return last;
  for (let after: bigint | undefined; ; ) {
    const page: readonly HistoryItem[] = await client.history(id, {
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    last = [...last, ...page].slice(-count);
    if (page.length < PAGE) return last;
    after = page.at(-1)?.sequence;
  }
}

function shownText(shown: { readonly problem: string | null; readonly value?: unknown }): string {
  return cutText(shown.problem ?? valueText(shown.value), LONGEST_VALUE);
}

function rowOf({ sequence, taskId, attempt, outcome, at, workerId, failure, output }: HistoryItem): readonly string[] {
  const value =
    failure === null ? (output === undefined ? "" : valueText(output)) : `${failure.name}: ${failure.message}`;
  return [
    String(sequence),
    taskId,
    String(attempt),
    outcome,
    timeText(at),
    workerId ?? "",
    cutText(value, LONGEST_VALUE),
  ];
}
