import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { type LocalPostgresOptions, resolveOptions } from "./options.ts";

describe("resolveOptions", () => {
  test("fills in defaults", () => {
    expect(resolveOptions({})).toMatchObject({
      directory: resolve(".waymark/postgres"),
      port: null,
      database: "waymark",
      reuse: true,
      settings: {},
      binaries: null,
    });
  });

  test("takes an option that is undefined for one that is not given", () => {
    expect(resolveOptions({ port: undefined } as unknown as LocalPostgresOptions).port).toBeNull();
  });

  test("has no directory for a temporary server", () => {
    expect(resolveOptions({ persistent: false }).directory).toBeNull();
  });

  const invalid: [field: string, options: unknown][] = [
    ["options", null],
    ["options", []],
    ["options", new Map([["port", 5432]])],
    ["options.prot", { prot: 5432 }],
    ["options.directory", { directory: "" }],
    ["options.directory", { directory: "a\0b" }],
    ["options.directory", { directory: "here", persistent: false }],
    ["options.port", { port: 0 }],
    ["options.port", { port: 80 }],
    ["options.port", { port: 65_536 }],
    ["options.port", { port: 5432.5 }],
    ["options.port", { port: "5432" }],
    ["options.database", { database: "" }],
    ["options.database", { database: "x".repeat(64) }],
    ["options.database", { database: "a\0b" }],
    ["options.database", { database: 7 }],
    ["options.database", { database: "a/b" }],
    ["options.reuse", { reuse: "yes" }],
    ["options.persistent", { persistent: 1 }],
    ["options.settings", { settings: ["fsync=off"] }],
    ["options.settings", { settings: { fsync: false } }],
    ["options.settings", { settings: new Map([["fsync", "off"]]) }],
    ["options.settings", { settings: { "fsync=off -c x": "1" } }],
    ["options.settings", { settings: { fsync: "o\0ff" } }],
    ["options.settings", { settings: { Listen_Addresses: "*" } }],
    ["options.settings", { settings: { port: "5432" } }],
    ["options.binaries", { binaries: 15 }],
    ["options.log", { log: "stdout" }],
  ];

  test.each(invalid)("refuses %s in %j", (field, options) => {
    expect(() => resolveOptions(options as LocalPostgresOptions)).toThrow(
      expect.toSatisfy((error: unknown) => error instanceof InvalidArgumentError && error.field === field),
    );
  });
});
