import { startLocalPostgres } from "waymark/local";
import { PostgresBackend } from "waymark/postgres";

/** A schema of its own: nothing else in the database is touched, and one DROP SCHEMA removes it all. */
export const SCHEMA = "order_fulfilment";

export interface Storage {
  readonly backend: PostgresBackend;
  /** What to type to look at it. */
  readonly psql: string;
  /** What to type to stop the server, if it is one that was started here. */
  readonly stopServer: string | null;
}

/** The database at DATABASE_URL, or else a PostgreSQL that is started for the working directory. */
export async function openStorage(say: (line: string) => void): Promise<Storage> {
  const startedAt = performance.now();
  const took = (): string => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
  const given = process.env["DATABASE_URL"];
  if (given !== undefined && given !== "") {
    const backend = await PostgresBackend.connect(given, { schema: SCHEMA });
    say(`Database: PostgreSQL at DATABASE_URL, schema "${SCHEMA}" (${took()}).`);
    // The URL may hold a password, so it is not repeated.
    return { backend, psql: 'psql "$DATABASE_URL"', stopServer: null };
  }
  const server = await startLocalPostgres();
  const backend = await PostgresBackend.connect(server.url, { schema: SCHEMA });
  const how = server.reused ? "found running" : "started";
  say(`Database: PostgreSQL ${server.version} in .waymark/postgres, ${how} in ${took()}; DATABASE_URL is not set.`);
  return { backend, psql: `psql "${server.url}"`, stopServer: `kill -INT ${server.pid}` };
}
