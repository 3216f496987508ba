import {
  checkDueRequest,
  checkFiring,
  checkNewSchedule,
  checkNewSchedules,
  checkRequestedSlots,
  checkScheduleChange,
  checkScheduleFilter,
} from "../store/check-schedules.ts";
import { hintCreated } from "../store/hints.ts";
import type { CreatedInstance } from "../store/instance-store.ts";
import {
  type DueRequest,
  type DueSchedules,
  type Firing,
  MOST_REQUESTS_AT_ONCE,
  type NewSchedule,
  OTHER_DEFINITION_WAIT_MS,
  type RequestedSlot,
  type ScheduleChange,
  type ScheduleFilter,
  type ScheduleStore,
  type StoredSchedule,
} from "../store/schedule-store.ts";
import { createIn, resolveLanes } from "./postgres-instance-store.ts";
import {
  advanceSchedule,
  changeSchedule,
  deleteRequests,
  deleteSchedule,
  findDueSchedules,
  findNextDue,
  findSchedule,
  listSchedules,
  requestSlots,
  resetSchedule,
  type ScheduleRow,
  writeSchedules,
} from "./queries/schedules.ts";
import type { StoreContext } from "./store-context.ts";

/** Keeps schedules, and starts their slots. */
export class PostgresScheduleStore implements ScheduleStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async declareSchedules(schedules: readonly NewSchedule[]): Promise<void> {
    checkNewSchedules(schedules);
    await this.#write(schedules, false);
  }

  async putSchedule(schedule: NewSchedule): Promise<void> {
    checkNewSchedule(schedule);
    await this.#write([schedule], true);
  }

  async changeSchedule(scheduleId: string, change: ScheduleChange): Promise<boolean> {
    checkScheduleChange(scheduleId, change);
    const { db, tables } = this.#context;
    const query = changeSchedule(tables, { scheduleId, change, now: this.#context.now() });
    return (await db.run("change-schedule", query)).length > 0;
  }

  async resetSchedule(scheduleId: string): Promise<boolean> {
    checkScheduleChange(scheduleId, {});
    const { db, tables } = this.#context;
    return (await db.run("reset-schedule", resetSchedule(tables, scheduleId))).length > 0;
  }

  async deleteSchedule(scheduleId: string): Promise<boolean> {
    checkScheduleChange(scheduleId, {});
    const { db, tables } = this.#context;
    return (await db.run("delete-schedule", deleteSchedule(tables, scheduleId))).length > 0;
  }

  async findSchedule(scheduleId: string): Promise<StoredSchedule | null> {
    checkScheduleChange(scheduleId, {});
    const { db, tables } = this.#context;
    const [row] = await db.run("find-schedule", findSchedule(tables, scheduleId, this.#context.now()));
    return row === undefined ? null : scheduleFromRow(row);
  }

  async listSchedules(filter: ScheduleFilter): Promise<readonly StoredSchedule[]> {
    checkScheduleFilter(filter);
    const { db, tables } = this.#context;
    return (await db.run("list-schedules", listSchedules(tables, filter, this.#context.now()))).map(scheduleFromRow);
  }

  async requestSlots(scheduleId: string, slots: readonly RequestedSlot[]): Promise<boolean> {
    checkRequestedSlots(scheduleId, slots);
    const { db, tables } = this.#context;
    const query = requestSlots(tables, { scheduleId, slots, now: this.#context.now() });
    return (await db.run("request-slots", query)).length > 0;
  }

  async findDueSchedules(request: DueRequest): Promise<DueSchedules> {
    checkDueRequest(request);
    const { db, tables } = this.#context;
    const now = this.#context.now();
    const more = { waitMs: OTHER_DEFINITION_WAIT_MS, requests: MOST_REQUESTS_AT_ONCE, now };
    const rows = await db.run("find-due-schedules", findDueSchedules(tables, { ...request, ...more }));
    if (rows.length > 0) {
      const due = rows.map((row) => ({
        schedule: scheduleFromRow(row),
        requests: row.requests.map(({ instance_id: instanceId, slot }) => ({ instanceId, slot })),
      }));
      return { due, nextDueMs: null };
    }
    const [next] = await db.run("find-next-due", findNextDue(tables, { flows: request.flows, now }));
    return { due: [], nextDueMs: next?.next_due_ms ?? null };
  }

  async fireSchedule(firing: Firing): Promise<boolean> {
    checkFiring(firing);
    const { db, tables, hints } = this.#context;
    const { scheduleId, instances, done } = firing;
    await resolveLanes(this.#context, instances);
    const created = await db.transaction("fire-schedule", async (tx): Promise<readonly CreatedInstance[] | null> => {
      const [advanced] = await tx.run("advance-schedule", advanceSchedule(tables, firing));
      if (advanced === undefined) return null;
      if (done.length > 0) await tx.run("delete-requests", deleteRequests(tables, { scheduleId, done }));
      return await createIn(this.#context, tx, instances);
    });
    if (created !== null) hintCreated(hints, instances, created);
    return created !== null;
  }

  async #write(schedules: readonly NewSchedule[], byHand: boolean): Promise<void> {
    if (schedules.length === 0) return;
    const { db, tables } = this.#context;
    // Of one id, the last one counts.
    const byId = new Map(schedules.map((schedule) => [schedule.scheduleId, schedule]));
    await db.run("write-schedules", writeSchedules(tables, [...byId.values()], { byHand, now: this.#context.now() }));
  }
}

function scheduleFromRow(row: ScheduleRow): StoredSchedule {
  const { skipped_slot: skippedSlot, skipped_for: skippedFor } = row;
  return {
    scheduleId: row.schedule_id,
    terms: {
      cron: row.cron,
      everyMs: row.every_ms === null ? null : Number(row.every_ms),
      timezone: row.timezone,
      overlap: row.overlap,
      catchUpMs: Number(row.catch_up_ms),
      catchUpLimit: row.catch_up_limit,
      jitterMs: Number(row.jitter_ms),
    },
    start: {
      flow: row.flow,
      definitionHash: row.definition_hash,
      codec: row.codec,
      input: row.input,
      priority: row.priority,
      tags: row.tags,
      labels: row.labels,
    },
    isChanged: row.changed,
    isPaused: row.paused,
    pauseReason: row.pause_reason,
    since: row.since,
    lastSlot: row.last_slot,
    nextSlot: row.next_slot,
    dueAt: row.due_at,
    live: row.live,
    skipped: skippedSlot === null || skippedFor === null ? null : { slot: skippedSlot, reason: skippedFor },
    problem: row.problem,
    requested: row.requested,
    version: Number(row.version),
    createdAt: row.created_at,
    now: row.now_ms,
  };
}
