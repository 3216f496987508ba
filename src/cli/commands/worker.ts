import type { Command } from "commander";
import { wholeNumber } from "../filter-options.ts";
import { loadFlowFile } from "../flow-file.ts";
import { databaseUrlOf, outputOf, schemaOf } from "../session.ts";

interface WorkerCommandOptions {
  readonly concurrency: number;
  readonly tag?: readonly string[];
}

/** `waymark worker` */
export function addWorker(program: Command): void {
  program
    .command("worker")
    .argument("<file>", "that exports flows: .js, .mjs, or .ts where Node strips types or tsx is installed")
    .description("run the flows of a file, and start its schedules, until it is told to stop (SIGTERM, Ctrl-C)")
    .option("--concurrency <n>", "most tasks at once", wholeNumber(1, 10_000), 100)
    .option("--tag <name...>", "only tasks all of whose tags it has")
    .action(async (file: string, options: WorkerCommandOptions, command: Command) => {
      const { flows, schedules } = await loadFlowFile(file);
      const { PostgresBackend } = await import("../../postgres/index.ts");
      const { Worker } = await import("../../worker/worker.ts");
      const backend = await PostgresBackend.connect(databaseUrlOf(command), { schema: schemaOf(command) });
      const { concurrency, tag = [] } = options;
      const worker = new Worker(backend, { flows, schedules, concurrency, tags: tag }).start();
      const { workerId } = worker.stats();
      const names = flows.map(({ name }) => name);
      outputOf(command).say({ workerId, flows: names }, () => [`${workerId} runs ${names.join(", ")}`]);
      await worker.closed;
      await backend.close();
    });
}
