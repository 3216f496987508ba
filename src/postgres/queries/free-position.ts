import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/**
 * SET clauses that leave a position `q` as `giveBack` in the snapshot layer does, at `clock.now`: ready,
 * unless its time or its branches' ends are still to come, or its instance is interrupted.
 */
export function givenBack(t: Tables): Query<never> {
  return sql`
        worker_id = NULL,
        since = clock.now,
        available_at = CASE
          WHEN q.interrupt = 'paused' OR (q.kind = 'join' AND q.pending > 0) THEN 'infinity'
          WHEN q.interrupt IS NOT NULL THEN clock.now + interval '1 second'
          WHEN ${sleepsOn(t, sql`clock.now`)} THEN q.wake_at
          ELSE clock.now
        END,
        order_key = CASE
          WHEN q.interrupt IS NOT NULL OR (q.kind = 'join' AND q.pending > 0) THEN NULL
          WHEN ${sleepsOn(t, sql`clock.now`)} THEN NULL
          ELSE ${t.orderKey}(q.priority, clock.now)
        END`;
}

/**
 * Whether a position `q` that has come due by `now` may be taken: not while its instance is paused, nor
 * before its own time where it only came up because of a request that is gone. As `comeDue`.
 */
export function mayBeTaken(t: Tables, now: Query<never>): Query<never> {
  return sql`(
        q.interrupt IS DISTINCT FROM 'paused'
        AND NOT (q.kind = 'join' AND q.pending > 0)
        AND NOT (q.interrupt IS NULL AND ${sleepsOn(t, now)}))`;
}

/** Whether its own time is still to come, and its outcome too. Not EXISTS, which might read the whole history once. */
function sleepsOn(t: Tables, now: Query<never>): Query<never> {
  return sql`(
            q.kind NOT IN ('wait', 'join') AND coalesce(q.wake_at > ${now}, false)
            AND (SELECT true FROM ${t.checkpoints} AS c
                 WHERE c.instance_id = q.instance_id AND c.task_id = q.task_id
                   AND c.outcome IN ('completed', 'timed_out', 'tolerated')
                 LIMIT 1) IS NULL)`;
}

/** Whether a position `q` stands before no gate: only what limits allow is claimed there. */
export function standsOpen(t: Tables): Query<never> {
  return sql`(q.limit_key IS NULL OR (SELECT l.limit_name FROM ${t.lanes} AS l WHERE l.lane = q.lane) = '')`;
}
