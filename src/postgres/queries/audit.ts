import type { ActionOutcome, NewAction } from "../../store/audit-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Records an action, and forgets the oldest ones that have been kept long enough. Index: audit_pkey. */
export function recordAction(
  t: Tables,
  p: NewAction & { readonly keptForMs: number; readonly forgotten: number; readonly now: Date | null },
): Query<{ readonly sequence: bigint }> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now),
    oldest AS MATERIALIZED (
      SELECT a.sequence, a.at FROM ${t.audit} AS a ORDER BY a.sequence LIMIT ${p.forgotten}::int
      FOR UPDATE SKIP LOCKED
    ),
    forgotten AS (
      DELETE FROM ${t.audit} AS a USING oldest AS o, clock
      WHERE a.sequence = o.sequence AND o.at < clock.now - ${p.keptForMs}::bigint * interval '1 millisecond'
    )
    INSERT INTO ${t.audit} (at, actor, action, target, detail)
    SELECT clock.now, ${p.actor}::text, ${p.action}::text, ${p.target}::text, ${p.detail}::text FROM clock
    RETURNING sequence
  `;
}

/** Records how an action ended. Index: audit_pkey. */
export function settleAction(
  t: Tables,
  p: { readonly sequence: bigint; readonly outcome: ActionOutcome; readonly code: string | null },
): Query<never> {
  return sql`
    UPDATE ${t.audit} SET outcome = ${p.outcome}::text, code = ${p.code}::text WHERE sequence = ${p.sequence}::bigint
  `;
}

export interface ActionRow {
  readonly sequence: bigint;
  readonly at_ms: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly detail: string | null;
  readonly outcome: ActionOutcome;
  readonly code: string | null;
}

/** Pages through actions, the last one first. Index: audit_pkey, of one target audit_target. */
export function listActions(
  t: Tables,
  p: { readonly target: string | null; readonly before: bigint | null; readonly limit: number },
): Query<ActionRow> {
  return sql`
    SELECT a.sequence, extract(epoch FROM a.at)::float8 * 1000 AS at_ms, a.actor, a.action, a.target, a.detail, a.outcome, a.code
    FROM ${t.audit} AS a
    WHERE a.sequence < coalesce(${p.before}::bigint, 9223372036854775807)
      ${p.target === null ? sql`` : sql`AND a.target = ${p.target}::text`}
    ORDER BY a.sequence DESC
    LIMIT ${p.limit}::int
  `;
}
