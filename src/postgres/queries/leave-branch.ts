import type { Path } from "../../ids.ts";
import type { Position } from "../../snapshot/position.ts";
import type { PositionRow } from "../rows.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { IN_LOCK_ORDER, POSITION_COLUMNS } from "./find-instances.ts";

/** Reads one position, without a lock. Index: positions_pkey. */
export function findPosition(t: Tables, p: { readonly instanceId: string; readonly path: Path }): Query<PositionRow> {
  return sql`
    SELECT ${POSITION_COLUMNS}
    FROM ${t.positions} AS p
    LEFT JOIN ${t.lanes} AS l ON l.lane = p.lane
    WHERE p.instance_id = ${p.instanceId}::text AND p.path = ${p.path}::text
  `;
}

/**
 * Locks and reads some positions of an instance whose row is locked, and all whose paths begin with `beginning`: those that
 * can be held before the joins that they count down, as checkpoints do. Index: positions_pkey.
 */
export function lockBranch(
  t: Tables,
  p: { readonly instanceId: string; readonly paths: readonly Path[]; readonly beginning: string },
): Query<PositionRow> {
  // By code point, so what begins with it lies between it and the one that ends in the next character.
  const last = p.beginning.charCodeAt(p.beginning.length - 1);
  const end = p.beginning.slice(0, -1) + String.fromCharCode(last + 1);
  return sql`
    SELECT ${POSITION_COLUMNS}
    FROM ${t.positions} AS p
    LEFT JOIN ${t.lanes} AS l ON l.lane = p.lane
    WHERE p.instance_id = ${p.instanceId}::text
      AND (p.path = ANY (${p.paths}::text[]) OR (p.path >= ${p.beginning}::text AND p.path < ${end}::text))
    ORDER BY ${IN_LOCK_ORDER}
    FOR UPDATE OF p
  `;
}

export function nextToken(t: Tables): Query<{ token: bigint }> {
  return sql`SELECT nextval(${t.tokenSequence}::regclass) AS token`;
}

/** Removes positions. The caller has their locks. */
export function deletePaths(
  t: Tables,
  p: { readonly instanceId: string; readonly paths: readonly Path[] },
): Query<never> {
  return sql`
    DELETE FROM ${t.positions} WHERE instance_id = ${p.instanceId}::text AND path = ANY (${p.paths}::text[])
  `;
}

/** Counts a join down. The caller has its lock. One that waits on keeps what it has otherwise. */
export function countJoin(t: Tables, p: { readonly instanceId: string; readonly join: Position }): Query<never> {
  const { join } = p;
  return sql`
    UPDATE ${t.positions}
    SET pending = ${join.pending}::int, item_started = ${join.items?.started ?? null}::int,
        item_failed = ${join.items?.failed ?? null}::int
    WHERE instance_id = ${p.instanceId}::text AND path = ${join.path}::text
  `;
}

/** Says who holds a join that has closed, and until when; or that it is out of reach. The caller has its lock. */
export function holdJoin(
  t: Tables,
  p: { readonly instanceId: string; readonly join: Position; readonly now: number },
): Query<never> {
  const { claim, path } = p.join;
  return sql`
    UPDATE ${t.positions}
    SET worker_id = ${claim?.workerId ?? null}::text, token = coalesce(${claim?.token ?? null}::bigint, token),
        since = ${atTime(p.now)}, available_at = ${atTime(p.join.availableAt)}
    WHERE instance_id = ${p.instanceId}::text AND path = ${path}::text
  `;
}

/** Begins an item of a map, beside its join, whose lane it has. */
export function startItem(
  t: Tables,
  p: { readonly instanceId: string; readonly joinPath: Path; readonly item: Position; readonly now: number },
): Query<never> {
  const { item } = p;
  return sql`
    INSERT INTO ${t.positions} (instance_id, path, task_id, kind, lane, priority, interrupt, worker_id, token, since,
                                available_at)
    SELECT j.instance_id, ${item.path}::text, ${item.taskId}::text, ${item.kind}::text, j.lane, j.priority,
           ${item.interrupt}::text, ${item.claim?.workerId ?? null}::text, ${item.claim?.token ?? 0n}::bigint,
           ${atTime(p.now)}, ${atTime(item.availableAt)}
    FROM ${t.positions} AS j
    WHERE j.instance_id = ${p.instanceId}::text AND j.path = ${p.joinPath}::text
  `;
}

/** In milliseconds since the epoch; `null` for never. A number, because libraries disagree on what becomes of a date. */
function atTime(ms: number | null): Query<never> {
  return sql`coalesce(to_timestamp(${ms}::float8 / 1000), 'infinity')`;
}
