import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface SeriesRow {
  /** Counted from 0, the oldest. */
  readonly bucket: number;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
}

/**
 * Counts what began and ended by time, among the `most` that did so last. Buckets in which nothing did are left out, but the
 * first, which is there always. Index: instances_created, instances_ended.
 */
export function readSeries(
  t: Tables,
  p: {
    readonly flow: string | null;
    readonly bucketMs: number;
    readonly buckets: number;
    readonly most: number;
    readonly now: Date | null;
  },
): Query<SeriesRow & { readonly from_ms: number; readonly capped: boolean }> {
  return sql`
    WITH span AS MATERIALIZED (
      SELECT n.now, n.now - ${p.buckets}::int * ${p.bucketMs}::bigint * interval '1 millisecond' AS since
      FROM (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now) AS n
    ),
    began AS MATERIALIZED (
      SELECT i.flow, i.created_at
      FROM ${t.instances} AS i
      WHERE i.created_at >= (SELECT s.since FROM span AS s) AND i.created_at < (SELECT s.now FROM span AS s)
      ORDER BY i.created_at DESC
      LIMIT ${p.most}::int
    ),
    ended AS MATERIALIZED (
      SELECT i.flow, i.status, i.created_at, i.ended_at
      FROM ${t.instances} AS i
      WHERE i.ended_at IS NOT NULL
        AND timezone('UTC', i.ended_at) >= (SELECT timezone('UTC', s.since) FROM span AS s)
        AND timezone('UTC', i.ended_at) < (SELECT timezone('UTC', s.now) FROM span AS s)
      ORDER BY timezone('UTC', i.ended_at) DESC
      LIMIT ${p.most}::int
    ),
    happened AS (
      SELECT b.created_at AS at, NULL::text AS status, NULL::float8 AS took_ms
      FROM began AS b WHERE ${p.flow}::text IS NULL OR b.flow = ${p.flow}::text
      UNION ALL
      SELECT e.ended_at, e.status,
             CASE WHEN e.status = 'completed' THEN extract(epoch FROM e.ended_at - e.created_at)::float8 * 1000 END
      FROM ended AS e WHERE ${p.flow}::text IS NULL OR e.flow = ${p.flow}::text
      UNION ALL
      SELECT s.since, 'none', NULL FROM span AS s
    ),
    counted AS (
      SELECT floor(extract(epoch FROM h.at - s.since)::float8 * 1000 / ${p.bucketMs}::bigint)::int AS bucket, h.status, h.took_ms
      FROM happened AS h CROSS JOIN span AS s
    )
    SELECT c.bucket,
           (count(*) FILTER (WHERE c.status IS NULL))::int AS started,
           (count(*) FILTER (WHERE c.status = 'completed'))::int AS completed,
           (count(*) FILTER (WHERE c.status = 'failed'))::int AS failed,
           (count(*) FILTER (WHERE c.status = 'cancelled'))::int AS cancelled,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY c.took_ms) FILTER (WHERE c.took_ms IS NOT NULL) AS p50_ms,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY c.took_ms) FILTER (WHERE c.took_ms IS NOT NULL) AS p95_ms,
           (SELECT extract(epoch FROM s.since)::float8 * 1000 FROM span AS s) AS from_ms,
           greatest((SELECT count(*) FROM began), (SELECT count(*) FROM ended)) >= ${p.most}::int AS capped
    FROM counted AS c
    GROUP BY c.bucket
    ORDER BY c.bucket
  `;
}
