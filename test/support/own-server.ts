import { Pool } from "pg";
import { startLocalPostgres } from "../../src/local/index.ts";

/** A PostgreSQL of a test's own. */
export interface OwnServer {
  readonly url: string;
  readonly pool: Pool;
  /** Where the next byte of WAL goes, counted in bytes. */
  walBytes(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * For what can only be measured of a whole server, such as WAL: nobody else writes to it, nor does the server by itself.
 * From the same programs as the shared one.
 */
export async function startOwnServer(): Promise<OwnServer> {
  const binaries = process.env["WAYMARK_TEST_BINARIES"];
  const server = await startLocalPostgres({
    persistent: false,
    settings: {
      fsync: "off",
      autovacuum: "off",
      full_page_writes: "off",
      checkpoint_timeout: "1h",
      max_wal_size: "4GB",
    },
    ...(binaries === undefined ? {} : { binaries }),
  });
  const pool = new Pool({ connectionString: server.url, max: 2 });
  pool.on("error", () => undefined);
  return {
    url: server.url,
    pool,
    walBytes: async () => {
      const text = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes";
      return (await pool.query<{ bytes: number }>(text)).rows[0]?.bytes ?? Number.NaN;
    },
    stop: async () => {
      await pool.end();
      await server.stop({ mode: "immediate" });
    },
  };
}
