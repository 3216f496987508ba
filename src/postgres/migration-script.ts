import { embeddedMigrations } from "./migrations/embedded.ts";
import { createSchema, createVersionTable } from "./queries/schema-version.ts";
import { tablesIn } from "./tables.ts";

/**
 * All migrations behind a version, as SQL that somebody with the rights can run: each in a transaction of its own, with the entry that says that it
 * was applied. What it makes is what `PostgresBackend.connect` makes.
 *
 * @param after - the version that is there; 0 for none
 * @throws {InvalidArgumentError} `schema` can be no name of a schema
 */
export function migrationScript(schema: string, after: number = 0): string {
  const tables = tablesIn(schema);
  const steps = embeddedMigrations
    .filter(({ version }) => version > after)
    .map(({ version, name, sha256, breaking, sql }) => {
      const first =
        version === 1 ? [`${createSchema(tables).text.trim()};`, `${createVersionTable(tables).text.trim()};`] : [];
      const entry = `INSERT INTO ${tables.schema_version.sql} (version, name, sha256, breaking)\nVALUES (${version}, '${name}', '${sha256}', ${breaking !== null});`;
      const text = sql.replaceAll(":schema", tables.schema.sql).trim();
      return [`-- Migration ${version}: ${name}`, "BEGIN;", ...first, text, entry, "COMMIT;"].join("\n\n");
    });
  return steps.length === 0 ? "-- There is nothing to do.\n" : `${steps.join("\n\n")}\n`;
}
