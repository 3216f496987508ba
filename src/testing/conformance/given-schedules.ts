import type { Backend } from "../../store/backend.ts";
import type {
  DueSchedule,
  Firing,
  NewSchedule,
  ScheduledStart,
  ScheduleTerms,
  StoredSchedule,
} from "../../store/schedule-store.ts";
import { aLane, aNewInstance, bytesOf } from "../builders.ts";

export const OTHER: string = "f".repeat(64);
export const HOUR = 3_600_000;

/** Every hour, of the flow of the builders, unless said otherwise. */
export function aNewSchedule(
  scheduleId: string = "hourly",
  overrides: { readonly terms?: Partial<ScheduleTerms>; readonly start?: Partial<ScheduledStart> } = {},
): NewSchedule {
  const { flow, definitionHash, codec } = aLane();
  return {
    scheduleId,
    terms: {
      ...{ cron: null, everyMs: HOUR, timezone: "UTC", overlap: "allow" as const },
      ...{ catchUpMs: 24 * HOUR, catchUpLimit: 1, jitterMs: 0 },
      ...overrides.terms,
    },
    start: {
      ...{ flow, definitionHash, codec, input: bytesOf("7"), priority: 2, tags: ["b", "a"], labels: { kind: "x" } },
      ...overrides.start,
    },
  };
}

export async function stored(backend: Backend, scheduleId: string = "hourly"): Promise<StoredSchedule> {
  const schedule = await backend.findSchedule(scheduleId);
  if (schedule === null) throw new Error(`There is no schedule "${scheduleId}".`);
  return schedule;
}

/** What comes of looking at a schedule: one instance, unless said otherwise. */
export function aFiring(schedule: StoredSchedule, overrides: Partial<Firing> = {}): Firing {
  const { scheduleId, version, start, now } = schedule;
  return {
    ...{ scheduleId, version, definitionHash: start.definitionHash, done: [], live: [], skipped: null, problem: null },
    ...{ instances: [aNewInstance()], lastSlot: now, nextSlot: now + HOUR, dueAt: now + HOUR },
    ...overrides,
  };
}

export async function due(
  backend: Backend,
  flows: readonly string[] = [aLane().definitionHash],
): Promise<readonly DueSchedule[]> {
  const request = {
    flows: flows.map((definitionHash) => ({ flow: aLane().flow, definitionHash })),
    codecs: ["json"],
    limit: 10,
  };
  return (await backend.findDueSchedules(request)).due;
}
