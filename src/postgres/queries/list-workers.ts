import type { GateScope } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface WorkerRow {
  readonly worker_id: string;
  readonly tags: readonly string[];
  readonly lanes: readonly {
    readonly flow: string;
    readonly definition_hash: string;
    readonly codec: string;
    readonly tags: readonly string[];
    readonly limit_name: string;
    readonly limit_scope: GateScope | "";
  }[];
  readonly registered_ms: number;
  readonly seen_ms: number;
  readonly running: number;
  /** `Infinity` for a claim without a time limit. */
  readonly lease_ms: number | null;
  readonly now_ms: number;
}

/** Pages through the workers, with what they can run and hold. Index: workers_pkey, lanes_pkey; it looks at all live positions. */
export function listWorkers(
  t: Tables,
  p: { readonly after: string | null; readonly limit: number; readonly now: Date | null },
): Query<WorkerRow> {
  return sql`
    WITH page AS MATERIALIZED (
      SELECT w.worker_id, w.tags, w.lanes, w.registered_at, w.seen_at
      FROM ${t.workers} AS w
      WHERE w.worker_id > coalesce(${p.after}::text, '')
      ORDER BY w.worker_id
      LIMIT ${p.limit}::int
    ),
    held AS (
      SELECT p.worker_id, count(*)::int AS running, min(p.available_at) AS lease_ends_at
      FROM ${t.positions} AS p
      WHERE p.worker_id IS NOT NULL
      GROUP BY p.worker_id
    )
    SELECT w.worker_id, array_to_json(w.tags) AS tags,
           (SELECT coalesce(json_agg(json_build_object('flow', l.flow, 'definition_hash', l.definition_hash, 'codec', l.codec,
                                                       'tags', l.tags, 'limit_name', l.limit_name, 'limit_scope', l.limit_scope)
                                     ORDER BY l.lane), '[]')
            FROM ${t.lanes} AS l WHERE l.lane = ANY (w.lanes)) AS lanes,
           extract(epoch FROM w.registered_at)::float8 * 1000 AS registered_ms,
           extract(epoch FROM w.seen_at)::float8 * 1000 AS seen_ms,
           coalesce(h.running, 0) AS running,
           CASE WHEN h.lease_ends_at < 'infinity' THEN extract(epoch FROM h.lease_ends_at)::float8 * 1000 END AS lease_ms,
           extract(epoch FROM coalesce(${p.now}::timestamptz, clock_timestamp()))::float8 * 1000 AS now_ms
    FROM page AS w
    LEFT JOIN held AS h ON h.worker_id = w.worker_id
    ORDER BY w.worker_id
  `;
}

/** Reads the clock. */
export function readClock(now: Date | null): Query<{ readonly now_ms: number }> {
  return sql`SELECT extract(epoch FROM coalesce(${now}::timestamptz, clock_timestamp()))::float8 * 1000 AS now_ms`;
}
