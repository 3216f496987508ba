import { SCHEMA_VERSION } from "../postgres/migrate.ts";
import { tablesIn } from "../postgres/tables.ts";
import { withDatabase } from "./database.ts";

/** Which migrations a schema has, and which it lacks. Changes nothing. */
export async function readSchemaVersion(
  url: string,
  schema: string,
): Promise<{ readonly found: number; readonly pending: readonly number[]; readonly latest: number }> {
  const table = tablesIn(schema).schema_version.sql;
  return await withDatabase(url, async (db) => {
    const exists = await db.query<{ found: string | null }>("SELECT to_regclass($1)::text AS found", [table]);
    const rows =
      exists.rows[0]?.found == null ? [] : (await db.query<{ version: number }>(`SELECT version FROM ${table}`)).rows;
    const applied = new Set(rows.map(({ version }) => version));
    const all = Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1);
    return {
      found: Math.max(0, ...applied),
      pending: all.filter((version) => !applied.has(version)),
      latest: SCHEMA_VERSION,
    };
  });
}
