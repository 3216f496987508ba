import type { Command } from "commander";
import { CommandError, EXIT } from "../failure.ts";
import { jsonArgument } from "../filter-options.ts";
import { loadFlowFile } from "../flow-file.ts";
import { withSession } from "../session.ts";

interface ForkCommandOptions {
  readonly flows: string;
  readonly at: string;
  readonly input?: unknown;
  readonly output?: readonly string[];
}

/** `waymark fork` */
export function addFork(program: Command): void {
  program
    .command("fork")
    .argument("<id>", "of the instance to start from; it is not changed")
    .argument("<new-id>", "of the new one")
    .requiredOption("--flows <file>", "that exports its flow, as for waymark worker")
    .requiredOption(
      "--at <place>",
      "a task id: before it is run; or an entry of the history, by its sequence: after it; 0: from the beginning",
    )
    .option("--input <json>", "in place of the other one's input", jsonArgument)
    .option("--output <task=json...>", "in place of what was recorded for a task up to there")
    .description("start a new instance where another one has been, with what that one had recorded by then")
    .action(async (id: string, newId: string, options: ForkCommandOptions, command: Command) => {
      const { flows } = await loadFlowFile(options.flows);
      const { withChildFlows } = await import("../../flow/child-flows.ts");
      const outputs = Object.fromEntries((options.output ?? []).map(outputFrom));
      await withSession(command, async ({ client, output }) => {
        const { summary } = await client.inspect(id);
        const flow = withChildFlows(flows).find(({ hash }) => hash === summary.definitionHash);
        if (flow === undefined)
          throw new CommandError(
            `${options.flows} has not the definition of ${id}: ${summary.flow} (${summary.definitionHash.slice(0, 12)}). Give the file as it was when that one began.`,
            EXIT.refused,
          );
        await client.fork(flow, id, newId, {
          at: /^\d+$/.test(options.at) ? BigInt(options.at) : options.at,
          outputs,
          ...(options.input === undefined ? {} : { input: options.input }),
        });
        output.say({ instanceId: newId, from: id, at: options.at }, () => [
          `${newId}  started from ${id} at ${options.at}`,
        ]);
      });
    });
}

function outputFrom(text: string): readonly [string, unknown] {
  const at = text.indexOf("=");
  if (at < 1)
    throw new CommandError(`--output must be task=json, not ${JSON.stringify(text.slice(0, 50))}.`, EXIT.usage);
  return [text.slice(0, at), jsonArgument(text.slice(at + 1))];
}
