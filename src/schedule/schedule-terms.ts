import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { RawOptions } from "../flow/known-options.ts";
import { readOptions } from "../flow/known-options.ts";
import { checked, checkedNumber, resolveChoice, resolveDuration } from "../flow/option-values.ts";
import type { OverlapPolicy, ScheduleTerms } from "../store/schedule-store.ts";
import type { Duration } from "../time/duration.ts";
import { cronIssue, MIN_EVERY_MS, timezoneIssue } from "./slots.ts";

/** When a schedule has slots: by a pattern, or at regular intervals. */
export type ScheduleTiming =
  | {
      /**
       * Minute, hour, day of the month, month, weekday; with six fields, the second comes first. Also `@hourly`, `@daily`, `@weekly`,
       * `@monthly`, `@yearly`; `L` for the last day, `#` for the n-th weekday, `W` for the nearest one.
       */
      readonly cron: string;
      /** By whose clocks it goes: an IANA name. Default "UTC". */
      readonly timezone?: string;
      readonly every?: never;
    }
  | {
      /** Slots are at whole multiples of this since 1970 in UTC: `"15m"` means on the quarters of an hour. At least 1 s. */
      readonly every: Duration;
      readonly cron?: never;
      readonly timezone?: never;
    };

/** What becomes of slots whose time has passed before anybody could start them: because no worker was there, say. */
export interface CatchUpOptions {
  /** How long ago they may have been. 1 min to 100 years, default 1 day. */
  readonly within?: Duration;
  /** How many of them are started: the last ones. 0 to 100, default 1. */
  readonly limit?: number;
}

/** What becomes of slots. */
export interface SlotOptions {
  /**
   * What a slot does that comes while instances of this schedule are live. `"allow"` (default): starts one more. `"skip"`: nothing.
   * `"queue"`: waits until they have ended. `"cancelPrevious"`: has them cancelled, waits until they have ended, and takes the place of
   * other slots that wait. `"terminatePrevious"`: ends them at once.
   */
  readonly overlap?: OverlapPolicy;
  /** `false`: none. A slot that is started within a minute is in time, and none of these. */
  readonly catchUp?: CatchUpOptions | false;
  /** Puts each start off by a part of this, which is always the same for a slot, and less than the time to the next one. At most 1 day. */
  readonly jitter?: Duration;
}

/** Options about slots, and what becomes of them. */
export const TERM_KEYS = ["cron", "every", "timezone", "overlap", "catchUp", "jitter"] as const;

type TermKey = (typeof TERM_KEYS)[number];

const OVERLAPS: readonly [OverlapPolicy, ...OverlapPolicy[]] = [
  "allow",
  "skip",
  "queue",
  "cancelPrevious",
  "terminatePrevious",
];
const DAY_MS = 86_400_000;
const MOST_CAUGHT_UP = 100;
const LEAST_CATCH_UP_MS = 60_000;

/** In plain units, with defaults; what is wrong goes to `issues`. */
export function resolveTerms(given: RawOptions<TermKey>, issues: string[]): ScheduleTerms {
  const timing = resolveTiming(given, issues);
  const catchUp = resolveCatchUp(given.catchUp, issues);
  return Object.freeze({
    ...timing,
    overlap: resolveChoice<OverlapPolicy>(given.overlap, "overlap", OVERLAPS, issues),
    catchUpMs: catchUp.withinMs,
    catchUpLimit: catchUp.limit,
    jitterMs: resolveJitter(given.jitter, issues),
  });
}

/** What is to be changed; what is not named stays. */
export type TermChanges = Partial<ScheduleTiming> & SlotOptions;

/** Only what is named. @throws {InvalidArgumentError} saying all that is wrong */
export function resolveTermChanges(changes: TermChanges): Partial<ScheduleTerms> {
  const issues: string[] = [];
  const given = readOptions(changes, "changes", TERM_KEYS, issues);
  const hasTiming = given.cron !== undefined || given.every !== undefined;
  if (given.timezone !== undefined && given.cron === undefined) issues.push("timezone goes with cron; name that, too");
  const terms = resolveTerms(hasTiming ? given : { ...given, every: DAY_MS, timezone: undefined }, issues);
  if (issues.length === 0 && TERM_KEYS.every((key) => given[key] === undefined))
    issues.push(`must name what is to change: ${TERM_KEYS.join(", ")}`);
  if (issues.length > 0) throw new InvalidArgumentError("changes", `${issues.join("; ")}.`);
  const { cron, everyMs, timezone, overlap, catchUpMs, catchUpLimit, jitterMs } = terms;
  return {
    ...(hasTiming ? { cron, everyMs, timezone } : {}),
    ...(given.overlap === undefined ? {} : { overlap }),
    ...(given.catchUp === undefined ? {} : { catchUpMs, catchUpLimit }),
    ...(given.jitter === undefined ? {} : { jitterMs }),
  };
}

function resolveTiming(
  { cron, every, timezone }: RawOptions<TermKey>,
  issues: string[],
): Pick<ScheduleTerms, "cron" | "everyMs" | "timezone"> {
  if ((cron === undefined) === (every === undefined)) issues.push("must say when: either cron or every");
  if (every !== undefined && timezone !== undefined) issues.push("timezone goes with cron: every counts in UTC");
  const everyMs = resolveDuration(every, "every", null, issues);
  if (everyMs !== null && everyMs < MIN_EVERY_MS) issues.push(`every must be at least ${MIN_EVERY_MS} ms`);
  return {
    cron: checked<string | null>(cron, "cron", null, cronIssue, issues),
    everyMs,
    timezone: checked<string>(timezone, "timezone", "UTC", timezoneIssue, issues),
  };
}

function resolveCatchUp(value: unknown, issues: string[]): { readonly withinMs: number; readonly limit: number } {
  if (value === false) return { withinMs: DAY_MS, limit: 0 };
  const { within, limit } = readOptions(value, "catchUp", ["within", "limit"], issues);
  const withinMs = resolveDuration(within, "catchUp.within", DAY_MS, issues);
  if (withinMs < LEAST_CATCH_UP_MS) issues.push(`catchUp.within must be at least ${LEAST_CATCH_UP_MS} ms`);
  const range = { min: 0, max: MOST_CAUGHT_UP, whole: true };
  return { withinMs, limit: checkedNumber(limit, "catchUp.limit", 1, issues, range) };
}

function resolveJitter(value: unknown, issues: string[]): number {
  const jitterMs = resolveDuration(value, "jitter", 0, issues);
  if (jitterMs > DAY_MS) issues.push("jitter must be at most one day");
  return jitterMs;
}
