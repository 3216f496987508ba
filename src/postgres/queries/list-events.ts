import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface EventRow {
  readonly name: string;
  readonly sequence: bigint;
  readonly payload: Uint8Array;
  readonly codec: string;
  readonly sent_ms: number;
}

/** Pages through the buffered events of an instance. Index: events_pkey (one instance's rows, then sorted). */
export function listEvents(
  t: Tables,
  p: { readonly instanceId: string; readonly after: bigint; readonly limit: number },
): Query<EventRow> {
  return sql`
    SELECT e.name, e.sequence, e.payload, e.codec, extract(epoch FROM e.sent_at)::float8 * 1000 AS sent_ms
    FROM ${t.events} AS e
    WHERE e.instance_id = ${p.instanceId}::text AND e.sequence > ${p.after}::bigint
    ORDER BY e.sequence
    LIMIT ${p.limit}::int
  `;
}
