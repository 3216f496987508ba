import type { InstanceRecord, InstanceStatus } from "../../snapshot/snapshot.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** For `setStatus`: what is kept of where it stood stays. No JSON. */
export const KEEP_STOOD = "keep";

/** Changes an instance's status. The caller has its lock. */
export function setStatus(
  t: Tables,
  p: {
    readonly instanceId: string;
    readonly status: InstanceStatus;
    readonly failure: Uint8Array | null;
    readonly reason: string | null;
    /** As JSON; `null` where it does not fail at a position; `KEEP_STOOD` leaves what is there. */
    readonly stoodAt: string | null;
    readonly now: Date | null;
  },
): Query<never> {
  return sql`
    UPDATE ${t.instances}
    SET status = ${p.status}::text,
        failure = ${p.failure}::bytea,
        reason = ${p.reason}::text,
        stood_at = CASE WHEN ${p.stoodAt === KEEP_STOOD}::boolean THEN stood_at ELSE ${p.stoodAt === KEEP_STOOD ? null : p.stoodAt}::jsonb END,
        ended_at = CASE WHEN ${p.status}::text IN ('completed', 'failed', 'cancelled')
                        THEN coalesce(${p.now}::timestamptz, clock_timestamp()) END
    WHERE instance_id = ${p.instanceId}::text
  `;
}

/** Says by when an instance has to have ended. The caller has its lock, and sees to the position. */
export function setDeadline(
  t: Tables,
  p: { readonly instanceId: string; readonly deadlineAt: Date | null },
): Query<never> {
  return sql`
    UPDATE ${t.instances} SET deadline_at = ${p.deadlineAt}::timestamptz WHERE instance_id = ${p.instanceId}::text
  `;
}

/** Keeps where an instance stands, as JSON, for the case that it fails. The caller has its lock. */
export function keepStood(t: Tables, p: { readonly instanceId: string; readonly stoodAt: string }): Query<never> {
  return sql`UPDATE ${t.instances} SET stood_at = ${p.stoodAt}::jsonb WHERE instance_id = ${p.instanceId}::text`;
}

/** Gives an instance another definition. The caller has its lock. */
export function setDefinition(
  t: Tables,
  p: { readonly instanceId: string; readonly flow: string; readonly definitionHash: string; readonly spawns: boolean },
): Query<never> {
  return sql`
    UPDATE ${t.instances}
    SET flow = ${p.flow}::text, definition_hash = ${p.definitionHash}::text, spawns = NULLIF(${p.spawns}::boolean, false)
    WHERE instance_id = ${p.instanceId}::text
  `;
}

/** Inserts or overwrites an instance's own row, all but whose child it is. The caller has its lock, if it exists. */
export function upsertInstance(t: Tables, instance: InstanceRecord): Query<never> {
  return sql`
    INSERT INTO ${t.instances} (instance_id, flow, definition_hash, codec, status, input, output, failure, reason, priority,
                                tags, labels, forked_from, forked_at, spawns, created_at, deadline_at, ended_at, run)
    VALUES (${instance.instanceId}::text, ${instance.flow}::text, ${instance.definitionHash}::text, ${instance.codec}::text,
            ${instance.status}::text, ${instance.input}::bytea, ${instance.output}::bytea, ${instance.failure}::bytea,
            ${instance.reason}::text, ${instance.priority}::smallint, ${instance.tags}::text[],
            ${JSON.stringify(instance.labels)}::jsonb, ${instance.forkedFrom?.instanceId ?? null}::text,
            ${instance.forkedFrom?.sequence ?? null}::bigint, ${instance.spawns || null}::boolean, ${new Date(instance.createdAt)}::timestamptz,
            ${instance.deadlineAt === null ? null : new Date(instance.deadlineAt)}::timestamptz,
            ${instance.endedAt === null ? null : new Date(instance.endedAt)}::timestamptz, ${instance.run}::int)
    ON CONFLICT (instance_id) DO UPDATE
    SET flow = excluded.flow, definition_hash = excluded.definition_hash, codec = excluded.codec, status = excluded.status,
        input = excluded.input, output = excluded.output, failure = excluded.failure, reason = excluded.reason,
        stood_at = NULL, priority = excluded.priority, tags = excluded.tags, labels = excluded.labels,
        forked_from = excluded.forked_from, forked_at = excluded.forked_at,
        spawns = CASE WHEN excluded.spawns THEN true ELSE ${t.instances}.spawns END, created_at = excluded.created_at,
        deadline_at = excluded.deadline_at, ended_at = excluded.ended_at, run = excluded.run
  `;
}

/** Removes all rows of an instance but the instance's own. The caller has its lock. */
export function deletePositions(t: Tables, instanceId: string): Query<never> {
  return sql`DELETE FROM ${t.positions} WHERE instance_id = ${instanceId}::text`;
}

export function deleteSignals(t: Tables, instanceId: string): Query<never> {
  return sql`DELETE FROM ${t.signals} WHERE instance_id = ${instanceId}::text`;
}

/** Removes everything that belongs to an instance, its positions excepted. */
export function deleteInstance(t: Tables, instanceId: string): Query<{ deleted: boolean }> {
  return sql`
    WITH mail AS (DELETE FROM ${t.mailboxes} WHERE instance_id = ${instanceId}::text),
    event AS (DELETE FROM ${t.events} WHERE instance_id = ${instanceId}::text),
    keys AS (DELETE FROM ${t.event_keys} WHERE instance_id = ${instanceId}::text),
    signal AS (DELETE FROM ${t.signals} WHERE instance_id = ${instanceId}::text),
    history AS (DELETE FROM ${t.checkpoints} WHERE instance_id = ${instanceId}::text),
    gone AS (DELETE FROM ${t.instances} WHERE instance_id = ${instanceId}::text RETURNING 1)
    SELECT EXISTS (SELECT FROM gone) AS deleted
  `;
}

/** Makes sure that an instance has a mailbox. Waits for a sender that is just making it. */
export function ensureMailbox(t: Tables, instanceId: string): Query<never> {
  return sql`INSERT INTO ${t.mailboxes} (instance_id) VALUES (${instanceId}::text) ON CONFLICT DO NOTHING`;
}

/** Keeps out whoever else makes, replaces or saves an instance of this id, until the transaction ends. */
export function lockInstanceId(t: Tables, instanceId: string): Query<never> {
  const name = `waymark.instance.${t.schemaName}.${instanceId}`;
  return sql`SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(${name}::text, 0))`;
}

/** Tells whoever is just parking that there is news for the instance (docs/protocols/events.md). */
export function touchMailbox(t: Tables, instanceId: string): Query<never> {
  return sql`UPDATE ${t.mailboxes} SET version = version + 1 WHERE instance_id = ${instanceId}::text`;
}
