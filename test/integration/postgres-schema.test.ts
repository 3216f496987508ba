import { describe, expect, test } from "vitest";
import { createTestDatabase } from "../support/postgres.ts";
import { dumpSchema } from "../support/schema-dump.ts";

const database = await createTestDatabase();

/** Tables that hold no instance's rows. Every other one is partitionable by instance_id. */
const NOT_BY_INSTANCE = [
  "audit",
  "definitions",
  "lanes",
  "limit_keys",
  "limits",
  "paused_flows",
  "retention",
  "schedule_requests",
  "schedules",
  "schema_version",
  "start_keys",
  "workers",
];

describe("the schema", () => {
  test("is the one that is committed", async () => {
    // Update with: npx vitest run test/integration/postgres-schema.test.ts -u
    await expect(await dumpSchema(database.pool, "waymark")).toMatchFileSnapshot("../compat/schema.txt");
  });

  test("lets every table of an instance's rows be partitioned by instance_id", async () => {
    const { rows } = await database.pool.query<{ table: string; key: string; first: string }>(
      `SELECT c.relname AS table, i.indexrelid::regclass::text AS key, a.attname AS first
       FROM pg_index AS i
       JOIN pg_class AS c ON c.oid = i.indrelid
       JOIN pg_namespace AS n ON n.oid = c.relnamespace
       JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
       WHERE n.nspname = 'waymark' AND i.indisunique`,
    );
    const tables = [...new Set(rows.map((row) => row.table))].sort();
    const offenders = rows.filter((row) => row.first !== "instance_id" && !NOT_BY_INSTANCE.includes(row.table));

    expect(offenders).toEqual([]);
    expect(tables).toEqual([
      "audit",
      "checkpoints",
      "closings",
      "definitions",
      "endings",
      "event_keys",
      "events",
      "instances",
      "lanes",
      "limit_keys",
      "limits",
      "mailboxes",
      "paused_flows",
      "positions",
      "retention",
      "schedule_requests",
      "schedules",
      "schema_version",
      "signals",
      "start_keys",
      "workers",
    ]);
  });

  test("compares ids by code point, whatever the database's locale", async () => {
    const { rows } = await database.pool.query<{ column: string }>(
      `SELECT c.relname || '.' || a.attname AS column
       FROM pg_attribute AS a
       JOIN pg_class AS c ON c.oid = a.attrelid
       JOIN pg_namespace AS n ON n.oid = c.relnamespace
       LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
       WHERE n.nspname = 'waymark' AND c.relkind = 'r' AND a.attnum > 0
         AND a.attname IN ('instance_id', 'task_id', 'path', 'name', 'dedup_key', 'worker_id')
         AND c.relname <> 'schema_version' AND l.collname <> 'C'`,
    );

    expect(rows).toEqual([]);
  });

  test("needs no extension beyond what every server has", async () => {
    const { rows } = await database.pool.query("SELECT extname FROM pg_extension");
    expect(rows).toEqual([{ extname: "plpgsql" }]);
  });
});
