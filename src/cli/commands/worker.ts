import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { Flow } from "../../flow/flow-definition.ts";
import { CommandError, EXIT } from "../failure.ts";
import { wholeNumber } from "../filter-options.ts";
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
    .description("run the flows of a file until it is told to stop (SIGTERM, Ctrl-C)")
    .option("--concurrency <n>", "most tasks at once", wholeNumber(1, 10_000), 100)
    .option("--tag <name...>", "only tasks all of whose tags it has")
    .action(async (file: string, options: WorkerCommandOptions, command: Command) => {
      const flows = await flowsIn(file);
      const { PostgresBackend } = await import("../../postgres/index.ts");
      const { Worker } = await import("../../worker/worker.ts");
      const backend = await PostgresBackend.connect(databaseUrlOf(command), { schema: schemaOf(command) });
      const { concurrency, tag = [] } = options;
      const worker = new Worker(backend, { flows, concurrency, tags: tag }).start();
      const { workerId } = worker.stats();
      const names = flows.map(({ name }) => name);
      outputOf(command).say({ workerId, flows: names }, () => [`${workerId} runs ${names.join(", ")}`]);
      await worker.closed;
      await backend.close();
    });
}

async function flowsIn(file: string): Promise<readonly Flow[]> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await load(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new CommandError(
      `${file} can't be loaded: ${error instanceof Error ? error.message : String(error)}`,
      EXIT.usage,
    );
  }
  const flows = [
    ...new Set(Object.values(exported).flatMap((value): unknown[] => (Array.isArray(value) ? value : [value]))),
  ].filter((value) => Flow.is(value));
  if (flows.length === 0)
    throw new CommandError(`${file} exports no flow. Export what build() or job() has made.`, EXIT.usage);
  return flows;
}

async function load(url: string): Promise<unknown> {
  if (!/\.[cm]?tsx?$/.test(url) || "typescript" in process.features) return (await import(url)) as unknown;
  let tsx: { tsImport(url: string, parent: string): Promise<unknown> };
  try {
    // As the project has it: this package does not depend on it.
    const parent = pathToFileURL(`${process.cwd()}/`).href;
    const { createRequire } = await import("node:module");
    tsx = (await import(pathToFileURL(createRequire(parent).resolve("tsx/esm/api")).href)) as typeof tsx;
  } catch {
    throw new Error("this Node.js does not strip types; install tsx beside waymark, or give a .js file");
  }
  return await tsx.tsImport(url, import.meta.url);
}
