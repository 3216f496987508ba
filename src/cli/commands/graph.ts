import type { Command } from "commander";
import { CommandError, EXIT } from "../failure.ts";
import { loadFlowFile } from "../flow-file.ts";
import { outputOf } from "../session.ts";

/** `waymark graph` */
export function addGraph(program: Command): void {
  program
    .command("graph")
    .argument("<file>", "that exports flows, as for waymark worker")
    .argument("[flow]", "its name, where the file exports several")
    .description("draw a flow as a Mermaid flowchart, for documents and reviews")
    .action(async (file: string, name: string | undefined, _: object, command: Command) => {
      const { flows } = await loadFlowFile(file);
      const named = name === undefined ? flows : flows.filter((flow) => flow.name === name);
      const [flow] = named;
      const names = flows.map((one) => one.name).join(", ");
      if (flow === undefined)
        throw new CommandError(`${file} exports no flow "${name ?? ""}", but ${names}.`, EXIT.notFound);
      if (named.length > 1) throw new CommandError(`Say which flow of ${file} is meant: ${names}.`, EXIT.usage);
      const mermaid = flow.toMermaid();
      outputOf(command).say({ flow: flow.name, definitionHash: flow.hash, mermaid }, () => mermaid.trimEnd());
    });
}
