import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ENGINES } from "./catalogue.ts";
import { type Outcome, runChild } from "./lib/child-process.ts";
import { Results } from "./lib/results.ts";
import { readSettings, type Settings, USAGE } from "./lib/settings.ts";
import { asJson, asMarkdown, asText, type Report, tableOf } from "./report.ts";
import type { Task, Workload } from "./workload.ts";
import { WORKLOADS } from "./workloads/all.ts";

const OURS = ["bare", "waymark"];
const ROOT = join(import.meta.dirname, "..");

function buildIfMissing(): void {
  if (existsSync(join(ROOT, "dist", "index.js"))) return;
  const { status } = spawnSync("npm", ["run", "build"], { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) throw new Error("`npm run build` failed in the repository's root.");
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const settings = readSettings(args);
  if (settings === "help") {
    console.log(USAGE);
    return;
  }
  const engines = chosen("engine", Object.keys(ENGINES), settings.engines);
  const names = WORKLOADS.map(({ name }) => name);
  const wanted = chosen("workload", names, settings.workloads);
  const workloads = WORKLOADS.filter(({ name }) => wanted.includes(name));
  buildIfMissing();
  // Not before there is something to import.
  const { Server } = await import("./lib/server.ts");
  const { describeMachine } = await import("./lib/machine.ts");
  const server = await Server.start();
  try {
    const results = await measureAll(server, settings, engines, workloads);
    const report: Report = {
      date: new Date().toISOString().slice(0, 16).replace("T", " "),
      command: ["npm run bench", ...(args.length > 0 ? ["--", ...args] : [])].join(" "),
      machine: await describeMachine(server.directory),
      postgres: { version: server.version, settings: await server.settings() },
      settings,
      engines,
      workloads,
      results,
    };
    await publish(report);
  } finally {
    await server.stop();
  }
}

type Server = Awaited<ReturnType<typeof import("./lib/server.ts")["Server"]["start"]>>;

async function measureAll(
  server: Server,
  settings: Settings,
  engines: readonly string[],
  workloads: readonly Workload[],
): Promise<Results> {
  const results = new Results();
  for (let repetition = 0; repetition < settings.sizes.repeat; repetition++) {
    const shift = repetition % engines.length;
    const order = [...engines.slice(shift), ...engines.slice(0, shift)];
    for (const workload of workloads) {
      for (const engine of order) {
        const isOnce = workload.once === "everybody" || (workload.once === "peers" && !OURS.includes(engine));
        if (isOnce && repetition > 0) continue;
        if (workload.only?.includes(engine) === false || workload.except?.includes(engine) === true) continue;
        const outcome = await measureOne(server, settings, engine, workload);
        results.add(workload.name, engine, outcome);
        console.error(`${workload.name} · ${engine} · ${lineOf(outcome)}`);
      }
    }
  }
  return results;
}

let databases = 0;

/** In a database of its own: the engine makes its schema in one process, and is measured in another. */
async function measureOne(server: Server, { sizes }: Settings, engine: string, workload: Workload): Promise<Outcome> {
  databases += 1;
  const database = `bench_${databases}`;
  const url = await server.createDatabase(database);
  try {
    const task: Task = { role: "prepare", engine, workload: workload.name, url, serverPid: server.pid, sizes };
    const prepared = await runChild(task);
    return prepared.kind === "measured" ? await runChild({ ...task, role: "measure" }) : prepared;
  } finally {
    await server.dropDatabase(database);
  }
}

function lineOf(outcome: Outcome): string {
  if (outcome.kind !== "measured") return `${outcome.kind}: ${outcome.reason}`;
  return Object.entries(outcome.metrics)
    .map(([key, value]) => `${key} ${value >= 100 ? Math.round(value) : value.toFixed(2)}`)
    .join(", ");
}

/** Only a full run replaces RESULTS.md. */
async function publish(report: Report): Promise<void> {
  const folder = join(import.meta.dirname, "results");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "latest.json"), asJson(report));
  await writeFile(join(folder, "latest.md"), asMarkdown(report));
  const { quick, engines, workloads } = report.settings;
  const isFull = !quick && engines === null && workloads === null;
  if (isFull) await writeFile(join(import.meta.dirname, "RESULTS.md"), asMarkdown(report));
  console.log(`\n${JSON.stringify(report.postgres.settings)}\n\n${asText(tableOf(report))}\n`);
}

function chosen(what: string, known: readonly string[], wanted: readonly string[] | null): readonly string[] {
  const unknown = wanted?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no ${what} "${unknown}"; there are ${known.join(", ")}.`);
  return wanted ?? known;
}

await main();
