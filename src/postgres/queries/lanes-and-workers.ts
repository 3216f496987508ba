import type { Lane } from "../../snapshot/position.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Numbers lanes that have no number yet. */
export function insertLanes(t: Tables, lanes: readonly Lane[]): Query<never> {
  return sql`
    INSERT INTO ${t.lanes} (flow, definition_hash, codec, tags)
    SELECT l.flow, l.definition_hash, l.codec, ARRAY(SELECT json_array_elements_text(l.tags::json))
    FROM unnest(
      ${lanes.map((lane) => lane.flow)}::text[],
      ${lanes.map((lane) => lane.definitionHash)}::text[],
      ${lanes.map((lane) => lane.codec)}::text[],
      ${lanes.map((lane) => JSON.stringify([...lane.tags].sort()))}::text[]
    ) AS l (flow, definition_hash, codec, tags)
    ORDER BY l.definition_hash, l.codec, l.tags
    ON CONFLICT (definition_hash, codec, tags) DO NOTHING
  `;
}

/** Reads the numbers of the lanes of some definitions. Index: lanes_key. */
export function findLanes(
  t: Tables,
  definitionHashes: readonly string[],
): Query<{ lane: number; definition_hash: string; codec: string; tags: readonly string[] }> {
  return sql`
    SELECT l.lane, l.definition_hash, l.codec, array_to_json(l.tags) AS tags
    FROM ${t.lanes} AS l
    WHERE l.definition_hash = ANY (${definitionHashes}::text[])
  `;
}

export function upsertWorker(
  t: Tables,
  p: { readonly workerId: string; readonly tags: readonly string[] },
): Query<never> {
  return sql`
    INSERT INTO ${t.workers} (worker_id, tags) VALUES (${p.workerId}::text, ${p.tags}::text[])
    ON CONFLICT (worker_id) DO UPDATE SET tags = excluded.tags
  `;
}

export function deleteWorker(t: Tables, workerId: string): Query<never> {
  return sql`DELETE FROM ${t.workers} WHERE worker_id = ${workerId}::text`;
}
