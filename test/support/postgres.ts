import { Pool } from "pg";
import { afterAll, inject } from "vitest";
import type { Codec } from "../../src/codec/codec.ts";
import { PostgresBackend, type PostgresBackendOptions } from "../../src/postgres/index.ts";
import { createDatabase, dropDatabase, urlOf } from "./databases.ts";

let made = 0;

/** With WAYMARK_TEST_NOTIFY=off, everything must hold without hints from other processes. */
const NOTIFY = process.env["WAYMARK_TEST_NOTIFY"] === "off" ? { notify: false } : {};

/** Whether hints of other processes arrive: not without NOTIFY, nor through a pooler. */
export const HEARS_OTHERS: boolean = NOTIFY.notify !== false && process.env["WAYMARK_TEST_POOLER"] !== "1";

/** A database of a test file's own, cloned from the migrated template. Dropped when the file is done. */
export interface TestDatabase {
  /** For backends: through the pooler, if there is one. */
  readonly url: string;
  /** Never through a pooler: for what needs a session of its own, a role, or the server's word on when a session ended. */
  readonly directUrl: string;
  /** For looking at what is stored, and for sessions that misbehave. Direct, too. */
  readonly pool: Pool;
  /** A backend on this database; closed when the file is done. */
  connect<C extends Codec>(options?: PostgresBackendOptions<C>): Promise<PostgresBackend<C>>;
  /** Removes all rows of all tables of a schema. */
  truncate(schema?: string): Promise<void>;
}

/** @param empty - without Waymark's schema */
export async function createTestDatabase(empty: boolean = false): Promise<TestDatabase> {
  const serverUrl = inject("serverUrl");
  const name = `waymark_test_${process.pid}_${++made}`;
  await createDatabase(serverUrl, name, empty ? undefined : inject("templateDatabase"));
  const url = urlOf(inject("poolerUrl") ?? serverUrl, name);
  const directUrl = urlOf(serverUrl, name);
  const pool = new Pool({ connectionString: directUrl, max: 20 });
  pool.on("error", () => undefined);
  const backends: { close(): Promise<void> }[] = [];
  afterAll(async () => {
    for (const backend of backends) await backend.close();
    await pool.end();
    await dropDatabase(serverUrl, name);
  });
  return {
    url,
    directUrl,
    pool,
    connect: async (options = {}) => {
      const backend = await PostgresBackend.connect(url, { ...NOTIFY, ...options });
      backends.push(backend);
      return backend;
    },
    truncate: async (schema = "waymark") => {
      const { rows } = await pool.query<{ name: string }>(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1 AND tablename NOT IN ('schema_version', 'lanes')",
        [schema],
      );
      await pool.query(`TRUNCATE ${rows.map((row) => row.name).join(", ")} RESTART IDENTITY`);
    },
  };
}
