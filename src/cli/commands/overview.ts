import type { Command } from "commander";
import { timeText } from "../output.ts";
import { withSession } from "../session.ts";

const MOST_WORKERS = 1_000;

/** `waymark flows …` and `waymark workers` */
export function addOverview(program: Command): void {
  addFlows(program);
  addWorkers(program);
}

function addFlows(program: Command): void {
  const flows = program.command("flows").description("show flows, and hold them back");
  flows
    .command("list", { isDefault: true })
    .description("how many instances there are of each flow, by definition and status, and what is paused")
    .action(async (_: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const counts = await client.counts();
        const paused = await client.flows.paused();
        const rows = counts.counts.map(({ flow, definitionHash, status, count }) => {
          const isPaused = paused.some((one) => one.flow === flow);
          return [flow, definitionHash.slice(0, 12), status, String(count), isPaused ? "flow paused" : ""];
        });
        output.table(
          { ...counts, paused },
          ["FLOW", "DEFINITION", "STATUS", "COUNT", "STATE"],
          rows,
          "There are no instances.",
        );
      });
    });
  flows
    .command("pause")
    .argument("<flow>", "its name")
    .description("workers take nothing of it any more; what runs goes on until it would wait")
    .option("--reason <text>", "why")
    .action(async (flow: string, options: { reason?: string }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const changed = await client.flows.pause(flow, options);
        output.say({ flow, changed }, () => [`${flow}  ${changed ? "paused" : "was paused already"}`]);
      });
    });
  flows
    .command("unpause")
    .argument("<flow>", "its name")
    .description("let workers take it again")
    .action(async (flow: string, _: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const changed = await client.flows.unpause(flow);
        output.say({ flow, changed }, () => [`${flow}  ${changed ? "goes on" : "was not paused"}`]);
      });
    });
}

function addWorkers(program: Command): void {
  program
    .command("workers")
    .description("workers that were heard of within the last day")
    .action(async (_: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const { workers } = await client.workers({ limit: MOST_WORKERS });
        const rows = workers.map(({ workerId, isAlive, seenAt, running, tags, lanes }) => [
          ...[workerId, isAlive ? "alive" : "silent", timeText(seenAt), String(running)],
          ...[tags.join(","), [...new Set(lanes.map(({ flow }) => flow))].join(",")],
        ]);
        output.table(
          workers,
          ["WORKER", "STATE", "SEEN", "RUNNING", "TAGS", "FLOWS"],
          rows,
          "No worker has been heard of.",
        );
        if (workers.length === MOST_WORKERS) output.hint(`There may be more than these ${MOST_WORKERS}.`);
      });
    });
}
