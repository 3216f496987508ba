import { NOTES } from "../../snapshot/apply.ts";
import type { Position } from "../../snapshot/position.ts";
import { STATE_ID, UPDATE_PREFIX } from "../../snapshot/state-ids.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Draws fencing tokens for positions that are made held. */
export function drawTokens(t: Tables, count: number): Query<{ token: bigint }> {
  return sql`SELECT nextval(${t.tokenSequence}::regclass) AS token FROM generate_series(1, ${count}::int)`;
}

/**
 * Begins a run of an instance: its input is replaced, and its history by a note of how many are over, but for the last entry
 * of what outlives them. The caller has the instance's lock. Index: checkpoints_pkey (one instance's rows).
 */
export function beginRun(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly input: Uint8Array;
    readonly workerId: string;
    readonly now: Date | null;
  },
): Query<never> {
  return sql`
    WITH forgotten AS (
      DELETE FROM ${t.checkpoints} AS c
      WHERE c.instance_id = ${p.instanceId}::text
        AND NOT starts_with(c.task_id, ${UPDATE_PREFIX}::text)
        AND NOT (c.task_id = ${STATE_ID}::text AND c.attempt = (
          SELECT max(k.attempt)
          FROM ${t.checkpoints} AS k
          WHERE k.instance_id = ${p.instanceId}::text AND k.task_id = ${STATE_ID}::text))
    ),
    begun AS (
      UPDATE ${t.instances} AS i
      SET input = ${p.input}::bytea, run = i.run + 1
      WHERE i.instance_id = ${p.instanceId}::text
      RETURNING i.instance_id, i.run
    )
    INSERT INTO ${t.checkpoints} (instance_id, task_id, attempt, kind, outcome, worker_id, at)
    SELECT b.instance_id, ${NOTES.continue}::text, b.run - 1, 'instance', 'noted', ${p.workerId}::text,
           coalesce(${p.now}::timestamptz, clock_timestamp())
    FROM begun AS b
  `;
}

/** Says who holds positions, and until when. The caller has their locks. Index: positions_pkey. */
export function holdPositions(
  t: Tables,
  p: { readonly instanceId: string; readonly positions: readonly Position[] },
): Query<never> {
  const held = p.positions.flatMap(({ path, claim, availableAt }) =>
    claim === null ? [] : [{ path, claim, availableAt }],
  );
  return sql`
    UPDATE ${t.positions} AS q
    SET worker_id = d.worker_id, token = d.token, available_at = d.available_at, order_key = NULL
    FROM unnest(
      ${held.map(({ path }) => path)}::text[],
      ${held.map(({ claim }) => claim.workerId)}::text[],
      ${held.map(({ claim }) => claim.token)}::bigint[],
      ${held.map(({ availableAt }) => (availableAt === null ? "infinity" : new Date(availableAt)))}::timestamptz[]
    ) AS d (path, worker_id, token, available_at)
    WHERE q.instance_id = ${p.instanceId}::text AND q.path = d.path
  `;
}
