import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Reads marks of all instances, workers and limits. Index: instances_created; the tables of workers and limits are small. */
export function readActivity(
  t: Tables,
): Query<{ readonly instances: string; readonly workers: string; readonly limits: string }> {
  return sql`
    SELECT concat_ws(':', pg_catalog.pg_sequence_last_value(${t.checkpointSequence}::regclass),
                     pg_catalog.pg_sequence_last_value(${t.tokenSequence}::regclass),
                     (SELECT extract(epoch FROM max(i.created_at)) FROM ${t.instances} AS i)) AS instances,
           (SELECT md5(coalesce(string_agg(concat_ws(' ', w.worker_id, w.tags::text, w.lanes::text), ',' ORDER BY w.worker_id), ''))
            FROM ${t.workers} AS w) AS workers,
           (SELECT md5(coalesce(string_agg(concat_ws(' ', m.name, coalesce(m.concurrency, -1), coalesce(m.rate_count, -1),
                                                     coalesce(m.rate_per_ms, -1), coalesce(m.key_concurrency, -1),
                                                     coalesce(m.key_rate_count, -1), coalesce(m.key_rate_per_ms, -1), m.paused,
                                                     m.changed), ',' ORDER BY m.name), ''))
            FROM ${t.limits} AS m) AS limits
  `;
}

/** Reads marks of single instances. Index: instances_pkey, positions_pkey, signals_pkey, mailboxes_pkey, checkpoints_pkey. */
export function readInstanceMarks(
  t: Tables,
  instanceIds: readonly string[],
): Query<{ readonly instance_id: string; readonly mark: string }> {
  return sql`
    SELECT i.instance_id,
           md5(concat_ws('|', i.status, i.run, i.reason, i.ended_at, i.deadline_at,
             (SELECT m.version FROM ${t.mailboxes} AS m WHERE m.instance_id = i.instance_id),
             (SELECT max(c.attempt) FROM ${t.checkpoints} AS c WHERE c.instance_id = i.instance_id AND c.task_id = '$state'),
             (SELECT string_agg(concat_ws(' ', s.kind, s.undo), ',' ORDER BY s.kind)
              FROM ${t.signals} AS s WHERE s.instance_id = i.instance_id),
             (SELECT string_agg(concat_ws(' ', p.path, p.task_id, p.attempt, p.token, p.interrupt, p.pending, p.worker_id,
                                          p.since, p.progress_at, p.order_key IS NOT NULL), ',' ORDER BY p.path)
              FROM ${t.positions} AS p WHERE p.instance_id = i.instance_id))) AS mark
    FROM ${t.instances} AS i
    WHERE i.instance_id = ANY (${instanceIds}::text[])
  `;
}
