import type { OutlineRow } from "../rows.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { type ListParams, OUTLINE_COLUMNS } from "./find-instances.ts";

/** Behind which row a page begins; microseconds since the epoch. */
export interface CursorParams {
  readonly beforeTime: bigint | null;
  readonly beforeId: string | null;
}

/** A cursor's time as a timestamp; without one, later than everything. */
export function cursorTime({ beforeTime }: CursorParams): Query<never> {
  return sql<never>`coalesce(timestamptz 'epoch' + ${beforeTime}::bigint * interval '1 microsecond', 'infinity')`;
}

/** Pages through instances, those first that were made last, without their payloads. Index: instances_created. */
export function listNewest(
  t: Tables,
  p: Omit<ListParams, "after"> & CursorParams,
): Query<OutlineRow & { readonly cursor_us: bigint }> {
  return sql`
    SELECT ${OUTLINE_COLUMNS}, (extract(epoch FROM i.created_at) * 1000000)::bigint AS cursor_us
    FROM ${t.instances} AS i
    WHERE (i.created_at, i.instance_id) < (${cursorTime(p)}, coalesce(${p.beforeId}::text, ''))
      AND (${p.flow}::text IS NULL OR i.flow = ${p.flow}::text)
      AND (${p.statuses}::text[] IS NULL OR i.status = ANY (${p.statuses}::text[]))
      AND (${p.idPrefix}::text IS NULL OR starts_with(i.instance_id, ${p.idPrefix}::text))
      ${p.parent === null ? sql`` : sql`AND i.parent_id = ${p.parent}::text`}
      AND i.tags @> ${p.tags}::text[] AND i.labels @> ${p.labels}::jsonb
    ORDER BY i.created_at DESC, i.instance_id DESC
    LIMIT ${p.limit}::int
  `;
}
