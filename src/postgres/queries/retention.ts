import type {
  EndedStatus,
  KeepTimes,
  OrphanRequest,
  PrunableRequest,
  RetentionChange,
  RetentionRule,
} from "../../store/retention-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

export interface RuleRow {
  readonly flow: string;
  readonly completed_ms: bigint | null;
  readonly failed_ms: bigint | null;
  readonly cancelled_ms: bigint | null;
  readonly archives: boolean;
  readonly changed: boolean;
}

/** Stores rules, where nobody has changed them by hand. Locks: their rows, by key. */
export function declareRetention(t: Tables, rules: readonly RetentionRule[], now: Date | null): Query<never> {
  return sql`
    INSERT INTO ${t.retention} AS r (flow, completed_ms, failed_ms, cancelled_ms, archives, due_at)
    SELECT d.*, coalesce(${now}::timestamptz, clock_timestamp())
    FROM unnest(
      ${rules.map(({ flow }) => flow)}::text[],
      ${rules.map(({ keep }) => keep.completed)}::bigint[],
      ${rules.map(({ keep }) => keep.failed)}::bigint[],
      ${rules.map(({ keep }) => keep.cancelled)}::bigint[],
      ${rules.map(({ archives }) => archives)}::boolean[]
    ) AS d (flow, completed_ms, failed_ms, cancelled_ms, archives)
    ORDER BY d.flow
    ON CONFLICT (flow) DO UPDATE
    SET completed_ms = excluded.completed_ms, failed_ms = excluded.failed_ms, cancelled_ms = excluded.cancelled_ms,
        archives = r.archives OR excluded.archives
    WHERE NOT r.changed
      AND (r.completed_ms, r.failed_ms, r.cancelled_ms, r.archives)
        IS DISTINCT FROM (excluded.completed_ms, excluded.failed_ms, excluded.cancelled_ms, r.archives OR excluded.archives)
  `;
}

/** All rules. */
export function listRetention(t: Tables): Query<RuleRow> {
  return sql`
    SELECT r.flow, r.completed_ms, r.failed_ms, r.cancelled_ms, r.archives, r.changed FROM ${t.retention} AS r ORDER BY r.flow
  `;
}

/** Changes a rule by hand, or makes one that keeps for ever what is not named. Locks: its row. */
export function changeRetention(
  t: Tables,
  p: { readonly flow: string; readonly change: RetentionChange; readonly now: Date | null },
): Query<never> {
  const { keep = {}, archives = null } = p.change;
  return sql`
    INSERT INTO ${t.retention} AS r (flow, completed_ms, failed_ms, cancelled_ms, archives, changed, due_at)
    VALUES (${p.flow}::text, ${keep.completed ?? null}::bigint, ${keep.failed ?? null}::bigint, ${keep.cancelled ?? null}::bigint,
            coalesce(${archives}::boolean, false), true, coalesce(${p.now}::timestamptz, clock_timestamp()))
    ON CONFLICT (flow) DO UPDATE
    SET completed_ms = ${kept(keep, "completed")}, failed_ms = ${kept(keep, "failed")}, cancelled_ms = ${kept(keep, "cancelled")},
        archives = coalesce(${archives}::boolean, r.archives),
        changed = true,
        due_at = excluded.due_at
  `;
}

function kept(keep: Partial<KeepTimes>, status: EndedStatus): Query<never> {
  const columns = { completed: sql`completed_ms`, failed: sql`failed_ms`, cancelled: sql`cancelled_ms` };
  return keep[status] === undefined ? sql`r.${columns[status]}` : sql`excluded.${columns[status]}`;
}

/** What code says of it counts again. Locks: its row. */
export function resetRetention(t: Tables, flow: string): Query<{ flow: string }> {
  return sql`UPDATE ${t.retention} SET changed = false WHERE flow = ${flow}::text RETURNING flow`;
}

/** Takes the rule whose turn it is. Locks: its row, skipping locked ones. */
export function takeRetentionTurn(
  t: Tables,
  p: { readonly archives: boolean; readonly restMs: number; readonly now: Date | null },
): Query<RuleRow> {
  return sql`
    UPDATE ${t.retention} AS r
    SET due_at = coalesce(${p.now}::timestamptz, clock_timestamp()) + ${p.restMs}::bigint * interval '1 millisecond'
    WHERE r.flow = (
      SELECT d.flow
      FROM ${t.retention} AS d
      WHERE d.due_at <= (SELECT coalesce(${p.now}::timestamptz, clock_timestamp())) AND (${p.archives}::boolean OR NOT d.archives)
        AND NOT (d.completed_ms IS NULL AND d.failed_ms IS NULL AND d.cancelled_ms IS NULL)
      ORDER BY d.due_at, d.flow
      LIMIT 1
      FOR UPDATE SKIP LOCKED
    )
    RETURNING r.flow, r.completed_ms, r.failed_ms, r.cancelled_ms, r.archives, r.changed
  `;
}

/**
 * Ended instances, the first to end first. The inner limit is hidden from the planner, so that it reads in order and stops with the
 * outer one, instead of reading and sorting all that there is. Flow and status are bounds, not equal to something: another index has the
 * same order behind them, and would read past all that others keep for ever. Runs behind `inOrder`.
 *
 * Index: instances_prunable; for what needs them, instances_pkey, endings_pkey and closings_pkey.
 */
export function findPrunable(
  t: Tables,
  p: PrunableRequest & { readonly now: Date | null },
): Query<{ instance_id: string; ended_us: bigint }> {
  return sql`
    SELECT i.instance_id, (extract(epoch FROM i.ended_at)::numeric * 1000000)::bigint AS ended_us
    FROM (
      SELECT e.instance_id, e.parent_id, e.parent_run, e.flow, e.status, e.ended_at
      FROM ${t.instances} AS e
      WHERE e.ended_at IS NOT NULL
        AND (e.flow, e.status, e.ended_at, e.instance_id)
          > (${p.flow}::text, ${p.status}::text, ${behind(p.after?.endedAt ?? null)}, ${p.after?.instanceId ?? ""}::text)
        AND (e.flow, e.status, e.ended_at) <= (${p.flow}::text, ${p.status}::text, ${endedBy(p.olderThanMs, p.now)})
      ORDER BY e.flow, e.status, e.ended_at, e.instance_id
      LIMIT (SELECT 1000000)
    ) AS i
    WHERE NOT ${isNeeded(t)}
    ORDER BY i.flow, i.status, i.ended_at, i.instance_id
    LIMIT ${p.limit}::int
  `;
}

/** Keeps the planner, until the transaction ends, from reading all there is and sorting it: it can't know how much may go. */
export function inOrder(): Query<never> {
  return sql`
    SELECT pg_catalog.set_config('enable_sort', 'off', true), pg_catalog.set_config('enable_bitmapscan', 'off', true),
           pg_catalog.set_config('enable_seqscan', 'off', true)
  `;
}

function endedBy(olderThanMs: number, now: Date | null): Query<never> {
  return sql`(SELECT coalesce(${now}::timestamptz, clock_timestamp()) - ${olderThanMs}::bigint * interval '1 millisecond')`;
}

function behind(endedAt: bigint | null): Query<never> {
  return sql`(SELECT coalesce(timestamptz 'epoch' + ${endedAt}::bigint * interval '1 microsecond', '-infinity'))`;
}

/**
 * Whether anybody may come back to an ended instance `i`. Not by EXISTS, for which the planner may read all instances into a hash
 * table.
 */
function isNeeded(t: Tables): Query<never> {
  return sql`(
        (SELECT true FROM ${t.instances} AS p
         WHERE p.instance_id = i.parent_id AND p.run = i.parent_run AND (p.ended_at IS NULL OR p.status = 'failed')
         LIMIT 1) IS NOT NULL
        OR (SELECT true FROM ${t.endings} AS e WHERE e.instance_id = i.instance_id LIMIT 1) IS NOT NULL
        OR (SELECT true FROM ${t.closings} AS c WHERE c.instance_id = i.instance_id LIMIT 1) IS NOT NULL)`;
}

/**
 * Removes ended instances and everything that belongs to them. Waits for nobody: who sends an event has the mailbox, who retries one or
 * changes its state has the instance; these are left.
 *
 * Locks: instances, then mailboxes, by key, skipping locked ones; then rows that only their holders write. Index: those of the tables'
 * primary keys.
 */
export function pruneInstances(
  t: Tables,
  p: {
    readonly instanceIds: readonly string[];
    readonly status: EndedStatus;
    readonly olderThanMs: number;
    readonly now: Date | null;
  },
): Query<{ instance_id: string; related: boolean }> {
  return sql`
    WITH candidate AS MATERIALIZED (
      SELECT i.instance_id
      FROM ${t.instances} AS i
      WHERE i.instance_id = ANY (${p.instanceIds}::text[]) AND i.status = ${p.status}::text
        AND i.ended_at <= ${endedBy(p.olderThanMs, p.now)} AND NOT ${isNeeded(t)}
      ORDER BY i.instance_id
      FOR UPDATE OF i SKIP LOCKED
    ),
    box AS MATERIALIZED (
      SELECT m.instance_id
      FROM ${t.mailboxes} AS m
      WHERE m.instance_id IN (SELECT c.instance_id FROM candidate AS c)
      ORDER BY m.instance_id
      FOR UPDATE OF m SKIP LOCKED
    ),
    chosen AS MATERIALIZED (
      SELECT c.instance_id
      FROM candidate AS c
      WHERE c.instance_id IN (SELECT b.instance_id FROM box AS b)
         OR NOT EXISTS (SELECT FROM ${t.mailboxes} AS m WHERE m.instance_id = c.instance_id)
    ),
    position AS (DELETE FROM ${t.positions} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    mail AS (DELETE FROM ${t.mailboxes} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    event AS (DELETE FROM ${t.events} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    keys AS (DELETE FROM ${t.event_keys} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    signal AS (DELETE FROM ${t.signals} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    history AS (DELETE FROM ${t.checkpoints} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    gone AS (
      DELETE FROM ${t.instances} AS i
      WHERE i.instance_id IN (SELECT instance_id FROM chosen)
      RETURNING i.instance_id, i.spawns IS TRUE AS related
    )
    SELECT g.instance_id, g.related FROM gone AS g
  `;
}

/** Names of flows of which anything has ended: one look into the index for each. Index: instances_prunable. */
export function listEndedFlows(t: Tables): Query<{ flow: string }> {
  return sql`
    WITH RECURSIVE known AS (
      (SELECT i.flow FROM ${t.instances} AS i WHERE i.ended_at IS NOT NULL ORDER BY i.flow LIMIT 1)
      UNION ALL
      SELECT (SELECT i.flow FROM ${t.instances} AS i WHERE i.ended_at IS NOT NULL AND i.flow > k.flow ORDER BY i.flow LIMIT 1)
      FROM known AS k
      WHERE k.flow IS NOT NULL
    )
    SELECT k.flow FROM known AS k WHERE k.flow IS NOT NULL
  `;
}

/**
 * Looks at mailboxes, and removes those of no instance with their events and dedup keys, if nothing was sent to them lately.
 *
 * Locks: mailboxes by key, skipping locked ones; so that nobody is just sending there, or making such an instance. Index: mailboxes_pkey,
 * instances_pkey, events_pkey, event_keys_pkey.
 */
export function pruneOrphanedEvents(
  t: Tables,
  p: OrphanRequest & { readonly now: Date | null },
): Query<{ instance_id: string; is_last: boolean; is_pruned: boolean }> {
  return sql`
    WITH looked AS MATERIALIZED (
      SELECT m.instance_id
      FROM ${t.mailboxes} AS m
      WHERE ${p.after}::text IS NULL OR m.instance_id > ${p.after}::text COLLATE "C"
      ORDER BY m.instance_id
      LIMIT ${p.limit}::int
    ),
    orphan AS MATERIALIZED (
      SELECT m.instance_id
      FROM ${t.mailboxes} AS m
      JOIN looked AS l ON l.instance_id = m.instance_id
      WHERE NOT EXISTS (SELECT FROM ${t.instances} AS i WHERE i.instance_id = m.instance_id)
        AND NOT EXISTS (SELECT FROM ${t.events} AS e
                        WHERE e.instance_id = m.instance_id AND e.sent_at > ${endedBy(p.olderThanMs, p.now)})
        AND NOT EXISTS (SELECT FROM ${t.event_keys} AS k
                        WHERE k.instance_id = m.instance_id AND k.sent_at > ${endedBy(p.olderThanMs, p.now)})
      ORDER BY m.instance_id
      FOR UPDATE OF m SKIP LOCKED
    ),
    chosen AS (SELECT o.instance_id FROM orphan AS o WHERE NOT ${p.dryRun}::boolean),
    event AS (DELETE FROM ${t.events} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    keys AS (DELETE FROM ${t.event_keys} WHERE instance_id IN (SELECT instance_id FROM chosen)),
    mail AS (DELETE FROM ${t.mailboxes} WHERE instance_id IN (SELECT instance_id FROM chosen))
    SELECT l.instance_id, o.instance_id IS NOT NULL AS is_pruned,
           count(*) OVER () = ${p.limit}::int AND row_number() OVER (ORDER BY l.instance_id) = ${p.limit}::int AS is_last
    FROM looked AS l
    LEFT JOIN orphan AS o ON o.instance_id = l.instance_id
    ORDER BY l.instance_id
  `;
}
