import type { InstanceId } from "../ids.ts";
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
import type { Clock } from "../time/clock.ts";
import { MemoryInstanceCalls } from "./memory-instance-calls.ts";
import { MemoryRetentionStore } from "./memory-retention-store.ts";
import { MemoryScheduleStore } from "./memory-schedule-store.ts";

/** What begins, and ends, by itself. */
export abstract class MemoryUpkeep extends MemoryInstanceCalls implements ScheduleStore, RetentionStore {
  readonly #retention: MemoryRetentionStore;
  readonly #schedules: MemoryScheduleStore;

  constructor(clock: Clock, codecId: string) {
    super(clock, codecId);
    this.#retention = new MemoryRetentionStore(this.state);
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

  async declareRetention(rules: readonly RetentionRule[]): Promise<void> {
    await this.open("declareRetention", this.#retention).declareRetention(rules);
  }

  async listRetention(): Promise<readonly StoredRule[]> {
    return await this.open("listRetention", this.#retention).listRetention();
  }

  async changeRetention(flow: string, change: RetentionChange): Promise<void> {
    await this.open("changeRetention", this.#retention).changeRetention(flow, change);
  }

  async resetRetention(flow: string): Promise<boolean> {
    return await this.open("resetRetention", this.#retention).resetRetention(flow);
  }

  async takeRetentionTurn(turn: { readonly archives: boolean; readonly restMs: number }): Promise<StoredRule | null> {
    return await this.open("takeRetentionTurn", this.#retention).takeRetentionTurn(turn);
  }

  async findPrunable(request: PrunableRequest): Promise<readonly PrunableInstance[]> {
    return await this.open("findPrunable", this.#retention).findPrunable(request);
  }

  async pruneInstances(
    instanceIds: readonly InstanceId[],
    which: { readonly status: EndedStatus; readonly olderThanMs: number },
  ): Promise<readonly InstanceId[]> {
    return await this.settled(this.open("pruneInstances", this.#retention).pruneInstances(instanceIds, which));
  }

  async listEndedFlows(): Promise<readonly string[]> {
    return await this.open("listEndedFlows", this.#retention).listEndedFlows();
  }

  async pruneOrphanedEvents(request: OrphanRequest): Promise<PrunedOrphans> {
    return await this.open("pruneOrphanedEvents", this.#retention).pruneOrphanedEvents(request);
  }
}
