import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const PREAMBLE = `
import { branch, flow, LoopResult, task } from "waymark";
const length = task("length", (text: string) => text.length);
const double = task("double", (n: number) => n * 2);
const child = flow<{ cents: number }>("child").then("pay", ({ cents }) => cents).build();
export `;

/** What people write by mistake, an expression each. */
const MISTAKES: Readonly<Record<string, string>> = {
  "a task that accepts something else": `const wrong = flow<number>("f").then(length);`,
  "a misspelt option": `const wrong = flow<number>("f").then("a", (n) => n, { retires: 3 });`,
  "a built flow that accepts something else": `const wrong = flow<string>("f").thenFlow(child);`,
  "a map over what is no list": `const wrong = flow<string>("f").map("all", length);`,
  "a map whose body accepts other items": `const wrong = flow<string>("f").map("all", (text) => [...text], double);`,
  "a map whose body has no id": `const wrong = flow<string>("f").map("all", (text) => [...text], (one: string) => one);`,
  "an unknown handling of failed items": `const wrong = flow<string[]>("f").map("all", length, { onFailure: "skip" });`,
  "the output of a branch that there isn't": `const wrong = flow<string>("f").fork([branch("a", length)]).join("j", (all) => all.b);`,
  "a join task that accepts something else": `const wrong = flow<string>("f").fork([branch("a", length)]).join(double);`,
  "a branch that accepts something else": `const wrong = flow<string>("f").fork([branch("a", double)]);`,
  "a fork that is not joined": `const wrong = flow<string>("f").fork([branch("a", length)]).build();`,
  "a race whose winner is not looked at": `const wrong = flow<string>("f").race("r", [branch("a", length), branch("b", (b) => b.delay("d", 1))]).then(double);`,
  "a loop that returns no LoopResult": `const wrong = flow<number>("f").loop("l", (n) => n + 1);`,
  "a loop whose next iteration gets something else": `const wrong = flow<number>("f").loop("l", (n) => LoopResult.again(String(n)));`,
  "a loop over a flow without an end": `const wrong = flow<number>("f").loop("l", flow<number>("r").then(double).build());`,
  "a loop over a flow that hands on something else": `const wrong = flow<{ cents: number }>("f").loop("l", child, { until: () => true });`,
  "a wait that leads into a branch without a time limit": `const wrong = flow<string>("f").waitForEvent("w", "e", { onTimeout: (b) => b.then(length) });`,
  "a time limit's branch that hands on something else than was said": `const wrong = flow<string>("f").waitForEvent<number>("w", "e", { timeout: 5, onTimeout: (b) => b.then("t", (s) => s) });`,
  "a misspelt option of a wait": `const wrong = flow<string>("f").waitForEvent("w", "e", { timeuot: 5 });`,
  "a wait for several events that doesn't say how many": `const wrong = flow<string>("f").waitForEvents("w", "e", { timeout: 5 });`,
  "a payload that is not looked at before it is used": `const wrong = flow<string>("f").waitForAny<{ a: number; b: string }>("w", ["a", "b"]).then("t", (first) => first.payload * 2);`,
  "a next run with another input": `const wrong = flow<{ n: number }>("f").then("a", ({ n }) => n).continueAsNew("again", (n) => ({ m: n }));`,
  "a step after the run has ended": `const wrong = flow<number>("f").continueAsNew("again", (n) => n).then(double);`,
  "a delay until what is no time": `const wrong = flow<string>("f").delayUntil("d", () => "5m");`,
  "a task that may be skipped, used as if it could not": `const wrong = flow<number>("f").then("a", (n) => n, { onFailure: "skip" }).then(double);`,
  "a fallback that accepts something else": `const wrong = flow<number>("f").then("a", (n) => n, { onFailure: { fallback: length } });`,
};

let messages: ReadonlyMap<string, string>;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-compiler-messages-"));
  try {
    const names = Object.keys(MISTAKES);
    const files: string[] = [];
    for (const [index, code] of Object.values(MISTAKES).entries()) {
      const file = join(folder, `mistake-${index}.mts`);
      await writeFile(file, `${PREAMBLE}${code}\n`);
      files.push(file);
    }
    const compilerOptions = {
      typeRoots: [join(root, "node_modules/@types")],
      paths: { waymark: [join(root, "src/index.ts")] },
      rootDir: "/",
      isolatedDeclarations: false,
      declaration: false,
    };
    const project = join(folder, "tsconfig.json");
    await writeFile(
      project,
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, files, include: [] }),
    );
    messages = new Map((await errorsOf(project)).map(([index, message]) => [names[index] ?? "", message] as const));
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The compiler's first error of each file, by the file's number. */
async function errorsOf(project: string): Promise<[number, string][]> {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const output = await promisify(execFile)(process.execPath, [tsc, "-p", project, "--pretty", "false"]).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error as { stdout: string }).stdout,
  );
  const errors = new Map<number, string>();
  for (const part of output.split(/^(?=\S)/m)) {
    const [, index, message] = /mistake-(\d+)\.mts\(\d+,\d+\): error (.*)$/s.exec(part) ?? [];
    if (index !== undefined && message !== undefined && !errors.has(Number(index)))
      errors.set(Number(index), message.trim());
  }
  return [...errors];
}

test("the compiler refuses every mistake", () => {
  expect([...messages.keys()].sort()).toEqual(Object.keys(MISTAKES).sort());
});

// For reviews: a message that a newcomer would not understand is a fault of our types.
test("the compiler's messages are these", async () => {
  const report = Object.entries(MISTAKES).map(
    ([name, code]) => `${name}\n\n  ${code}\n\n${messages.get(name) ?? "none"}\n`,
  );
  await expect(report.join("\n\n")).toMatchFileSnapshot("types/compiler-messages.txt");
});
