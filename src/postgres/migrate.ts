import { BackendError, SchemaVersionError } from "../errors/backend-errors.ts";
import type { Database, Session } from "./database.ts";
import { type EmbeddedMigration, embeddedMigrations } from "./migrations/embedded.ts";
import {
  createSchema,
  createVersionTable,
  findApplied,
  findServerFacts,
  findVersionTable,
  insertApplied,
  limitLockWaits,
  lockMigrations,
} from "./queries/schema-version.ts";
import type { Tables } from "./tables.ts";

/** The migration that this version of the library needs. */
export const SCHEMA_VERSION: number = embeddedMigrations.at(-1)?.version ?? 0;
const OLDEST_SERVER = 130_000;

/**
 * Brings a schema up to date. Any number of processes may do so at once: one works, the others wait. Each
 * migration is a transaction of its own, so one that is killed leaves nothing half done.
 *
 * Does not need the right to change the schema if there is nothing to do.
 *
 * @returns the versions that were applied
 * @throws {SchemaVersionError} the schema is newer than this version of the library can work with
 */
export async function migrateSchema(db: Database, tables: Tables): Promise<readonly number[]> {
  const current = await findVersion(db, tables);
  if (current.pending.length === 0) return [];
  const applied: number[] = [];
  for (const migration of current.pending) {
    if (await applyMigration(db, tables, migration)) applied.push(migration.version);
  }
  return applied;
}

/**
 * Makes sure that a schema fits this version of the library, without changing anything.
 *
 * @throws {SchemaVersionError} it is too old, or newer than this version can work with
 */
export async function checkSchema(db: Database, tables: Tables): Promise<void> {
  const { pending, found } = await findVersion(db, tables);
  if (pending.length > 0) throw new SchemaVersionError("SCHEMA_TOO_OLD", tables.schemaName, found, SCHEMA_VERSION);
}

/**
 * Refuses a server that Waymark can't work on.
 *
 * @throws {BackendError} the server is too old, or its encoding is not UTF8
 */
export async function checkServer(db: Database): Promise<void> {
  const [facts] = await db.run("find-server-facts", findServerFacts());
  const refuse = (problem: string): never => {
    throw new BackendError("BACKEND_BUG", { queryName: "find-server-facts", problem });
  };
  if (facts === undefined) return refuse("The server says nothing about itself");
  if (facts.version < OLDEST_SERVER)
    refuse(`The server's version is ${facts.version}; Waymark needs PostgreSQL 13 or newer`);
  if (facts.encoding !== "UTF8")
    refuse(`The database's encoding is ${facts.encoding}; create one with ENCODING 'UTF8'`);
  if (facts.standard_strings !== "on") refuse("standard_conforming_strings is off; turn it on for this database");
}

async function findVersion(session: Session, tables: Tables): Promise<{ found: number; pending: EmbeddedMigration[] }> {
  const [table] = await session.run("find-version-table", findVersionTable(tables));
  const applied = table?.exists === true ? await session.run("find-applied", findApplied(tables)) : [];
  const found = Math.max(0, ...applied.map((row) => row.version));
  if (applied.some((row) => row.version > SCHEMA_VERSION && row.breaking)) {
    throw new SchemaVersionError("SCHEMA_TOO_NEW", tables.schemaName, found, SCHEMA_VERSION);
  }
  const versions = new Set(applied.map((row) => row.version));
  return { found, pending: embeddedMigrations.filter((migration) => !versions.has(migration.version)) };
}

/** @returns whether it was applied here; `false` if another process was faster */
async function applyMigration(db: Database, tables: Tables, migration: EmbeddedMigration): Promise<boolean> {
  return await db.transaction(`migration-${migration.version}`, async (tx) => {
    await tx.run("lock-migrations", lockMigrations(tables));
    await tx.run("limit-lock-waits", limitLockWaits());
    const { pending } = await findVersion(tx, tables);
    if (!pending.includes(migration)) return false;
    if (migration.version === 1) {
      await tx.run("create-schema", createSchema(tables));
      await tx.run("create-version-table", createVersionTable(tables));
    }
    await tx.run(`migration-${migration.version}`, { text: textFor(migration, tables), values: [] });
    const { version, name, sha256, breaking } = migration;
    await tx.run("insert-applied", insertApplied(tables, { version, name, sha256, breaking: breaking !== null }));
    return true;
  });
}

/** The schema's name has been checked, and is quoted. */
function textFor(migration: EmbeddedMigration, tables: Tables): string {
  return migration.sql.replaceAll(":schema", tables.schema.sql);
}
