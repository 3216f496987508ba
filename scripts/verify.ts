/**
 * Attacks what Waymark promises, and prints a page about it.
 *
 *   npm run verify                       about ten minutes, with seeds that were never tried
 *   npm run verify -- --minutes 30       longer
 *   npm run verify -- --seed 4711        one simulated run again, with its last lines if it fails
 *   npm run verify -- --write FILE       the page goes to a file, too
 *
 * Exits with 0 if everything holds, with 1 after a violation, with 2 if the runs prove less than they should.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { FAULT_KINDS, type SeedsReport, SimulationFailedError, simulateSeeds } from "../src/testing/index.ts";
import { RARE_PATHS, simulateRandomFlows } from "../test/support/simulated-run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    write: { type: "string" },
    // Between this program and its own processes.
    simulate: { type: "string" },
  },
});
const CHUNK = 25;
/** Of the whole time; the rest is for what runs on a real server. */
const SHARE_OF_SIMULATION = 0.45;
const SHARE_OF_STORM = 0.2;

interface Stage {
  readonly name: string;
  readonly verdict: "holds" | "VIOLATION" | "inconclusive";
  readonly facts: readonly string[];
  readonly seconds: number;
}

if (values.seed !== undefined) await replay(Number(values.seed));
else if (values.simulate !== undefined) await simulateFor(values.simulate);
else await verify(Number(values.minutes));

async function replay(seed: number): Promise<void> {
  try {
    const report = await simulateRandomFlows(seed, { keepsLog: true });
    console.log(`Seed ${seed} holds: ${report.steps} steps, digest ${report.digest}.`);
  } catch (error) {
    if (!(error instanceof SimulationFailedError)) throw error;
    console.log([...error.log.slice(-200), "", error.message].join("\n"));
    console.log(error.cause);
    process.exitCode = 1;
  }
}

/** One process's share: `from:seconds`. Says what it has found as one line of JSON. */
async function simulateFor(task: string): Promise<void> {
  const [from = 0, seconds = 1] = task.split(":").map(Number);
  const reports: SeedsReport[] = [];
  const endsAt = Date.now() + seconds * 1_000;
  let failure: { readonly seed: number; readonly message: string } | null = null;
  for (let seed = from; Date.now() < endsAt && failure === null; seed += CHUNK) {
    try {
      reports.push(await simulateSeeds(simulateRandomFlows, { from: seed, count: CHUNK, replayEvery: CHUNK }));
    } catch (error) {
      if (!(error instanceof SimulationFailedError)) throw error;
      failure = { seed: error.seed, message: error.message };
    }
  }
  console.log(JSON.stringify({ reports, failure }));
}

async function verify(minutes: number): Promise<void> {
  if (!(minutes > 0)) throw new Error("--minutes must be a number above 0.");
  const seconds = minutes * 60;
  const stages = [
    await simulation(Math.round(seconds * SHARE_OF_SIMULATION)),
    await suite(
      "every call of the store disturbed in turn",
      ["test/property/crashes-at-each-call", "test/runner/node-guarantees"],
      {
        WAYMARK_EVERY_CALL: "1",
      },
    ),
    await suite(
      "memory and PostgreSQL answer alike; random crashes on both",
      ["test/property/backends-agree", "test/property/limits-agree", "test/property/crashes.test"],
      {
        WAYMARK_SEED: "random",
        WAYMARK_RUNS: String(Math.max(20, Math.round(minutes * 8))),
      },
    ),
    await suite(
      "storm: workers killed, stopped and told to end, sessions cut, the database restarted, under load",
      ["test/chaos/storm.test"],
      {
        WAYMARK_STORM_FAULTS: "all",
        WAYMARK_STORM_SECONDS: String(Math.max(20, Math.round(seconds * SHARE_OF_STORM))),
      },
    ),
    await suite("exactly once under kill -9 and restarts", ["test/chaos/exactly-once"], {}),
  ];
  const page = pageOf(stages);
  console.log(page);
  if (values.write !== undefined) writeFileSync(values.write, page);
  if (stages.some(({ verdict }) => verdict === "VIOLATION")) process.exitCode = 1;
  else if (stages.some(({ verdict }) => verdict === "inconclusive")) process.exitCode = 2;
}

async function simulation(seconds: number): Promise<Stage> {
  const startedAt = Date.now();
  const base = Date.now() % 1_000_000_000;
  const shares = cpus().map(async (_, index) => {
    const child = start(
      process.execPath,
      ["--import", "tsx", import.meta.filename, "--simulate", `${base + index * 10_000_000}:${seconds}`],
      {},
    );
    const { code, output } = await ended(child);
    const line = output.trimEnd().split("\n").at(-1) ?? "";
    if (code !== 0 || !line.startsWith("{"))
      throw new Error(`A simulation ended with ${String(code)}: ${output.slice(-2_000)}`);
    return JSON.parse(line) as {
      readonly reports: readonly SeedsReport[];
      readonly failure: { readonly seed: number; readonly message: string } | null;
    };
  });
  const all = await Promise.all(shares);
  const reports = all.flatMap((one) => one.reports);
  const sum = (of: (report: SeedsReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  const faults = added(reports.map((report) => report.faults));
  const reached = added(reports.map((report) => report.reached));
  const missed = [
    ...RARE_PATHS.filter((path) => reached[path] === undefined),
    ...FAULT_KINDS.filter((kind) => faults[kind] === undefined),
  ];
  const failures = all.flatMap(({ failure }) => (failure === null ? [] : [failure]));
  return {
    name: "simulated world: random flows, workers that crash and stall, calls that fail, clocks that jump",
    verdict: failures.length > 0 ? "VIOLATION" : missed.length > 0 ? "inconclusive" : "holds",
    facts: [
      `${sum(({ runs }) => runs)} seeds from ${base}, ${sum(({ replayed }) => replayed)} of them made twice; ${sum(({ steps }) => steps)} steps, ${Math.round(sum(({ simulatedMs }) => simulatedMs) / 3_600_000)} h simulated`,
      `faults: ${textOf(faults)}`,
      `rare paths: ${textOf(Object.fromEntries(RARE_PATHS.map((path) => [path, reached[path] ?? 0])))}`,
      ...(missed.length > 0 ? [`not reached: ${missed.join(", ")}`] : []),
      ...failures.map(({ seed, message }) => `${message} (npm run verify -- --seed ${seed})`),
    ],
    seconds: Math.round((Date.now() - startedAt) / 1_000),
  };
}

/** Tests that run on a real server, among others. */
async function suite(name: string, files: readonly string[], env: Readonly<Record<string, string>>): Promise<Stage> {
  const startedAt = Date.now();
  const { code, output } = await ended(
    start("npx", ["vitest", "run", "--project=system", ...files], { ...env, NO_COLOR: "1" }),
  );
  const [counts = "no test was run"] = /^\d+ passed, \d+ failed, \d+ skipped$/m.exec(output) ?? [];
  const told = output
    .split("\n")
    .filter((line) =>
      /^(?:\d+ (?:kills|instances|bodies|checkpoints)|WAYMARK_STORM_SEED| FAIL |AssertionError|SimulationFailedError|\{ seed)/.test(
        line,
      ),
    );
  return {
    name,
    verdict: code === 0 ? "holds" : "VIOLATION",
    facts: [counts, ...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...told.slice(0, 12)],
    seconds: Math.round((Date.now() - startedAt) / 1_000),
  };
}

function start(program: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

async function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly output: string }> {
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

function added(all: readonly Readonly<Record<string, number | undefined>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all)
    for (const [name, count = 0] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function textOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

function pageOf(stages: readonly Stage[]): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  const lines = stages.flatMap(({ name, verdict, facts, seconds }) => [
    `## ${verdict}: ${name}`,
    "",
    ...facts.map((fact) => `- ${fact}`),
    `- ${seconds} s`,
    "",
  ]);
  const head = `Waymark ${version}, Node ${process.version}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 16)}Z`;
  return ["# Verification", "", head, "", ...lines].join("\n");
}
