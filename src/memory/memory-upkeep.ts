import type {
  DueRequest,
  DueSchedules,
  Firing,
  NewSchedule,
  RequestedSlot,
  ScheduleChange,
  ScheduleFilter,
  ScheduleStore,
  StoredSchedule,
} from "../store/schedule-store.ts";
import type { Clock } from "../time/clock.ts";
import { MemoryInstanceCalls } from "./memory-instance-calls.ts";
import { MemoryScheduleStore } from "./memory-schedule-store.ts";

/** What begins by itself. */
export abstract class MemoryUpkeep extends MemoryInstanceCalls implements ScheduleStore {
  readonly #schedules: MemoryScheduleStore;

  constructor(clock: Clock, codecId: string) {
    super(clock, codecId);
    this.#schedules = new MemoryScheduleStore(this.state, (instances) => this.createInstances(instances));
  }

  async declareSchedules(schedules: readonly NewSchedule[]): Promise<void> {
    await this.open("declareSchedules", this.#schedules).declareSchedules(schedules);
  }

  async putSchedule(schedule: NewSchedule): Promise<void> {
    await this.open("putSchedule", this.#schedules).putSchedule(schedule);
  }

  async changeSchedule(scheduleId: string, change: ScheduleChange): Promise<boolean> {
    return await this.open("changeSchedule", this.#schedules).changeSchedule(scheduleId, change);
  }

  async resetSchedule(scheduleId: string): Promise<boolean> {
    return await this.open("resetSchedule", this.#schedules).resetSchedule(scheduleId);
  }

  async deleteSchedule(scheduleId: string): Promise<boolean> {
    return await this.open("deleteSchedule", this.#schedules).deleteSchedule(scheduleId);
  }

  async findSchedule(scheduleId: string): Promise<StoredSchedule | null> {
    return await this.open("findSchedule", this.#schedules).findSchedule(scheduleId);
  }

  async listSchedules(filter: ScheduleFilter): Promise<readonly StoredSchedule[]> {
    return await this.open("listSchedules", this.#schedules).listSchedules(filter);
  }

  async requestSlots(scheduleId: string, slots: readonly RequestedSlot[]): Promise<boolean> {
    return await this.open("requestSlots", this.#schedules).requestSlots(scheduleId, slots);
  }

  async findDueSchedules(request: DueRequest): Promise<DueSchedules> {
    return await this.open("findDueSchedules", this.#schedules).findDueSchedules(request);
  }

  async fireSchedule(firing: Firing): Promise<boolean> {
    return await this.open("fireSchedule", this.#schedules).fireSchedule(firing);
  }
}
