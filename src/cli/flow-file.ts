import { pathToFileURL } from "node:url";
import type { Flow } from "../flow/flow-definition.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { CommandError, EXIT } from "./failure.ts";

/** What a file exports that workers can run. */
export interface FlowFile {
  readonly flows: readonly Flow[];
  readonly schedules: readonly Schedule[];
}

/** @throws {CommandError} the file can't be loaded, or exports no flow */
export async function loadFlowFile(file: string): Promise<FlowFile> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await load(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, "; ");
    throw new CommandError(`${file} can't be loaded: ${message}`, EXIT.usage);
  }
  const { Flow: Flows } = await import("../flow/flow-definition.ts");
  const { isSchedule } = await import("../schedule/schedule.ts");
  const all = new Set(Object.values(exported).flatMap((value): unknown[] => (Array.isArray(value) ? value : [value])));
  const flows = [...all].filter((value) => Flows.is(value));
  if (flows.length === 0)
    throw new CommandError(`${file} exports no flow. Export what build() or job() has made.`, EXIT.usage);
  return { flows, schedules: [...all].filter((value) => isSchedule(value)) };
}

async function load(url: string): Promise<unknown> {
  if (!/\.[cm]?tsx?$/.test(url) || "typescript" in process.features) return (await import(url)) as unknown;
  let tsx: { register(): unknown };
  try {
    // As the project has it: this package does not depend on it.
    const parent = pathToFileURL(`${process.cwd()}/`).href;
    const { createRequire } = await import("node:module");
    // What require() finds is the form for CommonJS, which looks for its other half in the wrong place when it is imported.
    const found = createRequire(parent)
      .resolve("tsx/esm/api")
      .replace(/\.cjs$/, ".mjs");
    tsx = (await import(pathToFileURL(found).href)) as typeof tsx;
  } catch {
    throw new Error("this Node.js does not strip types; install tsx beside waymark, or give a .js file");
  }
  // For all modules: a file that is loaded apart from them would bring another copy of this package, with other classes.
  tsx.register();
  return (await import(url)) as unknown;
}
