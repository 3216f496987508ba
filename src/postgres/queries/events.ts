import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Accepts an event. The function says how, and which locks it takes (migration 0001). */
export function sendEvent(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly name: string;
    readonly payload: Uint8Array;
    readonly codec: string;
    readonly dedupKey: string | null;
    readonly now: Date | null;
  },
): Query<{ outcome: string }> {
  return sql`
    SELECT ${t.sendEvent}(${p.instanceId}::text, ${p.name}::text, ${p.payload}::bytea, ${p.codec}::text,
                          ${p.dedupKey}::text, ${p.now}::timestamptz) AS outcome
  `;
}

/** Reads the oldest buffered event of a name. Index: events_pkey. */
export function peekEvent(
  t: Tables,
  p: { readonly instanceId: string; readonly name: string },
): Query<{ sequence: bigint; payload: Uint8Array; codec: string }> {
  return sql`
    SELECT e.sequence, e.payload, e.codec
    FROM ${t.events} AS e
    WHERE e.instance_id = ${p.instanceId}::text AND e.name = ${p.name}::text
    ORDER BY e.sequence
    LIMIT 1
  `;
}

/** Locks an instance's mailbox, so that events are taken one after the other. */
export function lockMailbox(t: Tables, instanceId: string): Query<{ version: bigint }> {
  return sql`
    SELECT m.version FROM ${t.mailboxes} AS m WHERE m.instance_id = ${instanceId}::text FOR NO KEY UPDATE
  `;
}

/** Takes the oldest buffered event of a name. The caller has the mailbox's lock. */
export function takeEvent(
  t: Tables,
  p: { readonly instanceId: string; readonly name: string },
): Query<{ payload: Uint8Array }> {
  return sql`
    WITH oldest AS MATERIALIZED (
      SELECT e.sequence
      FROM ${t.events} AS e
      WHERE e.instance_id = ${p.instanceId}::text AND e.name = ${p.name}::text
      ORDER BY e.sequence
      LIMIT 1
      FOR UPDATE
    )
    DELETE FROM ${t.events} AS e
    USING oldest AS o
    WHERE e.instance_id = ${p.instanceId}::text AND e.name = ${p.name}::text AND e.sequence = o.sequence
    RETURNING e.payload
  `;
}
