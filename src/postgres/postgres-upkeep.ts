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
import { PostgresScheduleStore } from "./postgres-schedule-store.ts";
import type { StoreContext } from "./store-context.ts";

/** What begins by itself. */
export abstract class PostgresUpkeep implements ScheduleStore {
  readonly #schedules: PostgresScheduleStore;

  protected constructor(context: StoreContext) {
    this.#schedules = new PostgresScheduleStore(context);
  }

  declareSchedules(schedules: readonly NewSchedule[]): Promise<void> {
    return this.#schedules.declareSchedules(schedules);
  }
  putSchedule(schedule: NewSchedule): Promise<void> {
    return this.#schedules.putSchedule(schedule);
  }
  changeSchedule(scheduleId: string, change: ScheduleChange): Promise<boolean> {
    return this.#schedules.changeSchedule(scheduleId, change);
  }
  resetSchedule(scheduleId: string): Promise<boolean> {
    return this.#schedules.resetSchedule(scheduleId);
  }
  deleteSchedule(scheduleId: string): Promise<boolean> {
    return this.#schedules.deleteSchedule(scheduleId);
  }
  findSchedule(scheduleId: string): Promise<StoredSchedule | null> {
    return this.#schedules.findSchedule(scheduleId);
  }
  listSchedules(filter: ScheduleFilter): Promise<readonly StoredSchedule[]> {
    return this.#schedules.listSchedules(filter);
  }
  requestSlots(scheduleId: string, slots: readonly RequestedSlot[]): Promise<boolean> {
    return this.#schedules.requestSlots(scheduleId, slots);
  }
  findDueSchedules(request: DueRequest): Promise<DueSchedules> {
    return this.#schedules.findDueSchedules(request);
  }
  fireSchedule(firing: Firing): Promise<boolean> {
    return this.#schedules.fireSchedule(firing);
  }
}
