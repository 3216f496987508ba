import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, inject, test } from "vitest";

const { files, packedBytes, consumer, subpaths } = inject("package");
const installed = join(consumer, "node_modules/waymark");

const ALLOWED = [
  /^docs\/.+\.md$/,
  /^docs\/grafana\/waymark\.json$/,
  /^(README\.md|LICENSE|CHANGELOG\.md|package\.json)$/,
  /^dist\/[\w/-]+(\.suite)?\.(js|js\.map|d\.ts|d\.ts\.map)$/,
  // What browsers load of the dashboard.
  /^dist\/dashboard\/static\/(index\.html|favicon\.svg|assets\/[\w.-]+\.(js|css))$/,
  // For source maps and for "go to definition".
  /^src\/[\w/-]+(\.suite)?\.ts$/,
  /^src\/postgres\/migrations\/\d{4}-[\w-]+\.sql$/,
];
// Sources, maps, documents and the conformance suites are half of it.
const PACKED_LIMIT_BYTES = 2_500_000;

describe("the tarball", () => {
  test("holds nothing but what it is meant to hold", () => {
    expect(files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(files.filter((file) => file.includes(".test."))).toEqual([]);
  });

  test("holds the documents", () => {
    expect(files).toEqual(expect.arrayContaining(["README.md", "LICENSE", "CHANGELOG.md", "package.json"]));
  });

  test("holds code, types and maps of every entry point", () => {
    for (const subpath of subpaths) {
      const stem = `dist/${subpath.replace(/^waymark\/?/, "")}/index`.replace("//", "/");
      expect(files).toEqual(
        expect.arrayContaining([`${stem}.js`, `${stem}.d.ts`, `${stem}.js.map`, `${stem}.d.ts.map`]),
      );
    }
  });

  test(`is smaller than ${PACKED_LIMIT_BYTES / 1_000} kB`, () => {
    expect(packedBytes).toBeLessThan(PACKED_LIMIT_BYTES);
  });

  test("has the sources that its maps point to", () => {
    const maps = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".map"),
    );
    const missing = maps.filter((file) => {
      const map = join(installed, "dist", file);
      const { sources } = JSON.parse(readFileSync(map, "utf8")) as { sources: string[] };
      return !sources.every((source) => existsSync(join(dirname(map), source)));
    });
    expect(maps).not.toEqual([]);
    expect(missing).toEqual([]);
  });

  test("runs no script when it is installed", () => {
    const { scripts = {} } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { scripts?: object };
    const hooks = ["preinstall", "install", "postinstall", "prepare"];
    expect(hooks.filter((hook) => Object.hasOwn(scripts, hook))).toEqual([]);
  });
});
