import type {
  DueRequest,
  Firing,
  NewSchedule,
  OverlapPolicy,
  RequestedSlot,
  ScheduleChange,
  ScheduleFilter,
  SkippedSlot,
} from "../../store/schedule-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";

/** Times are milliseconds since the epoch. */
export interface ScheduleRow {
  readonly schedule_id: string;
  readonly flow: string;
  readonly definition_hash: string;
  readonly codec: string;
  readonly input: Uint8Array;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly cron: string | null;
  readonly every_ms: bigint | null;
  readonly timezone: string;
  readonly overlap: OverlapPolicy;
  readonly catch_up_ms: bigint;
  readonly catch_up_limit: number;
  readonly jitter_ms: bigint;
  readonly changed: boolean;
  readonly paused: boolean;
  readonly pause_reason: string | null;
  readonly since: number;
  readonly last_slot: number | null;
  readonly next_slot: number | null;
  readonly due_at: number | null;
  readonly live: readonly string[];
  readonly skipped_slot: number | null;
  readonly skipped_for: SkippedSlot["reason"] | null;
  readonly problem: string | null;
  readonly requested: number;
  readonly version: bigint;
  readonly created_at: number;
  /** The database's clock. */
  readonly now_ms: number;
}

export interface DueScheduleRow extends ScheduleRow {
  readonly requests: readonly { readonly instance_id: string; readonly slot: number }[];
}

/** All of a schedule `s`. Those of its instances that have ended, or are gone, are left out. Index: instances_pkey. */
function scheduleColumns(t: Tables, now: Date | null): Query<never> {
  return sql`
    s.schedule_id, s.flow, s.definition_hash, s.codec, s.input, s.priority, to_json(s.tags) AS tags, s.labels,
    s.cron, s.every_ms, s.timezone, s.overlap, s.catch_up_ms, s.catch_up_limit, s.jitter_ms, s.changed, s.paused, s.pause_reason,
    ${inMs(sql`s.since`)} AS since, ${inMs(sql`s.last_slot`)} AS last_slot, ${inMs(sql`s.next_slot`)} AS next_slot,
    ${inMs(sql`NULLIF(s.due_at, 'infinity')`)} AS due_at,
    coalesce((SELECT json_agg(l.id ORDER BY l.nth)
              FROM unnest(s.live) WITH ORDINALITY AS l (id, nth)
              JOIN ${t.instances} AS i ON i.instance_id = l.id
              WHERE i.ended_at IS NULL), '[]') AS live,
    ${inMs(sql`s.skipped_slot`)} AS skipped_slot, s.skipped_for, s.problem,
    (SELECT count(*) FROM ${t.schedule_requests} AS r WHERE r.schedule_id = s.schedule_id)::int AS requested,
    s.version, ${inMs(sql`s.created_at`)} AS created_at, ${inMs(clock(now))} AS now_ms
  `;
}

function inMs(time: Query<never>): Query<never> {
  return sql`floor(extract(epoch FROM ${time})::numeric * 1000)::float8`;
}

function clock(now: Date | null): Query<never> {
  return sql`(SELECT coalesce(${now}::timestamptz, clock_timestamp()))`;
}

function time(ms: number | null): Query<never> {
  return sql`(timestamptz 'epoch' + ${ms}::float8 * interval '1 millisecond')`;
}

/**
 * Stores schedules, in an order by which nobody waits in a circle. What an operator has said stays: all of it where the row is marked,
 * and whether it is paused anyway. Locks: schedules, by key.
 *
 * @param byHand - they count as changed by hand, and replace what was
 */
export function writeSchedules(
  t: Tables,
  schedules: readonly NewSchedule[],
  p: { readonly byHand: boolean; readonly now: Date | null },
): Query<never> {
  const terms = schedules.map((schedule) => schedule.terms);
  const starts = schedules.map((schedule) => schedule.start);
  return sql`
    INSERT INTO ${t.schedules} AS s (schedule_id, flow, definition_hash, codec, input, priority, tags, labels, cron, every_ms, timezone,
                                     overlap, catch_up_ms, catch_up_limit, jitter_ms, changed, since, due_at, created_at)
    SELECT d.schedule_id, d.flow, d.definition_hash, d.codec, d.input, d.priority,
           ARRAY(SELECT json_array_elements_text(d.tags::json)), d.labels::jsonb, d.cron, d.every_ms, d.timezone, d.overlap,
           d.catch_up_ms, d.catch_up_limit, d.jitter_ms, ${p.byHand}::boolean, clock.now, clock.now, clock.now
    FROM unnest(
      ${schedules.map(({ scheduleId }) => scheduleId)}::text[],
      ${starts.map(({ flow }) => flow)}::text[],
      ${starts.map(({ definitionHash }) => definitionHash)}::text[],
      ${starts.map(({ codec }) => codec)}::text[],
      ${starts.map(({ input }) => input)}::bytea[],
      ${starts.map(({ priority }) => priority)}::smallint[],
      ${starts.map(({ tags }) => JSON.stringify(tags))}::text[],
      ${starts.map(({ labels }) => JSON.stringify(labels))}::text[],
      ${terms.map(({ cron }) => cron)}::text[],
      ${terms.map(({ everyMs }) => everyMs)}::bigint[],
      ${terms.map(({ timezone }) => timezone)}::text[],
      ${terms.map(({ overlap }) => overlap)}::text[],
      ${terms.map(({ catchUpMs }) => catchUpMs)}::bigint[],
      ${terms.map(({ catchUpLimit }) => catchUpLimit)}::int[],
      ${terms.map(({ jitterMs }) => jitterMs)}::bigint[]
    ) AS d (schedule_id, flow, definition_hash, codec, input, priority, tags, labels, cron, every_ms, timezone, overlap, catch_up_ms,
            catch_up_limit, jitter_ms)
    CROSS JOIN (SELECT ${clock(p.now)} AS now) AS clock
    ORDER BY d.schedule_id
    ON CONFLICT (schedule_id) DO UPDATE
    SET flow = excluded.flow, definition_hash = excluded.definition_hash, codec = excluded.codec, input = excluded.input,
        priority = excluded.priority, tags = excluded.tags, labels = excluded.labels, cron = excluded.cron,
        every_ms = excluded.every_ms, timezone = excluded.timezone, overlap = excluded.overlap, catch_up_ms = excluded.catch_up_ms,
        catch_up_limit = excluded.catch_up_limit, jitter_ms = excluded.jitter_ms, changed = excluded.changed,
        since = CASE WHEN ${hasOtherSlots(sql`excluded`)} THEN greatest(s.since, excluded.since) ELSE s.since END,
        -- Whoever looks next works out the next slot.
        next_slot = CASE WHEN ${hasOtherSlots(sql`excluded`)} THEN NULL ELSE s.next_slot END,
        due_at = CASE WHEN s.paused THEN s.due_at ELSE excluded.since END,
        problem = NULL,
        version = s.version + 1
    WHERE ${p.byHand}::boolean
       OR (NOT s.changed
           AND (s.flow, s.definition_hash, s.codec, s.input, s.priority, s.tags, s.labels, s.cron, s.every_ms, s.timezone, s.overlap,
                s.catch_up_ms, s.catch_up_limit, s.jitter_ms)
             IS DISTINCT FROM (excluded.flow, excluded.definition_hash, excluded.codec, excluded.input, excluded.priority,
                               excluded.tags, excluded.labels, excluded.cron, excluded.every_ms, excluded.timezone, excluded.overlap,
                               excluded.catch_up_ms, excluded.catch_up_limit, excluded.jitter_ms))
  `;
}

function hasOtherSlots(other: Query<never>): Query<never> {
  return sql`(s.cron, s.every_ms, s.timezone) IS DISTINCT FROM (${other}.cron, ${other}.every_ms, ${other}.timezone)`;
}

/** Changes a schedule by hand; what is not named stays. Locks: the schedule. */
export function changeSchedule(
  t: Tables,
  p: { readonly scheduleId: string; readonly change: ScheduleChange; readonly now: Date | null },
): Query<{ schedule_id: string }> {
  const { terms = {}, isPaused = null, pauseReason = null } = p.change;
  const hasTiming = terms.timezone !== undefined;
  return sql`
    UPDATE ${t.schedules} AS s
    SET cron = CASE WHEN ${hasTiming}::boolean THEN ${terms.cron ?? null}::text ELSE s.cron END,
        every_ms = CASE WHEN ${hasTiming}::boolean THEN ${terms.everyMs ?? null}::bigint ELSE s.every_ms END,
        timezone = coalesce(${terms.timezone ?? null}::text, s.timezone),
        overlap = coalesce(${terms.overlap ?? null}::text, s.overlap),
        catch_up_ms = coalesce(${terms.catchUpMs ?? null}::bigint, s.catch_up_ms),
        catch_up_limit = coalesce(${terms.catchUpLimit ?? null}::int, s.catch_up_limit),
        jitter_ms = coalesce(${terms.jitterMs ?? null}::bigint, s.jitter_ms),
        changed = s.changed OR ${Object.values(terms).some((term) => term !== undefined)}::boolean,
        paused = coalesce(${isPaused}::boolean, s.paused),
        pause_reason = CASE WHEN ${isPaused}::boolean IS NULL THEN s.pause_reason
                            WHEN ${isPaused}::boolean THEN ${pauseReason}::text END,
        since = CASE WHEN ${hasTiming}::boolean OR (s.paused AND NOT ${isPaused ?? true}::boolean)
                     THEN greatest(s.since, ${clock(p.now)}) ELSE s.since END,
        next_slot = CASE WHEN ${hasTiming}::boolean THEN NULL ELSE s.next_slot END,
        due_at = ${clock(p.now)},
        version = s.version + 1
    WHERE s.schedule_id = ${p.scheduleId}::text
    RETURNING s.schedule_id
  `;
}

/** What code says of it counts again. Locks: the schedule. */
export function resetSchedule(t: Tables, scheduleId: string): Query<{ schedule_id: string }> {
  return sql`
    UPDATE ${t.schedules} SET changed = false, version = version + 1 WHERE schedule_id = ${scheduleId}::text RETURNING schedule_id
  `;
}

/** Removes a schedule, and what was asked for of it. Locks: the schedule, then its requests. */
export function deleteSchedule(t: Tables, scheduleId: string): Query<{ schedule_id: string }> {
  return sql`
    WITH deleted AS (
      DELETE FROM ${t.schedules} WHERE schedule_id = ${scheduleId}::text RETURNING schedule_id
    ),
    dropped AS (
      DELETE FROM ${t.schedule_requests} WHERE schedule_id = ${scheduleId}::text
    )
    SELECT schedule_id FROM deleted
  `;
}

/** One schedule. Index: schedules_pkey. */
export function findSchedule(t: Tables, scheduleId: string, now: Date | null): Query<ScheduleRow> {
  return sql`SELECT ${scheduleColumns(t, now)} FROM ${t.schedules} AS s WHERE s.schedule_id = ${scheduleId}::text`;
}

/** Schedules by id. Index: schedules_pkey. */
export function listSchedules(t: Tables, { flow, after, limit }: ScheduleFilter, now: Date | null): Query<ScheduleRow> {
  return sql`
    SELECT ${scheduleColumns(t, now)}
    FROM ${t.schedules} AS s
    WHERE (${after ?? null}::text IS NULL OR s.schedule_id > ${after ?? null}::text COLLATE "C")
      AND (${flow ?? null}::text IS NULL OR s.flow = ${flow ?? null}::text)
    ORDER BY s.schedule_id
    LIMIT ${limit}::int
  `;
}

/** Asks for slots of a schedule. Locks: the schedule; so that it is not deleted meanwhile. */
export function requestSlots(
  t: Tables,
  p: { readonly scheduleId: string; readonly slots: readonly RequestedSlot[]; readonly now: Date | null },
): Query<{ schedule_id: string }> {
  return sql`
    WITH asked AS (
      UPDATE ${t.schedules} AS s
      SET due_at = least(s.due_at, ${clock(p.now)}), version = s.version + 1
      WHERE s.schedule_id = ${p.scheduleId}::text
      RETURNING s.schedule_id
    ),
    requested AS (
      INSERT INTO ${t.schedule_requests} (schedule_id, instance_id, slot)
      SELECT a.schedule_id, d.instance_id, timestamptz 'epoch' + d.slot * interval '1 millisecond'
      FROM asked AS a
      CROSS JOIN unnest(${p.slots.map(({ instanceId }) => instanceId)}::text[], ${p.slots.map(({ slot }) => slot)}::float8[])
        AS d (instance_id, slot)
      ON CONFLICT DO NOTHING
    )
    SELECT schedule_id FROM asked
  `;
}

/**
 * Schedules that have come due, of each flow in the order in which they did. One of another definition waits for those who have that
 * one. Index: schedules_due.
 */
export function findDueSchedules(
  t: Tables,
  p: DueRequest & { readonly waitMs: number; readonly requests: number; readonly now: Date | null },
): Query<DueScheduleRow> {
  return sql`
    SELECT ${scheduleColumns(t, p.now)},
           coalesce((SELECT json_agg(json_build_object('instance_id', q.instance_id, 'slot', ${inMs(sql`q.slot`)}) ORDER BY q.slot, q.instance_id)
                     FROM (SELECT r.instance_id, r.slot
                           FROM ${t.schedule_requests} AS r
                           WHERE r.schedule_id = s.schedule_id
                           ORDER BY r.slot, r.instance_id
                           LIMIT ${p.requests}::int) AS q), '[]') AS requests
    FROM (SELECT DISTINCT f.flow FROM unnest(${p.flows.map(({ flow }) => flow)}::text[]) AS f (flow)) AS f
    CROSS JOIN LATERAL (
      SELECT d.*
      FROM ${t.schedules} AS d
      WHERE d.flow = f.flow AND d.due_at < 'infinity' AND d.due_at <= ${clock(p.now)}
        AND (d.definition_hash = ANY (${p.flows.map(({ definitionHash }) => definitionHash)}::text[])
             OR d.due_at <= ${clock(p.now)} - ${p.waitMs}::bigint * interval '1 millisecond')
        AND d.codec = ANY (${p.codecs}::text[])
      ORDER BY d.due_at
      LIMIT ${p.limit}::int
    ) AS s
    ORDER BY s.due_at, s.schedule_id
    LIMIT ${p.limit}::int
  `;
}

/** When the next schedule comes due that is not yet. Index: schedules_due. */
export function findNextDue(
  t: Tables,
  p: Pick<DueRequest, "flows"> & { readonly now: Date | null },
): Query<{ next_due_ms: number | null }> {
  return sql`
    SELECT (SELECT min(extract(epoch FROM n.due_at - clock.now)::float8 * 1000)
            FROM (SELECT DISTINCT f.flow FROM unnest(${p.flows.map(({ flow }) => flow)}::text[]) AS f (flow)) AS f
            CROSS JOIN LATERAL (
              SELECT d.due_at
              FROM ${t.schedules} AS d
              WHERE d.flow = f.flow AND d.due_at < 'infinity' AND d.due_at > ${clock(p.now)}
              ORDER BY d.due_at
              LIMIT 1
            ) AS n) AS next_due_ms
    FROM (SELECT ${clock(p.now)} AS now) AS clock
  `;
}

/** Writes what comes of looking at a schedule, if it is still the one that was looked at. Locks: the schedule. */
export function advanceSchedule(t: Tables, firing: Firing): Query<{ schedule_id: string }> {
  const { scheduleId, version, definitionHash, lastSlot, nextSlot, dueAt, live, skipped, problem } = firing;
  return sql`
    UPDATE ${t.schedules} AS s
    SET definition_hash = ${definitionHash}::text,
        last_slot = ${time(lastSlot)},
        next_slot = ${time(nextSlot)},
        due_at = coalesce(${time(dueAt)}, 'infinity'),
        live = ${live}::text[],
        skipped_slot = ${time(skipped?.slot ?? null)},
        skipped_for = ${skipped?.reason ?? null}::text,
        problem = ${problem}::text,
        version = s.version + 1
    WHERE s.schedule_id = ${scheduleId}::text AND s.version = ${version}::bigint
    RETURNING s.schedule_id
  `;
}

/** What was asked for is done with. Locks: its rows, by key. */
export function deleteRequests(
  t: Tables,
  p: { readonly scheduleId: string; readonly done: readonly string[] },
): Query<never> {
  return sql`
    DELETE FROM ${t.schedule_requests} WHERE schedule_id = ${p.scheduleId}::text AND instance_id = ANY (${p.done}::text[])
  `;
}
