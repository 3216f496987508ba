import type { Command } from "commander";
import { wholeNumber } from "../filter-options.ts";
import { loadFlowFile } from "../flow-file.ts";
import { databaseUrlOf, outputOf, schemaOf } from "../session.ts";

interface WorkerCommandOptions {
  readonly concurrency: number;
  readonly tag?: readonly string[];
  readonly healthPort?: number;
  readonly healthHost?: string;
}

/** `waymark worker` */
export function addWorker(program: Command): void {
  program
    .command("worker")
    .argument("<file>", "that exports flows: .js, .mjs, or .ts where Node strips types or tsx is installed")
    .description("run the flows of a file, and start its schedules, until it is told to stop (SIGTERM, Ctrl-C)")
    .option("--concurrency <n>", "most tasks at once", wholeNumber(1, 10_000), 100)
    .option("--tag <name...>", "only tasks all of whose tags it has")
    .option("--health-port <n>", "answer /healthz, /readyz and /metrics there", wholeNumber(0, 65_535))
    .option("--health-host <address>", "where to listen for that; default: this machine alone")
    .action(async (file: string, options: WorkerCommandOptions, command: Command) => {
      const { flows, schedules } = await loadFlowFile(file);
      const { PostgresBackend } = await import("../../postgres/index.ts");
      const { Worker } = await import("../../worker/worker.ts");
      const backend = await PostgresBackend.connect(databaseUrlOf(command), { schema: schemaOf(command) });
      const { concurrency, tag = [], healthPort, healthHost } = options;
      const worker = new Worker(backend, { flows, schedules, concurrency, tags: tag }).start();
      const { workerId } = worker.stats();
      const names = flows.map(({ name }) => name);
      outputOf(command).say({ workerId, flows: names }, () => [`${workerId} runs ${names.join(", ")}`]);
      if (healthPort !== undefined) {
        const { serveHealth } = await import("../../worker/health-server.ts");
        const host = healthHost === undefined ? {} : { host: healthHost };
        const { url } = await serveHealth(worker, { port: healthPort, ...host });
        outputOf(command).say({ health: url }, () => [
          `Its health is at ${url}/healthz and /readyz, its numbers at ${url}/metrics`,
        ]);
      }
      await worker.closed;
      await backend.close();
    });
}
