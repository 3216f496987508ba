/**
 * Puts known bugs into a copy of the sources, one at a time, and looks whether the tests find them.
 *
 *   npm run mutants                          all of them
 *   npm run mutants -- --only M3,M7          these
 *   npm run mutants -- --seconds 120         how long the tests of one mutant may take, for each of its two harnesses; default 600
 *   npm run mutants -- --wide                tries the wider harness of each, too, which does not know of the bug
 *   npm run mutants -- --no-baseline         without a look whether the tests pass on the copy as it is
 *   npm run mutants -- --report FILE         writes the table as Markdown
 *
 * Ends with 1 if a mutant lives, with 2 if the tests fail without any.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { mutants } from "../test/mutants/all-mutants.ts";
import type { Harness, Mutant } from "../test/mutants/mutant.ts";

const ROOT = resolve(import.meta.dirname, "..");
const COPIED = [
  "src",
  "test",
  "scripts",
  "examples",
  "dashboard-ui",
  "docs",
  "package.json",
  "vitest.config.ts",
  "tsconfig.json",
];

/** What came of running some tests. */
type Verdict =
  | { readonly kind: "failed"; readonly test: string; readonly seconds: number }
  | { readonly kind: "passed"; readonly seconds: number }
  /** They took too long, or could not be run at all: that proves nothing. */
  | { readonly kind: "nothing"; readonly why: string; readonly seconds: number };

interface JsonReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface Outcome {
  readonly mutant: Mutant;
  readonly narrow: Verdict;
  /** `null`: it was not asked. */
  readonly wide: Verdict | null;
}

function copyTree(): string {
  const folder = mkdtempSync(join(tmpdir(), "waymark-mutants-"));
  for (const name of COPIED) {
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Changes the copy. @returns how to change it back */
function apply(folder: string, { id, patches }: Mutant): () => void {
  const files = [...new Set(patches.map(({ file }) => file))];
  const before = files.map((file) => [file, readFileSync(join(folder, file), "utf8")] as const);
  for (const { file, find, replace } of patches) {
    const pieces = readFileSync(join(folder, file), "utf8").split(find);
    if (pieces.length !== 2) throw new Error(`${id}: what it changes in ${file} occurs ${pieces.length - 1} times.`);
    writeFileSync(join(folder, file), pieces.join(replace));
  }
  const generate = (): void => {
    if (!files.some((file) => file.endsWith(".sql"))) return;
    execFileSync(process.execPath, ["--import", "tsx", "scripts/embed-migrations.ts"], { cwd: folder });
  };
  generate();
  return () => {
    for (const [file, text] of before) writeFileSync(join(folder, file), text);
    generate();
  };
}

async function runTests(folder: string, harness: Harness, seconds: number, bail = 1): Promise<Verdict> {
  const report = join(folder, "report.json");
  rmSync(report, { force: true });
  const startedAt = Date.now();
  const options = ["--project=unit", "--project=system", `--bail=${bail}`, "--reporter=json", `--outputFile=${report}`];
  const only = harness.only === undefined ? [] : ["-t", harness.only];
  const child = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", ...options, ...harness.files, ...only],
    // A group of its own, so that its workers end with it.
    { cwd: folder, detached: true, stdio: "ignore", env: { ...process.env, NO_COLOR: "1" } },
  );
  const exited = once(child, "exit");
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, seconds * 1_000);
  await exited;
  clearTimeout(timer);
  const took = (Date.now() - startedAt) / 1_000;
  if (isLate) return { kind: "nothing", why: `no test had failed after ${seconds} s`, seconds: took };
  return verdictOf(report, child.exitCode ?? -1, took);
}

function verdictOf(file: string, exitCode: number, seconds: number): Verdict {
  if (!existsSync(file)) return { kind: "nothing", why: "the tests could not be run", seconds };
  const { testResults } = JSON.parse(readFileSync(file, "utf8")) as JsonReport;
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.find(({ status }) => status === "failed");
  if (failed !== undefined) return { kind: "failed", test: failed.fullName, seconds };
  if (!tests.some(({ status }) => status === "passed")) {
    const why = testResults.find(({ message }) => message !== "")?.message ?? "no test has this name";
    return { kind: "nothing", why, seconds };
  }
  return exitCode === 0
    ? { kind: "passed", seconds }
    : { kind: "nothing", why: `no test failed, but Vitest ended with ${exitCode}`, seconds };
}

function isKilled({ narrow, wide }: Outcome): boolean {
  return narrow.kind === "failed" || wide?.kind === "failed";
}

function told(verdict: Verdict | null): string {
  if (verdict === null) return "not asked";
  const seconds = `${verdict.seconds.toFixed(0)} s`;
  if (verdict.kind === "failed") return `${verdict.test} (${seconds})`;
  return verdict.kind === "passed" ? `**lives** (${seconds})` : `**lives**: ${verdict.why} (${seconds})`;
}

function tableOf(outcomes: readonly Outcome[]): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
  const hasWide = outcomes.some(({ wide }) => wide !== null);
  const rows = outcomes.map(({ mutant, narrow, wide }) =>
    [mutant.id, mutant.bug, mutant.breaks, told(narrow), ...(hasWide ? [told(wide)] : [])].map(cell),
  );
  const head = ["", "bug", "breaks", "killed by (after)", ...(hasWide ? ["by the wider one (after)"] : [])];
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function reportOf(outcomes: readonly Outcome[]): string {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  const seconds = outcomes
    .flatMap(({ narrow }) => (narrow.kind === "failed" ? [narrow.seconds] : []))
    .sort((a, b) => a - b);
  const killed = outcomes.filter(isKilled).length;
  const median = seconds[Math.floor(seconds.length / 2)]?.toFixed(0) ?? "-";
  return `# Mutants

What the tests are worth: bugs that were put in on purpose (\`test/mutants/\`), one at a time, and which test found each. Made by
\`npm run mutants -- --report docs/verification/mutants.md\`, which ends with an error if one of them is not found. The time counts from
the start of the test run, which includes that of a PostgreSQL of its own.

Run of ${new Date().toISOString().slice(0, 10)}, commit ${git("rev-parse", "--short", "HEAD")}: ${killed} of ${outcomes.length} killed; median ${median} s, longest ${
    seconds.at(-1)?.toFixed(0) ?? "-"
  } s.

${tableOf(outcomes)}
`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      seconds: { type: "string", default: "600" },
      wide: { type: "boolean", default: false },
      "no-baseline": { type: "boolean", default: false },
      report: { type: "string" },
    },
  });
  const ids = values.only?.split(",") ?? mutants.map(({ id }) => id);
  const unknown = ids.filter((id) => !mutants.some((mutant) => mutant.id === id));
  const seconds = Number(values.seconds);
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(", ")}; there are M1 to M${mutants.length}.`);
  if (!(seconds > 0)) throw new Error(`--seconds must be a number of seconds, not "${values.seconds}".`);
  const chosen = mutants.filter(({ id }) => ids.includes(id));

  const folder = copyTree();
  try {
    if (!values["no-baseline"]) {
      const files = [...new Set(chosen.flatMap(({ narrow }) => narrow.files))];
      const verdict = await runTests(folder, { files }, 3_600, 0);
      console.log(`without a mutant: ${verdict.kind === "passed" ? "all pass" : told(verdict)}`);
      if (verdict.kind !== "passed") {
        process.exitCode = 2;
        return;
      }
    }
    const outcomes: Outcome[] = [];
    for (const mutant of chosen) {
      const undo = apply(folder, mutant);
      const narrow = await runTests(folder, mutant.narrow, seconds);
      const isOpen = values.wide || narrow.kind !== "failed";
      const wide = isOpen ? await runTests(folder, mutant.wide, seconds) : null;
      undo();
      outcomes.push({ mutant, narrow, wide });
      console.log(`${mutant.id}  ${told(narrow)}${wide === null ? "" : `; wider: ${told(wide)}`}`);
    }
    const alive = outcomes.filter((outcome) => !isKilled(outcome));
    console.log(`\n${tableOf(outcomes)}\n\n${outcomes.length - alive.length} of ${outcomes.length} killed`);
    if (values.report !== undefined) writeFileSync(resolve(ROOT, values.report), reportOf(outcomes));
    if (alive.length > 0) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
