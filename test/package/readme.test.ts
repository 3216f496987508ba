import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { blocksOfMarkdown } from "../../scripts/doc-blocks.ts";

const { consumer } = inject("package");
const ROOT = join(import.meta.dirname, "../..");

test("the first example of README.md runs as it stands in a project that has just installed the package", () => {
  const blocks = blocksOfMarkdown("README.md", readFileSync(join(ROOT, "README.md"), "utf8"));
  const example = blocks.find(({ mode }) => mode === "run");
  expect(example, "a block marked `ts run`").toBeDefined();
  writeFileSync(join(consumer, "example.ts"), example?.code ?? "");

  const options = { cwd: consumer, encoding: "utf8", timeout: 20_000 } as const;
  const { status, stderr } = spawnSync(join(ROOT, "node_modules/.bin/tsx"), ["example.ts"], options);

  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
