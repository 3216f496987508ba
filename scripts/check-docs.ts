/**
 * Type-checks every block of TypeScript in README.md, docs/ and the docstrings of src against the sources, and runs
 * those marked `run`, which must end with exit code 0 within 20 seconds.
 *
 *   tsx scripts/check-docs.ts
 *
 * See scripts/doc-blocks.ts for the marks that a block may bear.
 */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { blocksOfMarkdown, blocksOfSource, chainBefore, type DocBlock, moduleOf } from "./doc-blocks.ts";

const ROOT = join(import.meta.dirname, "..");
// Inside the project, so that the blocks find its node_modules; ignored by git.
const FOLDER = join(ROOT, "tmp/docs");
const RUN_LIMIT_MS = 20_000;
const BIN = join(ROOT, "node_modules/.bin");

interface Module {
  readonly block: DocBlock;
  /** Name of the file in FOLDER. */
  readonly name: string;
}

function readBlocks(): DocBlock[] {
  const markdown = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", ...filesUnder("docs", ".md")];
  const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
  return [
    ...markdown.filter((file) => existsSync(join(ROOT, file))).flatMap((file) => blocksOfMarkdown(file, read(file))),
    ...filesUnder("src", ".ts").flatMap((file) => blocksOfSource(file, read(file))),
  ];
}

function filesUnder(folder: string, extension: string): string[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(extension) && !name.endsWith(".test.ts"))
    .sort()
    .map((name) => `${folder}/${name}`);
}

function writeModules(blocks: readonly DocBlock[]): Module[] {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const config = { extends: relative(FOLDER, join(ROOT, "tsconfig.json")), include: ["*.ts"] };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(config));
  return blocks.flatMap((block, index) => {
    if (block.mode === "skip") return [];
    const name = `${block.file.replaceAll(/[^\w-]+/g, "_")}_${block.line}.ts`;
    writeFileSync(join(FOLDER, name), moduleOf(block, chainBefore(blocks, index)));
    return [{ block, name }];
  });
}

/** What the compiler says, with the names of the documents in place of the modules'. */
function typeErrors(modules: readonly Module[]): string[] {
  const tsc = spawnSync(join(BIN, "tsc"), ["-p", FOLDER, "--pretty", "false"], { cwd: ROOT, encoding: "utf8" });
  if (tsc.error !== undefined) throw tsc.error;
  const fileOf = new Map(modules.map(({ name, block }) => [name, block.file]));
  return tsc.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^tmp\/docs\/(\S+\.ts)/, (whole, name: string) => fileOf.get(name) ?? whole));
}

/** How a block ended, if it did not end well. */
function run({ block, name }: Module): Promise<string | null> {
  const args = ["--tsconfig", join(FOLDER, "tsconfig.json"), join(FOLDER, name)];
  return new Promise((resolve) => {
    execFile(join(BIN, "tsx"), args, { cwd: ROOT, timeout: RUN_LIMIT_MS, killSignal: "SIGKILL" }, (error, out, err) => {
      const how = error?.killed === true ? `did not end within ${RUN_LIMIT_MS} ms` : "failed";
      resolve(error === null ? null : `${block.file}:${block.line}: the block ${how}.\n${out}${err}`);
    });
  });
}

async function main(): Promise<void> {
  const blocks = readBlocks();
  const modules = writeModules(blocks);
  const problems = typeErrors(modules);
  const runnable = modules.filter(({ block }) => block.mode === "run");
  if (problems.length === 0) {
    // One after the other: each may start a database, and the machine is shared with other checks.
    for (const module of runnable) {
      const problem = await run(module);
      if (problem !== null) problems.push(problem);
    }
  }
  const skipped = blocks.filter(({ mode }) => mode === "skip");
  for (const { file, line, reason } of skipped) console.log(`skipped ${file}:${line}: ${reason ?? ""}`);
  for (const problem of problems) console.error(problem);
  console.log(`${modules.length} blocks checked, ${runnable.length} of them to run, ${skipped.length} skipped.`);
  if (problems.length > 0) process.exitCode = 1;
}

await main();
