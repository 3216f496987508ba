import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { appendEntries, type BatchFacts, doneRows, fateColumns, heldPositions } from "./checkpoint-columns.ts";
import { type EndBranchFateRow, joinPathOf } from "./end-branch.ts";

/**
 * Ends items of maps that have not begun all of theirs at once: in place of each the next one begins, held by the worker that
 * made room for it. A join that reaches zero is claimed as by `endBranches`.
 *
 * The share lock on the instance is for the new rows, as in `fork`.
 * Locks: positions, then instances by key, skipping locked ones of both; then joins, those within others first, waiting: only batches of this
 * shape hold them, and they take them in the same order.
 */
export function endItems(t: Tables, checkpoints: readonly Checkpoint[], facts: BatchFacts): Query<EndBranchFateRow> {
  return sql`
    WITH done AS MATERIALIZED (
      ${doneRows(checkpoints, [
        { name: "join_path", type: "text", values: checkpoints.map(({ move }) => joinPathOf(move)) },
      ])}
    ),
    clock AS MATERIALIZED (SELECT coalesce(${facts.now}::timestamptz, clock_timestamp()) AS now),
    held AS MATERIALIZED (${heldPositions(t, checkpoints)}),
    live AS MATERIALIZED (
      SELECT h.idx, i.instance_id, h.path
      FROM held AS h
      JOIN ${t.instances} AS i ON i.instance_id = h.instance_id
      WHERE i.status IN ('in_progress', 'paused')
      ORDER BY i.instance_id
      FOR SHARE OF i SKIP LOCKED
    ),
    ending AS MATERIALIZED (
      SELECT d.instance_id, d.join_path, count(*)::int AS items, max(d.idx) AS last_idx
      FROM live AS h
      JOIN done AS d ON d.idx = h.idx
      GROUP BY d.instance_id, d.join_path
    ),
    joined AS MATERIALIZED (
      SELECT e.items, e.last_idx, j.*
      FROM (SELECT * FROM ending ORDER BY instance_id COLLATE "C", join_path COLLATE "C" DESC) AS e
      CROSS JOIN LATERAL (
        SELECT p.instance_id, p.path, p.task_id, p.lane, p.priority, p.interrupt, p.item_started, p.item_total
        FROM ${t.positions} AS p
        WHERE p.instance_id = e.instance_id AND p.path = e.join_path AND p.kind = 'join' AND p.pending >= e.items
        FOR NO KEY UPDATE OF p
      ) AS j
    ),
    counted AS (
      UPDATE ${t.positions} AS p
      SET pending = p.pending - j.items,
          item_started = least(p.item_total, p.item_started + j.items),
          worker_id = CASE
            WHEN p.pending > j.items THEN p.worker_id
            WHEN p.interrupt IS NULL THEN ${facts.workerId}::text
          END,
          token = CASE WHEN p.pending = j.items AND p.interrupt IS NULL
                       THEN nextval(${t.tokenSequence}::regclass) ELSE p.token END,
          since = CASE WHEN p.pending = j.items THEN clock.now ELSE p.since END,
          available_at = CASE
            WHEN p.pending > j.items THEN p.available_at
            WHEN p.interrupt IS NULL THEN clock.now + ${facts.leaseMs}::bigint * interval '1 millisecond'
            WHEN p.interrupt = 'paused' THEN 'infinity'
            ELSE clock.now + interval '1 second'
          END
      FROM joined AS j
      CROSS JOIN clock
      WHERE p.instance_id = j.instance_id AND p.path = j.path
      RETURNING p.instance_id, p.path, p.interrupt, j.last_idx,
                CASE WHEN p.pending = 0 THEN p.worker_id END AS worker_id, p.token
    ),
    gone AS (
      DELETE FROM ${t.positions} AS p
      USING live AS h
      JOIN done AS d ON d.idx = h.idx
      JOIN counted AS c ON c.instance_id = d.instance_id AND c.path = d.join_path
      WHERE p.instance_id = h.instance_id AND p.path = h.path
      RETURNING d.idx, p.instance_id, p.path, p.interrupt
    ),
    ${begunItems(t, facts)},
    written AS (${appendEntries(t, checkpoints, facts, sql`gone`)})
    SELECT ${fateColumns(t, checkpoints, sql`l.idx IS NULL`)},
           coalesce(c.interrupt, n.interrupt, m.interrupt) AS interrupt,
           CASE WHEN c.worker_id IS NOT NULL THEN c.path WHEN s.worker_id IS NOT NULL THEN s.path END AS granted_path,
           CASE WHEN c.worker_id IS NOT NULL THEN c.token::text WHEN s.worker_id IS NOT NULL THEN s.token::text END
             AS granted_token
    FROM done AS d
    LEFT JOIN live AS l ON l.idx = d.idx
    LEFT JOIN gone AS m ON m.idx = d.idx
    LEFT JOIN counted AS c ON c.last_idx = d.idx AND m.idx IS NOT NULL
    LEFT JOIN next AS n ON n.idx = d.idx
    LEFT JOIN started AS s ON s.instance_id = n.instance_id AND s.path = n.item_path
  `;
}

/** `next` and `started`: in place of each item that is `gone` the next one of its map, as far as there is one. */
function begunItems(t: Tables, facts: BatchFacts): Query<never> {
  return sql`next AS MATERIALIZED (
      SELECT n.*, n.task_id || '[' || n.item || ']' AS item_path
      FROM (
        SELECT g.idx, j.instance_id, j.task_id, j.lane, j.priority, j.interrupt, j.item_total,
               j.item_started + row_number() OVER (PARTITION BY j.instance_id, j.path ORDER BY g.idx) - 1 AS item
        FROM gone AS g
        JOIN done AS d ON d.idx = g.idx
        JOIN joined AS j ON j.instance_id = d.instance_id AND j.path = d.join_path
      ) AS n
      WHERE n.item < n.item_total
    ),
    started AS (
      INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, interrupt, worker_id, token, since,
                                  available_at)
      SELECT n.instance_id, n.item_path, n.item_path || '~item', 'task', n.lane, n.priority, n.interrupt,
             CASE WHEN n.interrupt IS NULL THEN ${facts.workerId}::text END,
             CASE WHEN n.interrupt IS NULL THEN nextval(${t.tokenSequence}::regclass) ELSE 0 END,
             clock.now,
             CASE
               WHEN n.interrupt IS NULL THEN clock.now + ${facts.leaseMs}::bigint * interval '1 millisecond'
               WHEN n.interrupt = 'paused' THEN 'infinity'
               ELSE clock.now + interval '1 second'
             END
      FROM next AS n
      CROSS JOIN clock
      RETURNING instance_id, path, worker_id, token
    )`;
}
