import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import {
  browserImportProblems,
  IMPURE_FILES,
  importProblems,
  MAY_IMPORT,
  NODE_FILES,
  nameProblems,
  purityProblems,
  suppressionProblems,
} from "./support/architecture-rules.ts";
import { readSource, type SourceFacts } from "./support/source-facts.ts";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));
const ENTRY_POINTS = entryPoints(packageJson.exports);
// Unit tests stand beside their subject and may use whatever helps them.
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .sort();
const SOURCES = FILES.map((file) => ({ file, facts: readSource(file, readFileSync(SRC + file, "utf8")) }));

describe("src", () => {
  test.each(SOURCES)("$file keeps to its layer", ({ file, facts }) => {
    expect({
      imports: importProblems(file, facts),
      // Time, chance, timers and settings come from outside.
      purity: purityProblems(file, facts),
      name: nameProblems(file, facts, ENTRY_POINTS),
    }).toEqual({ imports: [], purity: [], name: [] });
  });

  test("uses no any", () => {
    expect(SOURCES.flatMap(({ file, facts }) => facts.anyLines.map((line) => `${file}:${line}`))).toEqual([]);
  });

  test("gives a reason wherever a check is switched off", () => {
    expect(SOURCES.flatMap(({ file, facts }) => suppressionProblems(facts).map((it) => `${file} ${it}`))).toEqual([]);
  });

  test("has every entry point that package.json exports", () => {
    expect([...ENTRY_POINTS].filter((file) => !FILES.includes(file))).toEqual([]);
  });
});

describe("dashboard-ui", () => {
  const UI = fileURLToPath(new URL("../dashboard-ui/", import.meta.url));
  const files = readdirSync(UI, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file) && !/\.(test|config)\.ts$/.test(file))
    .map((file) => ({ file, facts: readSource(file, readFileSync(UI + file, "utf8")) }));

  test("knows of the engine nothing but the types of the API", () => {
    expect(
      files.flatMap(({ file, facts }) => browserImportProblems(file, facts).map((problem) => `${file} ${problem}`)),
    ).toEqual([]);
  });

  test("uses no any, and gives a reason wherever a check is switched off", () => {
    expect(files.flatMap(({ file, facts }) => facts.anyLines.map((line) => `${file}:${line}`))).toEqual([]);
    expect(files.flatMap(({ file, facts }) => suppressionProblems(facts).map((it) => `${file} ${it}`))).toEqual([]);
  });

  test("makes no markup out of texts", () => {
    const markup =
      /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/;
    expect(files.map(({ file }) => file).filter((file) => markup.test(readFileSync(UI + file, "utf8")))).toEqual([]);
  });
});

describe("the tables", () => {
  test("name only layers that are in them", () => {
    expect(
      Object.values(MAY_IMPORT)
        .flat()
        .filter((layer) => !Object.hasOwn(MAY_IMPORT, layer)),
    ).toEqual([]);
  });

  test("contain no circle", () => {
    const seen = new Set<string>();
    const visit = (layer: string, path: readonly string[]): void => {
      if (path.includes(layer)) throw new Error([...path, layer].join(" → "));
      if (seen.has(layer)) return;
      for (const other of MAY_IMPORT[layer as keyof typeof MAY_IMPORT]) visit(other, [...path, layer]);
      seen.add(layer);
    };
    for (const layer of Object.keys(MAY_IMPORT)) visit(layer, []);
    expect(seen.size).toBe(Object.keys(MAY_IMPORT).length);
  });

  test("list no exception that is not used", () => {
    const unused = SOURCES.flatMap(({ file, facts }) => {
      const builtins = (NODE_FILES[file] ?? []).filter((name) => !facts.imports.some((it) => it.specifier === name));
      const isPure = IMPURE_FILES[file] !== undefined && facts.impure.length === 0;
      return [...builtins.map((name) => `${file}: ${name}`), ...(isPure ? [`${file}: IMPURE_FILES`] : [])];
    });
    expect(unused).toEqual([]);
  });
});

// The checks above pass on a clean tree, which proves nothing about them. These show that they can fail.
describe("importProblems", () => {
  test.each([
    ["flow/draft.ts", 'import { run } from "../engine/run.ts";', "flow may not import engine"],
    ["flow/draft.ts", 'export { run } from "../engine/run.ts";', "flow may not import engine"],
    ["flow/draft.ts", 'export * from "../engine/run.ts";', "flow may not import engine"],
    ["flow/draft.ts", 'import type { Run } from "../engine/run.ts";', "flow may not import engine"],
    ["flow/draft.ts", 'type Run = import("../engine/run.ts").Run;', "flow may not import engine"],
    ["flow/draft.ts", 'const run = await import("../engine/run.ts");', "flow may not import engine"],
    ["flow/draft.ts", 'import "../index.ts";', "flow may not import index"],
    ["flow/draft.ts", 'import { x } from "./node";', "must name the file"],
    ["flow/draft.ts", 'import { x } from "./index.ts";', "is a barrel"],
    ["flow/draft.ts", 'import { x } from "../../test/x.ts";', "outside of src"],
    ["flow/draft.ts", 'import { createHash } from "node:crypto";', "may not import node:crypto"],
    ["flow/definition-hash.ts", 'import { readFile } from "node:fs";', "may not import node:fs"],
    ["flow/draft.ts", 'import { flow } from "waymark";', "may not import the package waymark"],
    ["flow/draft.ts", 'import fs from "fs";', "may not import the package fs"],
    ["memory/memory-backend.ts", 'import { run } from "../engine/run.ts";', "memory may not import engine"],
    ["worker/worker.ts", 'import { M } from "../memory/memory-backend.ts";', "worker may not import memory"],
    ["index.ts", 'export * from "./postgres/postgres-backend.ts";', "index may not import postgres"],
    ["postgres/pool.ts", 'import { Pool } from "pg";', "may only be loaded by import()"],
    ["postgres/pool.ts", 'export { Pool } from "pg";', "may only be loaded by import()"],
    ["client/client.ts", 'const pg = await import("pg");', "may not import the package pg"],
    ["helpers/x.ts", 'import { x } from "./y.ts";', '"helpers" is not a layer'],
  ])("of %s refuses %s", (file, source, problem) => {
    expect(importProblems(file, readSource("sample.ts", source)).join()).toContain(problem);
  });

  test.each([
    ["flow/draft.ts", 'import { x } from "./node.ts"; import { y } from "../ids.ts"; // from "../engine/run.ts"'],
    ["flow/draft.ts", "const text = 'import { x } from \"../engine/run.ts\"';"],
    ["flow/definition-hash.ts", 'import { createHash } from "node:crypto";'],
    ["postgres/pool.ts", 'const { Pool } = await import("pg");'],
    ["local/admin.ts", 'import type { Client } from "pg";'],
    ["testing/suite.ts", 'import { test } from "vitest";'],
    ["worker/worker.ts", 'import { hostname } from "node:os";'],
  ])("of %s accepts %s", (file, source) => {
    expect(importProblems(file, readSource("sample.ts", source))).toEqual([]);
  });
});

describe("purityProblems", () => {
  test.each([
    "const now = Date.now();",
    "const now = Date['now']();",
    "const { now } = { now: Date.now };",
    "const now = new Date();",
    "const now = Date();",
    "const x = Math.random();",
    "setTimeout(() => undefined, 5);",
    "const later = setInterval;",
    "globalThis.setImmediate(run);",
    "const port = { setTimeout };",
    "const t = performance.now();",
    "const t = process.hrtime.bigint();",
    "const url = process.env.DATABASE_URL;",
    "const url = process.env['DATABASE_URL'];",
    "const url = globalThis.process.env;",
    "const id = crypto.randomUUID();",
    "const id = globalThis.crypto.randomUUID();",
    "crypto.getRandomValues(bytes);",
    'import { randomUUID } from "node:crypto";',
    "const signal = AbortSignal.timeout(5);",
  ])("refuses %s", (source) => {
    expect(purityProblems("engine/execute.ts", readSource("sample.ts", source))).toHaveLength(1);
  });

  test.each([
    "const at = new Date(0);",
    "interface Timers { setTimeout(delayMs: number): void }",
    "const timers = { setTimeout: port.after };",
    "timers.setTimeout(5);",
    "const now = clock.now(); // not Date.now()",
    "const text = 'Date.now()';",
    "type Environment = typeof process.env;",
  ])("accepts %s", (source) => {
    expect(purityProblems("engine/execute.ts", readSource("sample.ts", source))).toEqual([]);
  });

  test("leaves the ports themselves alone", () => {
    expect(purityProblems("time/clock.ts", readSource("sample.ts", "Date.now();"))).toEqual([]);
  });
});

describe("nameProblems", () => {
  const entries = new Set(["index.ts", "store/index.ts"]);
  const facts = (source: string): SourceFacts => readSource("sample.ts", source);

  test.each([
    ["flow/utils.ts", "export const x = 1;", "says nothing"],
    ["engine/types.ts", "export interface X { y: 1 }", "says nothing"],
    ["common/clock.ts", "export const x = 1;", "says nothing"],
    ["a/b/c/d.ts", "export const x = 1;", "three levels"],
    ["errors/index.ts", 'export * from "./a.ts";', "no entry of package.json"],
    ["store/index.ts", "export const x = 1;", "nothing but re-exports"],
    ["flow/flow.ts", 'export * from "./a.ts";', "only re-exports"],
  ])("refuses %s holding %s", (file, source, problem) => {
    expect(nameProblems(file, facts(source), entries).join()).toContain(problem);
  });

  test("accepts an entry point that re-exports", () => {
    expect(nameProblems("store/index.ts", facts('export type * from "./a.ts";'), entries)).toEqual([]);
  });
});

describe("suppressionProblems", () => {
  test.each([
    ["// @ts-ignore", "use @ts-expect-error"],
    ["// oxlint-disable-next-line no-console", "add the reason"],
    ["/* eslint-disable max-lines -- long */", "no exemptions"],
  ])("refuses %s", (comment, problem) => {
    expect(suppressionProblems(readSource("sample.ts", `${comment}\nexport {};`)).join()).toContain(problem);
  });

  test("accepts a rule that is switched off with a reason", () => {
    const source = "// oxlint-disable-next-line no-control-regex -- they are what is looked for\nexport {};";
    expect(suppressionProblems(readSource("sample.ts", source))).toEqual([]);
  });
});

test("readSource finds any wherever it stands, and only there", () => {
  const source = 'let a: any;\nlet b = 1 as any;\nfunction c(d: any[]): void {}\nlet any = "any";';
  expect(readSource("sample.ts", source).anyLines).toEqual([1, 2, 3]);
});

/** `./dist/store/index.js` of the exports map → `store/index.ts`. */
function entryPoints(exportsMap: Readonly<Record<string, string>>): ReadonlySet<string> {
  return new Set(
    Object.values(exportsMap)
      .filter((target) => target.startsWith("./dist/"))
      .map((target) => target.replace("./dist/", "").replace(/\.js$/, ".ts")),
  );
}

describe("browserImportProblems", () => {
  test.each([
    ["src/main.tsx", 'import { Client } from "../../src/client/client.ts";', "outside of dashboard-ui"],
    ["src/main.tsx", 'import { x } from "../../src/dashboard/api-types.ts";', "for types only"],
    ["src/main.tsx", 'import { readFile } from "node:fs";', "not for browsers"],
    ["src/main.tsx", 'import { Graph } from "@dagrejs/dagre";', "may only be loaded by import()"],
    ["src/main.tsx", 'import { x } from "./place";', "must name the file"],
  ])("of %s refuses %s", (file, source, problem) => {
    expect(browserImportProblems(file, readSource("sample.tsx", source)).join()).toContain(problem);
  });

  test("accepts types of the API, style sheets, and what is loaded when it is needed", () => {
    const source = `
      import type { InstanceDto } from "../../src/dashboard/api-types.ts";
      import "./styles/index.css";
      import { render } from "preact";
      const { layout } = await import("@dagrejs/dagre");`;
    expect(browserImportProblems("src/main.tsx", readSource("sample.tsx", source))).toEqual([]);
  });
});
