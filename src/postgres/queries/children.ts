import type { InstanceRow } from "../rows.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { INSTANCE_COLUMNS } from "./find-instances.ts";

/** Reads some instances, as far as there are such. Index: instances_pkey. */
export function findChildren(t: Tables, instanceIds: readonly string[]): Query<InstanceRow> {
  return sql`
    SELECT ${INSTANCE_COLUMNS}
    FROM ${t.instances} AS i
    WHERE i.instance_id = ANY (${instanceIds}::text[])
  `;
}

/** Whether a child is live for which its parent waits at its end. Index: instances_parent. */
export function hasOpenChildren(t: Tables, parentId: string): Query<{ open: boolean }> {
  return sql`
    SELECT EXISTS (
      SELECT FROM ${t.instances} AS i
      WHERE i.parent_id = ${parentId}::text AND i.on_parent_close = 'wait' AND i.ended_at IS NULL
    ) AS open
  `;
}

/** Tells parents of their children's ends; see the function. */
export function tellParents(
  t: Tables,
  p: { readonly limit: number; readonly now: Date | null },
): Query<{ told: number }> {
  return sql`SELECT ${t.tellParents}(${p.limit}::int, ${p.now}::timestamptz) AS told`;
}

export interface ClosingRow {
  readonly instance_id: string;
  readonly token: bigint;
  readonly is_deleted: boolean;
}

/**
 * Takes an instance whose children have yet to be closed, and puts it off for others meanwhile.
 *
 * Locks: its row in the table of closings, skipping locked ones.
 */
export function takeClosing(t: Tables, p: { readonly leaseMs: number; readonly now: Date | null }): Query<ClosingRow> {
  return sql`
    WITH clock AS MATERIALIZED (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()) AS now),
    next AS MATERIALIZED (
      SELECT c.instance_id, c.token
      FROM ${t.closings} AS c
      CROSS JOIN clock
      WHERE c.available_at <= clock.now
      ORDER BY c.token
      LIMIT 1
      FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE ${t.closings} AS c
    SET available_at = clock.now + ${p.leaseMs}::bigint * interval '1 millisecond'
    FROM next
    CROSS JOIN clock
    WHERE c.instance_id = next.instance_id AND c.token = next.token
    RETURNING c.instance_id, c.token, c.is_deleted
  `;
}

/** All children of it have been closed. */
export function endClosing(t: Tables, p: { readonly instanceId: string; readonly token: bigint }): Query<never> {
  return sql`DELETE FROM ${t.closings} WHERE instance_id = ${p.instanceId}::text AND token = ${p.token}::bigint`;
}

/**
 * The children that an instance's end, or its deletion, means something for: those that are live and are not to go on; of one that is
 * deleted all. Only those that were made before. Index: instances_parent.
 */
export function childrenToClose(
  t: Tables,
  p: { readonly closing: ClosingRow; readonly limit: number },
): Query<{ instance_id: string }> {
  const { instance_id: parentId, token, is_deleted: isDeleted } = p.closing;
  return sql`
    SELECT i.instance_id
    FROM ${t.instances} AS i
    WHERE i.parent_id = ${parentId}::text AND i.parent_token < ${token}::bigint AND i.on_parent_close <> 'closed'
      AND (${isDeleted}::boolean OR (i.ended_at IS NULL AND i.on_parent_close <> 'abandon'))
    ORDER BY i.instance_id
    LIMIT ${p.limit}::int
  `;
}

/** What becomes of the child says nothing to its parent any more, if it is a child of that one still. The caller has its lock. */
export function setClosed(
  t: Tables,
  p: { readonly childId: string; readonly closing: ClosingRow },
): Query<{ instance_id: string }> {
  return sql`
    UPDATE ${t.instances}
    SET on_parent_close = 'closed'
    WHERE instance_id = ${p.childId}::text AND on_parent_close <> 'closed'
      AND parent_id = ${p.closing.instance_id}::text AND parent_token < ${p.closing.token}::bigint
    RETURNING instance_id
  `;
}

/** Whether an end has yet to be told, or somebody's children to be closed that nobody is closing. */
export function hasEndings(t: Tables, now: Date | null): Query<{ owes: boolean }> {
  return sql`SELECT ${areEndingsLeft(t, now)} AS owes`;
}

/** The same as a condition. Both tables are empty but for moments. */
export function areEndingsLeft(t: Tables, now: Date | null): Query<never> {
  return sql`(EXISTS (SELECT FROM ${t.endings}) OR EXISTS (
             SELECT FROM ${t.closings} AS c
             WHERE c.available_at <= (SELECT coalesce(${now}::timestamptz, clock_timestamp()))))`;
}
