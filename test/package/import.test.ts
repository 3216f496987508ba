import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { lendPackage } from "./global-setup.ts";

const { subpaths, consumer, consumerWithoutDriver } = inject("package");

/** What a program prints that runs in an installed project, in plain Node, without any loader. */
function run(project: string, file: string, code: string): string {
  writeFileSync(join(project, file), code);
  const args = ["--no-warnings", file];
  return execFileSync(process.execPath, args, {
    cwd: project,
    encoding: "utf8",
    stdio: "pipe",
    timeout: 20_000,
  }).trim();
}

// An optional peer dependency; who imports waymark/testing/conformance has it.
beforeAll(() => lendPackage(consumer, "vitest"));

describe.each(subpaths)("%s", (subpath) => {
  test("can be imported", () => {
    const code = `import * as it from ${JSON.stringify(subpath)}; console.log(typeof it);`;
    expect(run(consumer, "import.mjs", code)).toBe("object");
  });

  test("can be required", () => {
    const code = `const it = require(${JSON.stringify(subpath)}); console.log(typeof it);`;
    expect(run(consumer, "require.cjs", code)).toBe("object");
  });

  test("leaves the process free to end, and prints nothing", () => {
    expect(run(consumer, "silent.mjs", `import ${JSON.stringify(subpath)};`)).toBe("");
  });
});

describe("without the driver", () => {
  test.each(subpaths.filter((subpath) => subpath !== "waymark/testing/conformance"))(
    "%s can be imported",
    (subpath) => {
      const code = `import * as it from ${JSON.stringify(subpath)}; console.log(typeof it);`;
      expect(run(consumerWithoutDriver, "import.mjs", code)).toBe("object");
    },
  );

  test("the driver is really missing", () => {
    const code = 'import("pg").then(() => console.log("here"), (error) => console.log(error.code));';
    expect(run(consumerWithoutDriver, "driver.mjs", code)).toBe("ERR_MODULE_NOT_FOUND");
  });
});

test("package.json can be read, and nothing else inside can be reached", () => {
  const code = `
    console.log(require("waymark/package.json").name);
    try { require("waymark/dist/index.js"); } catch (error) { console.log(error.code); }`;
  expect(run(consumer, "inside.cjs", code).split("\n")).toEqual(["waymark", "ERR_PACKAGE_PATH_NOT_EXPORTED"]);
});
