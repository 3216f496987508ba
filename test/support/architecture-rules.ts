import { posix } from "node:path";
import type { SourceFacts } from "./source-facts.ts";

export type Layer = keyof typeof MAY_IMPORT;

/** What the things that a user starts are made of. No concrete backend is among it. */
const RUNTIME = [
  "errors",
  "ids",
  "plain-record",
  "logger",
  "time",
  "codec",
  "flow",
  "snapshot",
  "store",
  "transaction",
  "observability",
  "engine",
] as const;

/** Every folder (or single file) under src, and the others that it may import. Anything not listed is forbidden. */
export const MAY_IMPORT = {
  errors: [],
  logger: ["errors"],
  ids: ["errors"],
  "plain-record": ["ids"],
  time: ["errors", "ids", "plain-record"],
  codec: ["errors", "ids"],
  transaction: [],
  flow: ["errors", "ids", "plain-record", "time", "codec", "logger", "transaction"],
  snapshot: ["errors", "ids", "time", "codec", "flow"],
  store: ["errors", "ids", "plain-record", "time", "codec", "snapshot", "transaction"],
  observability: ["errors", "ids", "snapshot", "store", "logger"],
  // Traces, by the OpenTelemetry that it is given.
  telemetry: ["errors", "ids", "plain-record", "observability"],
  engine: [
    "errors",
    "ids",
    "plain-record",
    "time",
    "codec",
    "flow",
    "snapshot",
    "store",
    "transaction",
    "observability",
    "logger",
  ],
  // When flows are started by themselves.
  schedule: ["errors", "ids", "plain-record", "time", "codec", "flow", "snapshot", "store", "engine"],
  // What is removed by itself.
  retention: ["errors", "ids", "time", "codec", "flow", "snapshot", "store", "engine"],
  memory: ["errors", "ids", "time", "codec", "snapshot", "store", "logger"],
  postgres: ["errors", "ids", "time", "codec", "snapshot", "store", "transaction", "logger"],
  adapters: ["errors", "ids", "transaction"],
  local: ["errors", "ids", "plain-record", "time"],
  runner: RUNTIME,
  worker: [...RUNTIME, "schedule", "retention"],
  client: [...RUNTIME, "schedule", "retention"],
  // The simulation puts workers, clients and the in-memory backend together.
  testing: [...RUNTIME, "memory", "worker", "client"],
  dashboard: ["client", ...RUNTIME],
  // The command line may use any public entry point.
  cli: [
    "index",
    ...RUNTIME,
    "schedule",
    "retention",
    "memory",
    "postgres",
    "local",
    "runner",
    "worker",
    "client",
    "dashboard",
  ],
  // Puts a runner and a backend together, for trying things out.
  "run-flow": [...RUNTIME, "memory", "runner"],
  // The entry point "waymark". What has an entry point of its own is not part of it.
  index: [...RUNTIME, "schedule", "retention", "memory", "runner", "worker", "client", "run-flow"],
} as const satisfies Record<string, readonly string[]>;

/** Folders that may use any builtin of Node. Everything else must run wherever JavaScript does. */
export const NODE_FOLDERS: ReadonlySet<string> = new Set(["postgres", "worker", "local", "cli", "dashboard"]);

/** Single files outside of these folders, and the builtins that each may use. */
export const NODE_FILES: Readonly<Record<string, readonly string[]>> = {
  "codec/gzip-codec.ts": ["node:zlib", "node:util"],
  "codec/encrypted-codec.ts": ["node:crypto"],
  "flow/child-id.ts": ["node:crypto"],
  "flow/definition-hash.ts": ["node:crypto"],
  "time/random.ts": ["node:crypto"],
  "engine/current-task.ts": ["node:async_hooks"],
};

/** Packages, where they may be imported, and how. */
export const PACKAGES: Readonly<Record<string, Readonly<Record<string, "static" | "dynamic">>>> = {
  // Dynamic, so that a caller who brings a pool, or no database at all, doesn't load the driver.
  postgres: { pg: "dynamic" },
  local: { pg: "dynamic" },
  schedule: { croner: "static" },
  testing: { vitest: "static" },
  cli: { commander: "static", pg: "dynamic" },
};

/** The one file of src whose types the dashboard's browser code may use: it knows nothing else of what it talks to. */
const API_TYPES = "../src/dashboard/api-types.ts";

/** Packages that the dashboard's browser code may import, and how. They are bundled. */
const BROWSER_PACKAGES: Readonly<Record<string, "static" | "dynamic">> = {
  preact: "static",
  "preact/hooks": "static",
  // Large, and needed on one page only.
  "@dagrejs/dagre": "dynamic",
};

/** Layers that get time, chance, timers and settings from outside, so that a simulation can decide them. */
export const PURE_LAYERS: ReadonlySet<string> = new Set([
  "index",
  "errors",
  "ids",
  "plain-record",
  "logger",
  "codec",
  "flow",
  "snapshot",
  "store",
  "transaction",
  "adapters",
  "observability",
  "telemetry",
  "engine",
  "schedule",
  "retention",
  "memory",
  "runner",
  "worker",
  "client",
  "testing",
]);

/** What single files of these layers may use all the same, and why. */
export const IMPURE_FILES: Readonly<Record<string, { readonly names: readonly string[]; readonly reason: string }>> = {
  "codec/encrypted-codec.ts": {
    names: ["crypto.randomBytes", "crypto.randomFillSync", "crypto.getRandomValues"],
    reason: "A nonce must not be predictable, so it must not come from a port that a test can seed.",
  },
};

/** Names under which anything ends up. A file is named for what it holds. */
const GRAB_BAGS: ReadonlySet<string> = new Set(["utils", "util", "helpers", "common", "lib", "types", "interfaces"]);

/** Limits that no file is exempt from. */
const UNDISABLABLE = /max-lines|no-explicit-any|no-cycle|no-floating-promises/;

/** The layer of a file, given by its path from src: `flow/draft.ts` → `flow`, `ids.ts` → `ids`. */
export function layerOf(file: string): string {
  const [first = ""] = file.split("/");
  return first.replace(/\.ts$/, "");
}

/** What is wrong with the imports of `file`, one line each. */
export function importProblems(file: string, facts: SourceFacts): string[] {
  const layer = layerOf(file);
  if (!Object.hasOwn(MAY_IMPORT, layer)) return [`"${layer}" is not a layer: add it to MAY_IMPORT.`];
  return facts.imports.flatMap(({ specifier, kind, line }) => {
    const problem = specifier.startsWith(".")
      ? siblingProblem(file, layer as Layer, specifier)
      : specifier.startsWith("node:")
        ? builtinProblem(file, layer, specifier)
        : packageProblem(layer, specifier, kind);
    return problem === null ? [] : [`line ${line}: ${problem}`];
  });
}

function siblingProblem(file: string, layer: Layer, specifier: string): string | null {
  const target = posix.join(posix.dirname(file), specifier);
  if (target.startsWith("..")) return `${specifier} is outside of src`;
  if (!target.endsWith(".ts")) return `${specifier} must name the file, ending in .ts`;
  const other = layerOf(target);
  if (other === layer) {
    return posix.basename(target) === "index.ts" ? `${specifier} is a barrel: import the file itself` : null;
  }
  return (MAY_IMPORT[layer] as readonly string[]).includes(other) ? null : `${layer} may not import ${other}`;
}

function builtinProblem(file: string, layer: string, specifier: string): string | null {
  if (NODE_FOLDERS.has(layer) || NODE_FILES[file]?.includes(specifier) === true) return null;
  return `${file} may not import ${specifier}`;
}

function packageProblem(layer: string, specifier: string, kind: "static" | "dynamic" | "type"): string | null {
  const allowed = PACKAGES[layer]?.[specifier];
  if (allowed === undefined) return `${layer} may not import the package ${specifier}`;
  return allowed === "dynamic" && kind === "static" ? `${specifier} may only be loaded by import()` : null;
}

/** What is wrong with the imports of a file of dashboard-ui, given by its path from there, one line each. */
export function browserImportProblems(file: string, facts: SourceFacts): string[] {
  return facts.imports.flatMap(({ specifier, kind, line }) => {
    const problem = specifier.startsWith(".")
      ? browserSiblingProblem(posix.join(posix.dirname(file), specifier), kind)
      : browserPackageProblem(specifier, kind);
    return problem === null ? [] : [`line ${line}: ${problem}`];
  });
}

function browserSiblingProblem(target: string, kind: "static" | "dynamic" | "type"): string | null {
  if (!target.startsWith("..")) return /\.(tsx?|css)$/.test(target) ? null : `${target} must name the file`;
  if (target !== API_TYPES) return `${target} is outside of dashboard-ui`;
  return kind === "type" ? null : `${API_TYPES} is for types only`;
}

function browserPackageProblem(specifier: string, kind: "static" | "dynamic" | "type"): string | null {
  const allowed = BROWSER_PACKAGES[specifier];
  if (allowed === undefined) return `the package ${specifier} is not for browsers here`;
  return allowed === "dynamic" && kind === "static" ? `${specifier} may only be loaded by import()` : null;
}

/** Uses of clocks, chance, timers and environment that `file` must get from outside, one line each. */
export function purityProblems(file: string, facts: SourceFacts): string[] {
  if (!PURE_LAYERS.has(layerOf(file))) return [];
  const allowed = IMPURE_FILES[file]?.names ?? [];
  return facts.impure
    .filter(({ name }) => !allowed.includes(name))
    .map(({ name, line }) => `line ${line}: ${name} must come in through a port (see src/time)`);
}

/** What is wrong with the name of `file`. `entryPoints` are the barrels that package.json exports. */
export function nameProblems(file: string, facts: SourceFacts, entryPoints: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  const stem = posix.basename(file, ".ts");
  if (GRAB_BAGS.has(stem)) problems.push(`${stem} says nothing: name the file for what it holds`);
  for (const folder of posix.dirname(file).split("/")) {
    if (GRAB_BAGS.has(folder)) problems.push(`folder ${folder} says nothing`);
  }
  if (file.split("/").length > 3) problems.push("is more than three levels deep");
  if (stem === "index" && !entryPoints.has(file)) problems.push("is a barrel that no entry of package.json exports");
  if (entryPoints.has(file) && !facts.isBarrel) problems.push("is an entry point and may hold nothing but re-exports");
  if (!entryPoints.has(file) && facts.isBarrel) problems.push("only re-exports, but is no entry point");
  return problems;
}

/** Comments that switch off a check: those without a reason, and those that nobody may switch off. */
export function suppressionProblems(facts: SourceFacts): string[] {
  return facts.comments.flatMap(({ text, line }) => {
    const comment = text.trim();
    if (/^@ts-(ignore|nocheck)/.test(comment)) return [`line ${line}: use @ts-expect-error with a reason`];
    if (!/^(oxlint|eslint)-disable/.test(comment)) return [];
    if (UNDISABLABLE.test(comment)) return [`line ${line}: this rule has no exemptions`];
    return / -- \S/.test(comment) ? [] : [`line ${line}: add the reason: "-- because …"`];
  });
}
