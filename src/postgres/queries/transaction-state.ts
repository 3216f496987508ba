import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface TransactionStateRow {
  readonly xid: string;
  readonly pid: number;
}

export interface SessionStateRow extends TransactionStateRow {
  readonly session: string;
}

const XID = sql<never>`pg_catalog.pg_current_xact_id()::text AS xid, pg_catalog.pg_backend_pid() AS pid`;

/**
 * What outlasts a transaction: settings that decide what statements mean, role, temporary tables, channels, advisory locks, cursors.
 * Two equal answers mean that the next user of the session finds it as the one before did.
 */
const SESSION = sql<never>`
           pg_catalog.concat_ws(
             '|', session_user, current_user,
             pg_catalog.current_setting('search_path'), pg_catalog.current_setting('timezone'),
             pg_catalog.current_setting('datestyle'), pg_catalog.current_setting('intervalstyle'),
             pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('client_encoding'),
             pg_catalog.current_setting('standard_conforming_strings'),
             pg_catalog.current_setting('statement_timeout'), pg_catalog.current_setting('lock_timeout'),
             pg_catalog.current_setting('default_transaction_isolation'),
             pg_catalog.current_setting('default_transaction_read_only'),
             pg_catalog.current_setting('synchronous_commit'), pg_catalog.current_setting('row_security'),
             pg_catalog.current_setting('session_replication_role'),
             pg_catalog.pg_my_temp_schema(),
             (SELECT pg_catalog.count(*) FROM pg_catalog.pg_listening_channels()),
             (SELECT pg_catalog.count(*) FROM pg_catalog.pg_cursors AS c WHERE c.is_holdable),
             (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks AS l
              WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid())
           ) AS session`;

/** A session that is cut off from its client must not hold a task's locks for ever: after this time, the server ends it. */
function idleLimit(idleMs: number | null): Query<never> {
  return sql`
           CASE WHEN ${idleMs}::int IS NOT NULL
                THEN pg_catalog.set_config('idle_in_transaction_session_timeout', ${idleMs}::int::text, true) END AS idle`;
}

/** Which transaction this is. Gives it its number, by which it can be told from any other one later. */
export function beginState(idleMs: number | null): Query<TransactionStateRow> {
  return sql`SELECT ${XID}, ${idleLimit(idleMs)}`;
}

/**
 * The same on a session of ours, and what that is like. For the rest of the transaction the planner chooses as the server is set up
 * to: our own sessions have it set otherwise (docs/adr/0010).
 */
export function beginSessionState(idleMs: number | null): Query<SessionStateRow> {
  return sql`
    SELECT ${XID}, ${idleLimit(idleMs)}, ${SESSION},
           pg_catalog.set_config('enable_seqscan', NULL, true) AS seqscan, pg_catalog.set_config('jit', NULL, true) AS jit
  `;
}

/** Which transaction this is now. */
export function currentState(): Query<TransactionStateRow> {
  return sql`SELECT ${XID}`;
}

export function currentSessionState(): Query<SessionStateRow> {
  return sql`SELECT ${XID}, ${SESSION}`;
}

/** Fails outside of a transaction. */
export function lockSchemaVersion(t: Tables): Query<never> {
  return sql`LOCK TABLE ${t.schema_version} IN ACCESS SHARE MODE`;
}

/** Which database this is, as far as it can be told from inside. */
export function databaseIdentity(t: Tables): Query<{ identity: string }> {
  return sql`
    SELECT pg_catalog.concat_ws('|', pg_catalog.current_database(), ${t.positions.sql}::text::regclass::oid::text,
                                extract(epoch FROM v.applied_at)::text) AS identity
    FROM ${t.schema_version} AS v
    WHERE v.version = 1
  `;
}

/** Stops what a transaction is doing just now, if it is still that one that its session is in. */
export function cancelStatement(p: { readonly pid: number; readonly xid: string }): Query<{ cancelled: boolean }> {
  return sql`
    SELECT pg_catalog.pg_cancel_backend(a.pid) AS cancelled
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.pid = ${p.pid}::int AND a.backend_xid = ${p.xid}::text::xid8::xid
  `;
}
