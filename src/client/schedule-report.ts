import type { InstanceId } from "../ids.ts";
import type { OverlapPolicy, SkippedSlot, StoredSchedule } from "../store/schedule-store.ts";

/** What there is to know of a schedule. */
export interface ScheduleReport {
  readonly id: string;
  readonly flow: string;
  /** Either this or `everyMs`; the other one is `null`. */
  readonly cron: string | null;
  readonly everyMs: number | null;
  readonly timezone: string;
  readonly overlap: OverlapPolicy;
  readonly catchUp: { readonly withinMs: number; readonly limit: number };
  readonly jitterMs: number;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Somebody has changed it by hand: what code says of it does not count. */
  readonly isChanged: boolean;
  readonly isPaused: boolean;
  readonly pauseReason: string | null;
  /** The last slot that was started or passed over; `null` if none was yet. */
  readonly lastSlot: Date | null;
  /** The next one; `null` if no worker has looked at the schedule yet. */
  readonly nextSlot: Date | null;
  /** Those of the last 100 instances that it has started that have not ended. */
  readonly live: readonly InstanceId[];
  /** The last slot that was passed over, because it came too late or something was live; `null` if none was. */
  readonly skipped: { readonly slot: Date; readonly reason: SkippedSlot["reason"] } | null;
  /** Why its slots can't be started at present; `null` if nothing is wrong. */
  readonly problem: string | null;
  /** How many slots have been asked for by `trigger` and `backfill` and are not started yet. */
  readonly requested: number;
  readonly createdAt: Date;
}

export interface SchedulePage {
  /** In code-point order of ids. */
  readonly schedules: readonly ScheduleReport[];
  /** Pass it as `after` for the next page; `null` if this was the last one. */
  readonly next: string | null;
}

export function scheduleReport(schedule: StoredSchedule): ScheduleReport {
  const { scheduleId, terms, start, isChanged, isPaused, pauseReason, live, skipped, problem, requested } = schedule;
  const { cron, everyMs, timezone, overlap, catchUpMs, catchUpLimit, jitterMs } = terms;
  const { flow, priority, tags, labels } = start;
  return {
    ...{ id: scheduleId, flow, cron, everyMs, timezone, overlap },
    ...{ catchUp: { withinMs: catchUpMs, limit: catchUpLimit }, jitterMs, priority, tags, labels },
    ...{ isChanged, isPaused, pauseReason, live, problem, requested },
    lastSlot: dateOrNull(schedule.lastSlot),
    nextSlot: dateOrNull(schedule.nextSlot),
    skipped: skipped === null ? null : { slot: new Date(skipped.slot), reason: skipped.reason },
    createdAt: new Date(schedule.createdAt),
  };
}

function dateOrNull(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}
