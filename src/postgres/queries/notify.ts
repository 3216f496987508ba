import { type Query, sql } from "../sql.ts";

/**
 * Sends a message to a channel. In a transaction of its own: it takes a lock of the whole server while it
 * commits, which no checkpoint may wait for.
 */
export function notify(p: { readonly channel: string; readonly payload: string }): Query<never> {
  return sql`SELECT pg_notify(${p.channel}::text, ${p.payload}::text)`;
}
