import type { GateScope, Lane } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Numbers lanes that have no number yet. */
export function insertLanes(t: Tables, lanes: readonly Lane[]): Query<never> {
  return sql`
    INSERT INTO ${t.lanes} (flow, definition_hash, codec, tags, limit_name, limit_scope)
    SELECT l.flow, l.definition_hash, l.codec, ARRAY(SELECT json_array_elements_text(l.tags::json)), l.limit_name, l.limit_scope
    FROM unnest(
      ${lanes.map((lane) => lane.flow)}::text[],
      ${lanes.map((lane) => lane.definitionHash)}::text[],
      ${lanes.map((lane) => lane.codec)}::text[],
      ${lanes.map((lane) => JSON.stringify([...lane.tags].sort()))}::text[],
      ${lanes.map((lane) => lane.gate?.limit ?? "")}::text[],
      ${lanes.map((lane) => lane.gate?.scope ?? "")}::text[]
    ) AS l (flow, definition_hash, codec, tags, limit_name, limit_scope)
    ORDER BY l.definition_hash, l.codec, l.tags, l.limit_name, l.limit_scope
    ON CONFLICT (definition_hash, codec, tags, limit_name, limit_scope) DO NOTHING
  `;
}

/** Reads the numbers of the lanes of some definitions. Index: lanes_key. */
export function findLanes(
  t: Tables,
  definitionHashes: readonly string[],
): Query<{
  lane: number;
  definition_hash: string;
  codec: string;
  tags: readonly string[];
  limit_name: string;
  limit_scope: GateScope | "";
}> {
  return sql`
    SELECT l.lane, l.definition_hash, l.codec, array_to_json(l.tags) AS tags, l.limit_name, l.limit_scope
    FROM ${t.lanes} AS l
    WHERE l.definition_hash = ANY (${definitionHashes}::text[])
  `;
}

export function upsertWorker(
  t: Tables,
  p: {
    readonly workerId: string;
    readonly tags: readonly string[];
    readonly lanes: readonly number[];
    readonly now: Date | null;
  },
): Query<never> {
  return sql`
    INSERT INTO ${t.workers} (worker_id, tags, lanes, registered_at, seen_at)
    SELECT ${p.workerId}::text, ${p.tags}::text[], ${p.lanes}::int[], n.now, n.now
    FROM (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now) AS n
    ON CONFLICT (worker_id) DO UPDATE SET tags = excluded.tags, lanes = excluded.lanes, seen_at = excluded.seen_at
  `;
}

/** Counts the other workers that have been seen lately; forgets those that have not been seen for a day. */
export function countOthers(
  t: Tables,
  p: {
    readonly workerId: string;
    /** Only those that can serve one of these; `null` for all. */
    readonly lanes: readonly number[] | null;
    readonly ttlMs: number;
    readonly now: Date | null;
  },
): Query<{ others: number }> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now),
    gone AS MATERIALIZED (
      SELECT w.worker_id FROM ${t.workers} AS w CROSS JOIN clock
      WHERE w.seen_at < clock.now - interval '1 day' AND w.worker_id <> ${p.workerId}::text
      ORDER BY w.worker_id
      FOR UPDATE OF w SKIP LOCKED
    ),
    forgotten AS (DELETE FROM ${t.workers} AS w USING gone AS g WHERE w.worker_id = g.worker_id)
    SELECT count(*)::int AS others
    FROM ${t.workers} AS w
    CROSS JOIN clock
    WHERE w.worker_id <> ${p.workerId}::text
      AND (${p.lanes}::int[] IS NULL OR w.lanes && ${p.lanes}::int[])
      AND w.seen_at > clock.now - ${p.ttlMs}::bigint * interval '1 millisecond'
  `;
}

export function deleteWorker(t: Tables, workerId: string): Query<never> {
  return sql`DELETE FROM ${t.workers} WHERE worker_id = ${workerId}::text`;
}
