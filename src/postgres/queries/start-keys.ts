import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

interface StartKey {
  readonly flow: string;
  readonly key: string;
}

/** Times are milliseconds from now on. */
export interface StartKeyRow {
  readonly is_new: boolean;
  readonly instance_id: string | null;
  readonly starts_in_ms: number | null;
  readonly mark_in_ms: number | null;
}

/**
 * Locks a key of a flow, which is made if it is not there, and reads it as it is now. Waits for whoever has the lock: until then, nobody
 * else starts something under this key. Taken before the locks of instances.
 */
export function lockStartKey(t: Tables, p: StartKey & { readonly now: Date | null }): Query<StartKeyRow> {
  return sql`
    INSERT INTO ${t.start_keys} AS k (flow, key)
    VALUES (${p.flow}::text, ${p.key}::text)
    ON CONFLICT (flow, key) DO UPDATE SET touched_at = clock_timestamp()
    RETURNING k.xmax = 0 AS is_new, k.instance_id,
              extract(epoch FROM k.starts_at - coalesce(${p.now}::timestamptz, clock_timestamp()))::float8 * 1000 AS starts_in_ms,
              extract(epoch FROM k.mark_at - coalesce(${p.now}::timestamptz, clock_timestamp()))::float8 * 1000 AS mark_in_ms
  `;
}

/** Writes what was started last. The caller has its lock. */
export function writeStartKey(
  t: Tables,
  p: StartKey & {
    readonly instanceId: string;
    readonly startsInMs: number;
    readonly markInMs: number | null;
    readonly now: Date | null;
  },
): Query<never> {
  return sql`
    UPDATE ${t.start_keys}
    SET instance_id = ${p.instanceId}::text,
        starts_at = coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.startsInMs}::float8 * interval '1 millisecond',
        mark_at = coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.markInMs}::float8 * interval '1 millisecond'
    WHERE flow = ${p.flow}::text AND key = ${p.key}::text
  `;
}

/** The key's instance is another one, and all else stays. The caller has its lock. */
export function takeStartKey(t: Tables, p: StartKey & { readonly instanceId: string }): Query<never> {
  return sql`
    UPDATE ${t.start_keys} SET instance_id = ${p.instanceId}::text WHERE flow = ${p.flow}::text AND key = ${p.key}::text
  `;
}

/**
 * Forgets a few keys under which nothing was started for a day, nothing lives, and no time is still to come. Skips what is locked. Called for each
 * new key, so that there are never many more than are in use. Those of which something lives go to the end of the line. Index: start_keys_touched.
 */
export function forgetStartKeys(t: Tables): Query<never> {
  return sql`
    WITH old AS MATERIALIZED (
      SELECT k.flow, k.key,
             coalesce(k.mark_at > clock_timestamp(), false) OR EXISTS (
               SELECT FROM ${t.instances} AS i
               WHERE i.instance_id = k.instance_id AND i.status IN ('in_progress', 'paused')
             ) AS is_needed
      FROM ${t.start_keys} AS k
      WHERE k.touched_at < (SELECT clock_timestamp() - interval '1 day')
      ORDER BY k.touched_at
      LIMIT 5
      FOR UPDATE SKIP LOCKED
    ),
    kept AS (
      UPDATE ${t.start_keys} AS k SET touched_at = clock_timestamp()
      FROM old AS o WHERE k.flow = o.flow AND k.key = o.key AND o.is_needed
    )
    DELETE FROM ${t.start_keys} AS k USING old AS o WHERE k.flow = o.flow AND k.key = o.key AND NOT o.is_needed
  `;
}

/** Whether anything is recorded of an instance. Index: checkpoints_pkey. */
export function hasHistory(t: Tables, instanceId: string): Query<{ readonly has: boolean }> {
  return sql`SELECT EXISTS (SELECT FROM ${t.checkpoints} AS c WHERE c.instance_id = ${instanceId}::text) AS has`;
}

/** Says under which key an instance lives alone. */
export function setSingletonKey(t: Tables, p: { readonly instanceId: string; readonly key: string }): Query<never> {
  return sql`UPDATE ${t.instances} SET singleton_key = ${p.key}::text WHERE instance_id = ${p.instanceId}::text`;
}

/** Reads under which key of its flow an instance lives alone. Index: instances_pkey. */
export function findSingletonKey(
  t: Tables,
  instanceId: string,
): Query<{ readonly flow: string; readonly singleton_key: string | null }> {
  return sql`SELECT i.flow, i.singleton_key FROM ${t.instances} AS i WHERE i.instance_id = ${instanceId}::text`;
}

/** Removes an instance's own row, for one that comes in its place at once. The caller has its lock. */
export function deleteInstanceRow(t: Tables, instanceId: string): Query<never> {
  return sql`DELETE FROM ${t.instances} WHERE instance_id = ${instanceId}::text`;
}
