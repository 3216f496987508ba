import { type Query, sql } from "../sql.ts";

/**
 * Sends a message to a channel. In a transaction of its own: it takes a lock of the whole server while it
 * commits, which no checkpoint may wait for. Without waiting for the disk: a message that is lost with the server
 * tells of nothing that its listeners don't look for when they are connected again, and checkpoints that commit
 * meanwhile need not wait for one flush more.
 */
export function notify(p: { readonly channel: string; readonly payload: string }): Query<never> {
  return sql`
    SELECT pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.pg_notify(${p.channel}::text, ${p.payload}::text)
  `;
}

/** The same, as part of a transaction: sent when that commits, once however often it is asked for, and not if it is rolled back. */
export function notifyOnCommit(p: { readonly channel: string; readonly payload: string }): Query<never> {
  return sql`SELECT pg_catalog.pg_notify(${p.channel}::text, ${p.payload}::text)::text AS sent`;
}
