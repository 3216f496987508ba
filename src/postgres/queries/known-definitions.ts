import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface DefinitionRow {
  readonly flow: string;
  readonly definition_hash: string;
  readonly first_ms: number;
  readonly has_graph: boolean;
  readonly workers: number;
}

/** Lists definitions that have lanes, those first that were seen last. The tables are small: it reads them whole. */
export function listDefinitions(
  t: Tables,
  p: { readonly most: number; readonly aliveMs: number; readonly now: Date | null },
): Query<DefinitionRow> {
  return sql`
    WITH known AS MATERIALIZED (
      SELECT l.flow, l.definition_hash, min(l.created_at) AS first_at, array_agg(l.lane) AS lanes
      FROM ${t.lanes} AS l
      GROUP BY l.flow, l.definition_hash
      ORDER BY first_at DESC, l.definition_hash
      LIMIT ${p.most}::int
    )
    SELECT k.flow, k.definition_hash, extract(epoch FROM k.first_at)::float8 * 1000 AS first_ms,
           EXISTS (SELECT FROM ${t.definitions} AS d
                   WHERE d.flow = k.flow AND d.definition_hash = k.definition_hash AND d.graph IS NOT NULL) AS has_graph,
           (SELECT count(*)::int FROM ${t.workers} AS w
            WHERE w.lanes && k.lanes
              AND w.seen_at > coalesce(${p.now}::timestamptz, clock_timestamp())
                            - ${p.aliveMs}::bigint * interval '1 millisecond') AS workers
    FROM known AS k
    ORDER BY k.first_at DESC, k.definition_hash
  `;
}

/** Reads the graph of a definition. */
export function findGraph(t: Tables, definitionHash: string): Query<{ readonly graph: string }> {
  return sql`
    SELECT d.graph::text AS graph
    FROM ${t.definitions} AS d
    WHERE d.definition_hash = ${definitionHash}::text AND d.graph IS NOT NULL
    LIMIT 1
  `;
}
