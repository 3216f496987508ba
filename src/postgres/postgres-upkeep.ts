import type {
  EndedStatus,
  OrphanRequest,
  PrunableInstance,
  PrunableRequest,
  PrunedOrphans,
  RetentionChange,
  RetentionRule,
  RetentionStore,
  StoredRule,
} from "../store/retention-store.ts";
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
import { PostgresRetentionStore } from "./postgres-retention-store.ts";
import { PostgresScheduleStore } from "./postgres-schedule-store.ts";
import type { StoreContext } from "./store-context.ts";

/** What begins, and ends, by itself. */
export abstract class PostgresUpkeep implements ScheduleStore, RetentionStore {
  readonly #retention: PostgresRetentionStore;
  readonly #schedules: PostgresScheduleStore;

  protected constructor(context: StoreContext) {
    this.#retention = new PostgresRetentionStore(context);
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

  declareRetention(rules: readonly RetentionRule[]): Promise<void> {
    return this.#retention.declareRetention(rules);
  }
  listRetention(): Promise<readonly StoredRule[]> {
    return this.#retention.listRetention();
  }
  changeRetention(flow: string, change: RetentionChange): Promise<void> {
    return this.#retention.changeRetention(flow, change);
  }
  resetRetention(flow: string): Promise<boolean> {
    return this.#retention.resetRetention(flow);
  }
  takeRetentionTurn(turn: { readonly archives: boolean; readonly restMs: number }): Promise<StoredRule | null> {
    return this.#retention.takeRetentionTurn(turn);
  }
  findPrunable(request: PrunableRequest): Promise<readonly PrunableInstance[]> {
    return this.#retention.findPrunable(request);
  }
  pruneInstances(
    instanceIds: readonly string[],
    which: { readonly status: EndedStatus; readonly olderThanMs: number },
  ): Promise<readonly string[]> {
    return this.#retention.pruneInstances(instanceIds, which);
  }
  listEndedFlows(): Promise<readonly string[]> {
    return this.#retention.listEndedFlows();
  }
  pruneOrphanedEvents(request: OrphanRequest): Promise<PrunedOrphans> {
    return this.#retention.pruneOrphanedEvents(request);
  }
}
