import type { DefinitionHash, InstanceId } from "../ids.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { NewInstance } from "./instance-store.ts";

/** What a slot does that comes while an instance of the same schedule is live. */
export type OverlapPolicy = "allow" | "skip" | "queue" | "cancelPrevious" | "terminatePrevious";

/** When a schedule has slots, and what becomes of them. */
export interface ScheduleTerms {
  /** Either this or `everyMs`; the other one is `null`. */
  readonly cron: string | null;
  /** Slots are at whole multiples of this since 1970, in UTC. */
  readonly everyMs: number | null;
  /** By whose clocks `cron` goes. */
  readonly timezone: string;
  readonly overlap: OverlapPolicy;
  /** Of slots that could not be started in time, how long ago they may have been. */
  readonly catchUpMs: number;
  /** And how many of them are started at most: the last ones. */
  readonly catchUpLimit: number;
  /** By how much a start is put off at most. */
  readonly jitterMs: number;
}

/** What a schedule starts. */
export interface ScheduledStart {
  readonly flow: string;
  /** Of the definition by which it was declared, or started last. */
  readonly definitionHash: DefinitionHash;
  /** Of the input. */
  readonly codec: string;
  readonly input: Bytes;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface NewSchedule {
  readonly scheduleId: string;
  readonly terms: ScheduleTerms;
  readonly start: ScheduledStart;
}

/** A slot that was not started, and why: it came too late, or an instance was live. */
export interface SkippedSlot {
  readonly slot: number;
  readonly reason: "missed" | "overlap";
}

/** A schedule as it stands in the store. Times are milliseconds since the epoch, by the store's clock. */
export interface StoredSchedule extends NewSchedule {
  /** Somebody has changed it by hand: what code says of it does not count. */
  readonly isChanged: boolean;
  readonly isPaused: boolean;
  readonly pauseReason: string | null;
  /** Slots up to this time are none of its concern: when it was made, got other slots, or was unpaused. */
  readonly since: number;
  /** The last slot that was started or skipped; slots up to it are behind, whatever became of their instances. */
  readonly lastSlot: number | null;
  /** The first slot that is not behind; `null` if nobody has worked it out yet, or there is none. */
  readonly nextSlot: number | null;
  /** When a worker is to look at it; `null` for never. */
  readonly dueAt: number | null;
  /** Those of the last instances that it started that have not ended. At most 100. */
  readonly live: readonly InstanceId[];
  readonly skipped: SkippedSlot | null;
  /** Why its slots can't be started at present; `null` if nothing is wrong. */
  readonly problem: string | null;
  /** How many slots have been asked for by hand and are not started yet. */
  readonly requested: number;
  /** Grows with every change. */
  readonly version: number;
  readonly createdAt: number;
  /** The store's clock when this was read. */
  readonly now: number;
}

/** A slot that is to be started besides those that come due. */
export interface RequestedSlot {
  readonly instanceId: InstanceId;
  readonly slot: number;
}

/** A schedule that is to be looked at. */
export interface DueSchedule {
  readonly schedule: StoredSchedule;
  /** What has been asked for, oldest first: at most 20. */
  readonly requests: readonly RequestedSlot[];
}

/** Which schedules somebody can start instances for. */
export interface DueRequest {
  readonly flows: readonly { readonly flow: string; readonly definitionHash: DefinitionHash }[];
  /** Codecs whose inputs can be read. */
  readonly codecs: readonly string[];
  /** At most so many schedules. 1 to 1,000. */
  readonly limit: number;
}

export interface DueSchedules {
  /** In the order in which they came due. */
  readonly due: readonly DueSchedule[];
  /** Where nothing is due: after how long something will be; `null` if nothing will, or something is due. */
  readonly nextDueMs: number | null;
}

/** What comes of looking at a schedule: all of it, or nothing. */
export interface Firing {
  readonly scheduleId: string;
  /** That of the schedule that was looked at. */
  readonly version: number;
  /** Instances to be made. Where an id is taken, the existing one is left as it is. */
  readonly instances: readonly NewInstance[];
  /** Ids of `requests` that are done with. */
  readonly done: readonly InstanceId[];
  readonly definitionHash: DefinitionHash;
  readonly lastSlot: number | null;
  readonly nextSlot: number | null;
  readonly dueAt: number | null;
  readonly live: readonly InstanceId[];
  readonly skipped: SkippedSlot | null;
  readonly problem: string | null;
}

/** What is changed by hand; what is not named stays. */
export interface ScheduleChange {
  readonly terms?: Partial<ScheduleTerms>;
  readonly isPaused?: boolean;
  /** Goes with `isPaused`. */
  readonly pauseReason?: string | null;
}

/** For so long, a schedule that was declared or last started by one definition of its flow is left to those who have that one. */
export const OTHER_DEFINITION_WAIT_MS = 60_000;
/** Most slots asked for by hand that are given at once. */
export const MOST_REQUESTS_AT_ONCE = 20;

export interface ScheduleFilter {
  readonly flow?: string;
  /** Only ids behind this. */
  readonly after?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** Keeps schedules, and starts each of their slots once. */
export interface ScheduleStore {
  /**
   * The schedules are there, as code says: new ones begin now. One that is there is changed, unless somebody has done so by hand; what
   * a pause, or the slots that are behind, is concerned, it stays as it is. Other slots begin now. Of several with one id, the last
   * counts.
   */
  declareSchedules(schedules: readonly NewSchedule[]): Promise<void>;

  /** The schedule is there, as somebody says by hand: what code says of it does not count any more. Else as `declareSchedules`. */
  putSchedule(schedule: NewSchedule): Promise<void>;

  /**
   * What is named is changed. Other slots, and those of a schedule that is unpaused, begin now.
   *
   * @returns whether there is such a schedule
   */
  changeSchedule(scheduleId: string, change: ScheduleChange): Promise<boolean>;

  /** What the next `declareSchedules` says of it counts again. @returns whether there is such a schedule */
  resetSchedule(scheduleId: string): Promise<boolean>;

  /** Nothing of it is left but the instances that it has started. @returns whether there was such a schedule */
  deleteSchedule(scheduleId: string): Promise<boolean>;

  /** `null` if there is none. */
  findSchedule(scheduleId: string): Promise<StoredSchedule | null>;

  /** By id, in code-point order. */
  listSchedules(filter: ScheduleFilter): Promise<readonly StoredSchedule[]>;

  /**
   * Instances are to be started for these slots, also while the schedule is paused. What has been asked for is not asked for twice.
   *
   * @param slots - at most 10,000
   * @returns whether there is such a schedule
   */
  requestSlots(scheduleId: string, slots: readonly RequestedSlot[]): Promise<boolean>;

  /**
   * What has come due of the flows that are named. A schedule that was declared or last started by another definition of its flow is
   * left to those who have that one for a minute.
   */
  findDueSchedules(request: DueRequest): Promise<DueSchedules>;

  /**
   * Writes what comes of looking at a schedule: the instances exist, and their slots are behind, in one transaction. Of those who have
   * looked at the same state of it, one succeeds.
   *
   * @returns whether it was written; `false`, and nothing is changed, if the schedule has been changed since, or is gone
   */
  fireSchedule(firing: Firing): Promise<boolean>;
}
