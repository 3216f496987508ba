import { SCHEMA_VERSION } from "../postgres/migrate.ts";
import { tablesIn } from "../postgres/tables.ts";
import { systemClock } from "../time/clock.ts";
import { type Connection, withDatabase } from "./database.ts";
import { CommandError } from "./failure.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import { examineWork } from "./work-examination.ts";

const OLDEST_SERVER = 130_000;
const LONG_MINUTES = 5;
const FEWEST_CONNECTIONS = 20;

/** Looks at everything that can be looked at from outside, and says what it means. */
export async function examine(url: string, schema: string): Promise<readonly Finding[]> {
  try {
    return await withDatabase(url, async (db) => {
      const findings = [
        ok("connection", "the database answers"),
        await server(db),
        ...(await settings(db)),
        await clock(db),
      ];
      const found = await schemaOf(db, schema);
      findings.push(found.finding, ...(await sessions(db)));
      // Without tables there is nothing more to look at.
      if (found.isUsable) findings.push(await rights(db, schema), ...(await examineWork(db, schema)));
      return findings;
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const remedy =
      "Check host, port, user and password of the address, and that the server runs and lets this machine in (pg_hba.conf).";
    return [problem("connection", error.message, remedy)];
  }
}

async function server(db: Connection): Promise<Finding> {
  const { rows } = await db.query<{ version: number; name: string }>(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name",
  );
  const { version = 0, name = "" } = rows[0] ?? {};
  if (version < OLDEST_SERVER)
    return problem("server", `PostgreSQL ${name} is too old`, "Waymark needs PostgreSQL 13 or newer.");
  return ok("server", `PostgreSQL ${name}`);
}

async function settings(db: Connection): Promise<readonly Finding[]> {
  const { rows } = await db.query<{ name: string; setting: string }>(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'max_connections')",
  );
  const value = (name: string): string => rows.find((row) => row.name === name)?.setting ?? "";
  const findings: Finding[] = [];
  for (const name of ["fsync", "full_page_writes"])
    if (value(name) === "off")
      findings.push(
        problem(
          "durability",
          `${name} is off: a crash of the machine can lose or damage everything`,
          `Set ${name} = on in postgresql.conf, and reload.`,
        ),
      );
  if (value("synchronous_commit") === "off")
    findings.push(
      warning(
        "durability",
        "synchronous_commit is off: a crash of the server loses what was acknowledged in the last moments",
        "ALTER DATABASE … SET synchronous_commit = on, unless you have decided so.",
      ),
    );
  if (findings.length === 0) findings.push(ok("durability", "what is acknowledged is on disk"));
  const most = Number(value("max_connections"));
  findings.push(
    most < FEWEST_CONNECTIONS
      ? warning(
          "connections",
          `max_connections is ${most}; a worker takes up to twelve`,
          "Raise max_connections, or give each backend a smaller poolSize.",
        )
      : ok("connections", `max_connections is ${most}`),
  );
  return findings;
}

async function clock(db: Connection): Promise<Finding> {
  const before = systemClock.now();
  const { rows } = await db.query<{ ms: number }>("SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms");
  const skewMs = (rows[0]?.ms ?? before) - (before + systemClock.now()) / 2;
  if (Math.abs(skewMs) < 2_000)
    return ok("clock", `the server's clock is ${Math.round(Math.abs(skewMs))} ms away from this machine's`);
  return warning(
    "clock",
    `the server's clock is ${Math.round(skewMs / 1_000)} s away from this machine's`,
    "Leases and timers go by the server's clock alone; synchronize both (NTP), or times in logs won't match.",
  );
}

async function schemaOf(
  db: Connection,
  schema: string,
): Promise<{ readonly finding: Finding; readonly isUsable: boolean }> {
  const table = tablesIn(schema).schema_version.sql;
  const { rows } = await db.query<{ found: string | null }>("SELECT to_regclass($1)::text AS found", [table]);
  if (rows[0]?.found == null) {
    const finding = problem(
      "schema",
      `there is no schema ${schema}`,
      "Run waymark migrate, or check --schema and the database's name.",
    );
    return { finding, isUsable: false };
  }
  const applied = await db.query<{ version: number }>(`SELECT max(version) AS version FROM ${table}`).catch(() => null);
  if (applied === null) {
    const finding = problem(
      "schema",
      `this role may not read schema ${schema}`,
      `GRANT USAGE ON SCHEMA ${schema}, and the rights on its tables, to the role.`,
    );
    return { finding, isUsable: false };
  }
  const version = applied.rows[0]?.version ?? 0;
  if (version < SCHEMA_VERSION)
    return {
      finding: problem("schema", `version ${version} is older than ${SCHEMA_VERSION}`, "Run waymark migrate."),
      isUsable: false,
    };
  if (version > SCHEMA_VERSION)
    return {
      finding: warning(
        "schema",
        `version ${version} is newer than this program's ${SCHEMA_VERSION}`,
        "Update waymark here, too.",
      ),
      isUsable: true,
    };
  return { finding: ok("schema", `${schema} is up to date`), isUsable: true };
}

async function rights(db: Connection, schema: string): Promise<Finding> {
  const { rows } = await db.query<{ lacking: string }>(
    `SELECT c.relname || ' (' || r.privilege || ')' AS lacking
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (privilege)
     WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relname <> 'schema_version' AND NOT has_table_privilege(c.oid, r.privilege)
     ORDER BY 1 LIMIT 5`,
    [schema],
  );
  if (rows.length === 0) return ok("rights", "this role may read and write all tables");
  const lacking = rows.map((row) => row.lacking).join(", ");
  return problem(
    "rights",
    `this role lacks rights: ${lacking}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} to the role.`,
  );
}

async function sessions(db: Connection): Promise<readonly Finding[]> {
  const { rows } = await db.query<{ pid: number; minutes: number; state: string | null; name: string }>(
    `SELECT pid, floor(extract(epoch FROM clock_timestamp() - xact_start) / 60)::int AS minutes, state, application_name AS name
     FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - $1 * interval '1 minute'
     ORDER BY xact_start LIMIT 5`,
    [LONG_MINUTES],
  );
  if (rows.length === 0) return [ok("transactions", "none is open for long")];
  return rows.map(({ pid, minutes, state, name }) =>
    warning(
      "transactions",
      `one is open for ${minutes} min (${state ?? "unknown"}, "${name}", pid ${pid}): dead rows can't be removed meanwhile, and claims get slower`,
      `End it: SELECT pg_terminate_backend(${pid}). Set idle_in_transaction_session_timeout.`,
    ),
  );
}
