import type { OutlineRow } from "../rows.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { OUTLINE_COLUMNS } from "./find-instances.ts";
import { type CursorParams, cursorTime } from "./list-newest.ts";

/** Pages through instances that have failed, those first that failed last. Index: instances_failed. */
export function listFailed(
  t: Tables,
  p: CursorParams & { readonly flow: string | null; readonly limit: number },
): Query<OutlineRow & { readonly failure: Uint8Array; readonly cursor_us: bigint }> {
  return sql`
    SELECT ${OUTLINE_COLUMNS}, i.failure, (extract(epoch FROM i.ended_at) * 1000000)::bigint AS cursor_us
    FROM ${t.instances} AS i
    WHERE i.failure IS NOT NULL
      AND (i.ended_at, i.instance_id) < (${cursorTime(p)}, coalesce(${p.beforeId}::text, ''))
      AND (${p.flow}::text IS NULL OR i.flow = ${p.flow}::text)
    ORDER BY i.ended_at DESC, i.instance_id DESC
    LIMIT ${p.limit}::int
  `;
}
