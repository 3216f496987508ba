import type { InstanceStatus } from "../../snapshot/snapshot.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface CountRow {
  readonly flow: string;
  readonly definition_hash: string;
  readonly status: InstanceStatus;
  readonly count: number;
  readonly capped: boolean;
}

/**
 * Counts instances. Where there are more than `most`, those that have ended are counted among the `most` that were made last,
 * and the live ones by their positions: so its cost does not grow with what has ended.
 * Index: instances_created; then positions_pkey and instances_pkey.
 */
export function countInstances(t: Tables, p: { readonly flow: string | null; readonly most: number }): Query<CountRow> {
  return sql`
    WITH newest AS MATERIALIZED (
      SELECT i.flow, i.definition_hash, i.status
      FROM ${t.instances} AS i
      ORDER BY i.created_at DESC, i.instance_id DESC
      LIMIT ${p.most}::int + 1
    ),
    size AS MATERIALIZED (SELECT count(*) > ${p.most}::int AS capped FROM newest),
    counted AS (
      SELECT n.flow, n.definition_hash, n.status
      FROM newest AS n
      WHERE NOT (SELECT s.capped FROM size AS s) OR n.status IN ('completed', 'failed', 'cancelled')
      UNION ALL
      SELECT i.flow, i.definition_hash, i.status
      FROM (SELECT DISTINCT p.instance_id FROM ${t.positions} AS p WHERE (SELECT s.capped FROM size AS s)) AS live
      JOIN ${t.instances} AS i ON i.instance_id = live.instance_id
    )
    SELECT c.flow, c.definition_hash, c.status, count(*)::int AS count, (SELECT s.capped FROM size AS s) AS capped
    FROM counted AS c
    WHERE ${p.flow}::text IS NULL OR c.flow = ${p.flow}::text
    GROUP BY c.flow, c.definition_hash, c.status
  `;
}
