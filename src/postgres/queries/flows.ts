import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Counts ready positions of a definition, in all of its lanes. Index: positions_ready. */
export function countReady(
  t: Tables,
  p: { readonly definitionHash: string; readonly atMost: number },
): Query<{ readonly ready: number }> {
  return sql`
    SELECT count(*)::int AS ready
    FROM (
      SELECT
      FROM ${t.lanes} AS l
      CROSS JOIN LATERAL (
        SELECT FROM ${t.positions} AS q
        WHERE q.lane = l.lane AND q.order_key IS NOT NULL
        LIMIT (SELECT ${p.atMost}::int)
      ) AS r
      WHERE l.definition_hash = ${p.definitionHash}::text
      LIMIT ${p.atMost}::int
    ) AS found
  `;
}

export function pauseFlow(
  t: Tables,
  p: {
    readonly flow: string;
    readonly reason: string | null;
    readonly requestedBy: string | null;
    readonly now: Date | null;
  },
): Query<{ readonly flow: string }> {
  return sql`
    INSERT INTO ${t.paused_flows} (flow, reason, requested_by, paused_at)
    VALUES (${p.flow}::text, ${p.reason}::text, ${p.requestedBy}::text, coalesce(${p.now}::timestamptz, clock_timestamp()))
    ON CONFLICT (flow) DO NOTHING
    RETURNING flow
  `;
}

export function unpauseFlow(t: Tables, flow: string): Query<{ readonly flow: string }> {
  return sql`DELETE FROM ${t.paused_flows} WHERE flow = ${flow}::text RETURNING flow`;
}

export function listPausedFlows(t: Tables): Query<{
  readonly flow: string;
  readonly reason: string | null;
  readonly requested_by: string | null;
  readonly paused_ms: number;
}> {
  return sql`
    SELECT f.flow, f.reason, f.requested_by, extract(epoch FROM f.paused_at)::float8 * 1000 AS paused_ms
    FROM ${t.paused_flows} AS f
    ORDER BY f.flow
  `;
}

/** The lanes of flows that are paused, as an array. Nearly always none is: then it looks no further. */
export function pausedLanes(t: Tables): Query<never> {
  return sql`CASE WHEN EXISTS (SELECT FROM ${t.paused_flows})
                  THEN ARRAY(SELECT g.lane FROM ${t.paused_flows} AS f JOIN ${t.lanes} AS g ON g.flow = f.flow)
                  ELSE '{}' END`;
}

/** Whether nothing of the flow with this name is to be taken. Index: paused_flows_pkey. */
export function isPausedFlow(t: Tables, flow: Query<never>): Query<never> {
  return sql`EXISTS (SELECT FROM ${t.paused_flows} AS f WHERE f.flow = ${flow})`;
}
