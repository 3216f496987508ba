import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface AppliedRow {
  readonly version: number;
  readonly breaking: boolean;
}

/** Whether the schema's bookkeeping exists. Needs no rights on it. */
export function findVersionTable(t: Tables): Query<{ exists: boolean }> {
  return sql`
    SELECT EXISTS (
      SELECT FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = ${t.schemaName}::text AND c.relname = 'schema_version'
    ) AS exists
  `;
}

/** Reads which migrations have been applied. */
export function findApplied(t: Tables): Query<AppliedRow> {
  return sql`SELECT v.version, v.breaking FROM ${t.schema_version} AS v ORDER BY v.version`;
}

/**
 * Waits until no other process migrates this schema, and keeps them out until the transaction ends.
 * CREATE … IF NOT EXISTS is not safe against itself; this is.
 */
export function lockMigrations(t: Tables): Query<never> {
  return sql`SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(${`waymark.migrate.${t.schemaName}`}::text, 0))`;
}

/** A migration that waits for a table's lock holds up everybody behind it: rather give up and try again. */
export function limitLockWaits(): Query<never> {
  return sql`SELECT pg_catalog.set_config('lock_timeout', '5s', true)`;
}

export function createSchema(t: Tables): Query<never> {
  return sql`CREATE SCHEMA IF NOT EXISTS ${t.schema}`;
}

export function createVersionTable(t: Tables): Query<never> {
  return sql`
    CREATE TABLE IF NOT EXISTS ${t.schema_version} (
      version    integer     PRIMARY KEY,
      name       text        NOT NULL,
      sha256     text        NOT NULL,
      breaking   boolean     NOT NULL DEFAULT false,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
  `;
}

export function insertApplied(
  t: Tables,
  p: { readonly version: number; readonly name: string; readonly sha256: string; readonly breaking: boolean },
): Query<never> {
  return sql`
    INSERT INTO ${t.schema_version} (version, name, sha256, breaking)
    VALUES (${p.version}::int, ${p.name}::text, ${p.sha256}::text, ${p.breaking}::boolean)
  `;
}

/** What the server says about itself, as far as Waymark depends on it. */
export function findServerFacts(): Query<{ version: number; encoding: string; standard_strings: string }> {
  return sql`
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('server_encoding') AS encoding,
           current_setting('standard_conforming_strings') AS standard_strings
  `;
}
