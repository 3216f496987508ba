import { CommandError, EXIT } from "./failure.ts";

/** A connection on which statements run, one after the other. */
export interface Connection {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the statement says what its rows are, and only its writer knows
  query<Row>(text: string, values?: readonly unknown[]): Promise<{ readonly rows: Row[] }>;
}

const CONNECT_MS = 5_000;

/** A plain connection, for what the library has no call for. Closed after `work`. @throws {CommandError} it can't be reached, or lets nobody in */
export async function withDatabase<T>(url: string, work: (db: Connection) => Promise<T>): Promise<T> {
  const { Client } = (await import("pg")).default;
  let db: InstanceType<typeof Client>;
  try {
    db = new Client({ connectionString: url, application_name: "waymark cli", connectionTimeoutMillis: CONNECT_MS });
    // One that breaks later is told of by the statement that meets it.
    db.on("error", () => undefined);
    await db.connect();
  } catch (error) {
    throw new CommandError(`The database can't be reached: ${reasonOf(error)}.`, EXIT.unreachable);
  }
  try {
    const query = (async (text: string, values: readonly unknown[] = []) => ({
      rows: (await db.query(text, [...values])).rows as unknown[],
    })) as Connection["query"];
    return await work({ query });
  } finally {
    await db.end().catch(() => undefined);
  }
}

/** What the driver or the server says, which has no password in it. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return [message, code].filter((text) => text !== undefined && text !== "").join(", ") || "no reason was given";
}
