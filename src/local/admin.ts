import type pg from "pg";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { codeOf } from "./error-code.ts";
import { HOST } from "./ports.ts";

export const SUPERUSER = "postgres";
const PATIENCE_MS = 5_000;
/** invalid_authorization_specification and invalid_password. */
const LOGIN_REFUSED = /^28/;
const DUPLICATE_DATABASE = "42P04";

/** How to get into a server as its superuser. */
export interface Login {
  readonly port: number;
  readonly password: string;
}

/** What a server says when it is asked who it is. */
export type Greeting =
  | { readonly state: "ready"; readonly version: string; readonly data: string }
  /** Nobody answers, or it is still starting, or already stopping. */
  | { readonly state: "not_ready"; readonly cause?: unknown }
  /** It doesn't take the password. */
  | { readonly state: "refused"; readonly cause: unknown };

/** Connects once and asks for version and data directory. */
export async function greet(login: Login): Promise<Greeting> {
  const driver = await loadDriver();
  try {
    return await withClient(driver, login, async (client) => {
      const { rows } = await client.query<{ version: string; data: string }>(
        "SELECT current_setting('server_version') AS version, current_setting('data_directory') AS data",
      );
      const { version = "", data = "" } = rows[0] ?? {};
      // Linux distributions add their own name: "15.19 (Debian 15.19-0+deb12u1)".
      return { state: "ready", version: version.split(" ")[0] ?? version, data };
    });
  } catch (cause) {
    return { state: LOGIN_REFUSED.test(codeOf(cause)) ? "refused" : "not_ready", cause };
  }
}

/**
 * Makes the database unless it is there.
 *
 * @throws {LocalPostgresError} `start`: the server does not let it be made
 */
export async function ensureDatabase(login: Login, database: string): Promise<void> {
  const driver = await loadDriver();
  try {
    await withClient(driver, login, async (client) => {
      const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [database]);
      // From template0, because template1 can't be copied while somebody is connected to it.
      const statement = `CREATE DATABASE ${client.escapeIdentifier(database)} TEMPLATE template0`;
      if (rowCount === 0) await client.query(statement);
    });
  } catch (cause) {
    if (codeOf(cause) === DUPLICATE_DATABASE) return;
    throw new LocalPostgresError(
      "start",
      `The database "${database}" could not be made: ${(cause as Error).message}.`,
      {
        cause,
      },
    );
  }
}

/** Not encodeURIComponent: the driver reads the path with decodeURI, which leaves `%26` and the like as they are. */
export function urlOf(login: Login, database: string): string {
  return `postgresql://${SUPERUSER}:${login.password}@${HOST}:${login.port}/${encodeURI(database)}`;
}

/** Only when it is needed, so that importing this module does not load it. */
async function loadDriver(): Promise<typeof pg> {
  return (await import("pg")).default;
}

async function withClient<T>(driver: typeof pg, login: Login, body: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new driver.Client({
    ...login,
    host: HOST,
    user: SUPERUSER,
    database: "postgres",
    // Given, because the driver would otherwise take them from PGSSLMODE and PGOPTIONS, which are meant for other servers.
    ssl: false,
    options: "-c client_min_messages=warning",
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: 60_000,
  });
  // A connection that is cut emits this as well as failing the query; without a listener it would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await body(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
