import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { embeddedSource, parseMigration, readMigrations } from "../../scripts/embed-migrations.ts";

const folders: string[] = [];

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "waymark-migrations-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe("parseMigration", () => {
  test("reads version, name, marks and checksum", () => {
    const sql = "--! breaking: old workers write the dropped column\n--! no-transaction\n-- What and why.\nSELECT 1;\n";
    expect(parseMigration("0012-drop-column.sql", sql)).toEqual({
      version: 12,
      name: "drop-column",
      transactional: false,
      breaking: "old workers write the dropped column",
      sha256: createHash("sha256").update(sql).digest("hex"),
      sql,
    });
  });

  test("takes a migration without marks as transactional and not breaking", () => {
    expect(parseMigration("0001-create-tables.sql", "SELECT 1;")).toMatchObject({
      transactional: true,
      breaking: null,
    });
  });

  test.each([
    ["1-create-tables.sql", "SELECT 1;", "NNNN-verb-object"],
    ["0001_create_tables.sql", "SELECT 1;", "NNNN-verb-object"],
    ["0001-create-tables.sql", "--! no-transactions\nSELECT 1;", "neither"],
    ["0001-create-tables.sql", "--! breaking:\nSELECT 1;", "neither"],
    ["0001-create-tables.sql", "SELECT 1;\n--! no-transaction\n", "above the first statement"],
    ["0001-create-tables.sql", "SELECT 1;\r\n", "carriage returns"],
    ["0001-create-tables.sql", "-- nothing yet\n", "no statement"],
  ])("refuses %s holding %j", (file, sql, problem) => {
    expect(() => parseMigration(file, sql)).toThrow(problem);
  });
});

describe("readMigrations", () => {
  test("gives them in order and leaves other files alone", () => {
    const folder = folderWith({
      "0002-add-index.sql": "SELECT 2;",
      "0001-create-tables.sql": "SELECT 1;",
      "embedded.ts": "",
    });
    expect(readMigrations(folder).map(({ version }) => version)).toEqual([1, 2]);
  });

  test("refuses a gap and a number that is given twice", () => {
    expect(() =>
      readMigrations(folderWith({ "0001-create-a.sql": "SELECT 1;", "0003-create-b.sql": "SELECT 1;" })),
    ).toThrow("the next one is 2");
    expect(() =>
      readMigrations(folderWith({ "0001-create-a.sql": "SELECT 1;", "0001-create-b.sql": "SELECT 1;" })),
    ).toThrow("the next one is 2");
  });
});

test("embeddedSource is a module that holds the text unchanged", async () => {
  // oxlint-disable-next-line no-template-curly-in-string -- it must come out as it went in
  const sql = "SELECT '`', '\\', '\\n', '${x}', '$1', E'\\\\';\n";
  const file = join(folderWith({}), "embedded.ts");
  writeFileSync(file, embeddedSource([parseMigration("0001-create-tables.sql", sql)]));
  const module = (await import(file)) as { embeddedMigrations: readonly { sql: string }[] };
  expect(module.embeddedMigrations[0]?.sql).toBe(sql);
});
