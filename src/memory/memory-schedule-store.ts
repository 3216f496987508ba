import {
  checkDueRequest,
  checkFiring,
  checkNewSchedule,
  checkNewSchedules,
  checkRequestedSlots,
  checkScheduleChange,
  checkScheduleFilter,
} from "../store/check-schedules.ts";
import type { CreatedInstance, NewInstance } from "../store/instance-store.ts";
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
import { compareCodePoints } from "./code-points.ts";
import type { MemoryState } from "./memory-state.ts";
import { StoredScheduleRow } from "./stored-schedule.ts";

/** Keeps schedules, and starts their slots, in memory. */
export class MemoryScheduleStore implements ScheduleStore {
  readonly #state: MemoryState;
  readonly #create: (instances: readonly NewInstance[]) => Promise<readonly CreatedInstance[]>;
  readonly #schedules = new Map<string, StoredScheduleRow>();

  /** @param create - makes instances, at once */
  constructor(state: MemoryState, create: (instances: readonly NewInstance[]) => Promise<readonly CreatedInstance[]>) {
    this.#state = state;
    this.#create = create;
  }

  async declareSchedules(schedules: readonly NewSchedule[]): Promise<void> {
    checkNewSchedules(schedules);
    const byId = new Map(schedules.map((schedule) => [schedule.scheduleId, schedule]));
    for (const schedule of byId.values()) this.#write(schedule, false);
  }

  async putSchedule(schedule: NewSchedule): Promise<void> {
    checkNewSchedule(schedule);
    this.#write(schedule, true);
  }

  async changeSchedule(scheduleId: string, change: ScheduleChange): Promise<boolean> {
    checkScheduleChange(scheduleId, change);
    const row = this.#schedules.get(scheduleId);
    row?.change(change, this.#state.now());
    return row !== undefined;
  }

  async resetSchedule(scheduleId: string): Promise<boolean> {
    checkScheduleChange(scheduleId, {});
    const row = this.#schedules.get(scheduleId);
    row?.reset();
    return row !== undefined;
  }

  async deleteSchedule(scheduleId: string): Promise<boolean> {
    checkScheduleChange(scheduleId, {});
    return this.#schedules.delete(scheduleId);
  }

  async findSchedule(scheduleId: string): Promise<StoredSchedule | null> {
    checkScheduleChange(scheduleId, {});
    const row = this.#schedules.get(scheduleId);
    return row === undefined ? null : this.#shown(row);
  }

  async listSchedules(filter: ScheduleFilter): Promise<readonly StoredSchedule[]> {
    checkScheduleFilter(filter);
    const { flow, after, limit } = filter;
    return [...this.#schedules.values()]
      .filter(({ value }) => flow === undefined || value.start.flow === flow)
      .filter(({ value }) => after === undefined || compareCodePoints(value.scheduleId, after) > 0)
      .sort((a, b) => compareCodePoints(a.value.scheduleId, b.value.scheduleId))
      .slice(0, limit)
      .map((row) => this.#shown(row));
  }

  async requestSlots(scheduleId: string, slots: readonly RequestedSlot[]): Promise<boolean> {
    checkRequestedSlots(scheduleId, slots);
    const row = this.#schedules.get(scheduleId);
    row?.request(slots, this.#state.now());
    return row !== undefined;
  }

  async findDueSchedules(request: DueRequest): Promise<DueSchedules> {
    checkDueRequest(request);
    const now = this.#state.now();
    const names = new Set(request.flows.map(({ flow }) => flow));
    const hashes = new Set(request.flows.map(({ definitionHash }) => definitionHash));
    const served = [...this.#schedules.values()].filter(({ value }) => names.has(value.start.flow));
    const due = served
      .filter(({ dueAt, value: { start } }) => {
        const waitMs = hashes.has(start.definitionHash) ? 0 : OTHER_DEFINITION_WAIT_MS;
        return dueAt <= now - waitMs && request.codecs.includes(start.codec);
      })
      .sort((a, b) => a.dueAt - b.dueAt || compareCodePoints(a.value.scheduleId, b.value.scheduleId))
      .slice(0, request.limit)
      .map((row) => ({ schedule: this.#shown(row), requests: row.oldestRequests(MOST_REQUESTS_AT_ONCE) }));
    const next = Math.min(...served.map(({ dueAt }) => dueAt).filter((dueAt) => dueAt > now));
    return { due, nextDueMs: due.length > 0 || next === Number.POSITIVE_INFINITY ? null : next - now };
  }

  async fireSchedule(firing: Firing): Promise<boolean> {
    checkFiring(firing);
    const row = this.#schedules.get(firing.scheduleId);
    if (row === undefined || row.value.version !== firing.version) return false;
    row.advance(firing);
    await this.#create(firing.instances);
    return true;
  }

  #write(schedule: NewSchedule, byHand: boolean): void {
    const known = this.#schedules.get(schedule.scheduleId);
    const now = this.#state.now();
    if (known === undefined) this.#schedules.set(schedule.scheduleId, new StoredScheduleRow(schedule, { byHand, now }));
    else known.write(schedule, { byHand, now });
  }

  #shown(row: StoredScheduleRow): StoredSchedule {
    return row.shown((id) => {
      const instance = this.#state.find(id);
      return instance !== null && instance.record.endedAt === null;
    }, this.#state.now());
  }
}
