import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { lendPackage } from "./global-setup.ts";

const { subpaths, consumer } = inject("package");
const TSC = join(import.meta.dirname, "../../node_modules/.bin/tsc");

const RESOLUTIONS = [
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler" },
] as const;

/** What the compiler says about a file that imports `imported`. */
function compile(name: string, imported: readonly string[], options: object): string {
  const lines = imported.map((subpath, index) => `export * as it${index} from ${JSON.stringify(subpath)};`);
  writeFileSync(join(consumer, `${name}.ts`), lines.join("\n"));
  const compilerOptions = {
    target: "es2023",
    lib: ["es2023"],
    types: ["node"],
    strict: true,
    noEmit: true,
    ...options,
  };
  writeFileSync(join(consumer, `${name}.json`), JSON.stringify({ compilerOptions, files: [`${name}.ts`] }));
  return spawnSync(TSC, ["-p", `${name}.json`, "--pretty", "false"], { cwd: consumer, encoding: "utf8" }).stdout;
}

beforeAll(() => {
  for (const name of ["@types/node", "undici-types", "vitest"]) lendPackage(consumer, name);
});

describe.each(RESOLUTIONS)("with moduleResolution $moduleResolution", (resolution) => {
  test("the types of every entry point resolve", () => {
    expect(compile("all", subpaths, { ...resolution, skipLibCheck: true })).toBe("");
  });

  test("the declarations are sound by themselves, without types of the driver", () => {
    // Vitest's own declarations are not checked here.
    const own = subpaths.filter((subpath) => subpath !== "waymark/testing/conformance");
    const strictest = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
    expect(compile("own", own, { ...resolution, ...strictest, skipLibCheck: false })).toBe("");
  });
});
