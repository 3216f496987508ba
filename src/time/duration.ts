import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import { readRecord } from "../plain-record.ts";

/** Parts of a duration, added up. */
export interface DurationParts {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

/**
 * A span of time: milliseconds as a number, text such as `"30s"`, `"1h30m"`, `"250ms"`, `"2d"` or
 * ISO 8601 (`"PT1H30M"`), or parts.
 */
export type Duration = number | string | DurationParts;

/** A hundred years. Longer is taken for a mistake in the unit. */
export const MAX_DURATION_MS: number = 36_525 * 86_400_000;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const PART_MS: Readonly<Record<keyof DurationParts, number>> = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
};
const COMPACT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const COMPACT_PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
const ISO = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const LONGEST_TEXT = 64;

/** What is wrong with a duration, as the end of a sentence; `null` if nothing is. */
export function durationIssue(value: unknown): string | null {
  const ms = millisecondsOf(value);
  if (typeof ms === "string") return ms;
  if (Number.isNaN(ms)) return "must not be NaN";
  if (ms < 0) return `must not be negative (${ms} ms)`;
  if (ms > MAX_DURATION_MS) return "must not be longer than a hundred years";
  return null;
}

/**
 * The duration in whole milliseconds, rounded up, so that a timer is never early (INV-10).
 *
 * @throws {InvalidArgumentError} naming `field`
 */
export function parseDuration(value: unknown, field: string): number {
  const issue = durationIssue(value);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`);
  return Math.ceil(millisecondsOf(value) as number);
}

function millisecondsOf(value: unknown): number | string {
  if (typeof value === "number") return value;
  if (typeof value === "string") return parseText(value.trim());
  if (typeof value === "object" && value !== null && kindOf(value) !== "an array") return parseParts(value);
  return `must be a number of milliseconds, a text such as "30s", or parts such as { minutes: 5 }; it is ${kindOf(value)}`;
}

function parseText(text: string): number | string {
  const unreadable = `${JSON.stringify(text.slice(0, LONGEST_TEXT))} is not a duration; write "250ms", "30s", "1h30m", "2d" or "PT1H30M"`;
  if (text.length > LONGEST_TEXT) return unreadable;
  if (COMPACT.test(text)) {
    let total = 0;
    for (const [, amount, unit] of text.matchAll(COMPACT_PART))
      total += Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
    return total;
  }
  const iso = ISO.exec(text);
  if (iso === null || text === "P" || text.endsWith("T")) return unreadable;
  const [weeks, days, hours, minutes, seconds] = iso.slice(1).map((part) => Number(part ?? 0));
  return (
    (weeks ?? 0) * 604_800_000 +
    (days ?? 0) * 86_400_000 +
    (hours ?? 0) * 3_600_000 +
    (minutes ?? 0) * 60_000 +
    (seconds ?? 0) * 1_000
  );
}

function parseParts(value: object): number | string {
  let total = 0;
  const { entries, issue } = readRecord(value);
  if (issue !== null) return issue;
  if (entries.length === 0) return "must name at least one part, such as { minutes: 5 }";
  for (const [key, amount] of entries) {
    if (!Object.hasOwn(PART_MS, key))
      return `has an unknown part "${key}"; known are ${Object.keys(PART_MS).join(", ")}`;
    if (typeof amount !== "number" || Number.isNaN(amount)) return `has a part "${key}" that is not a number`;
    total += amount * PART_MS[key as keyof DurationParts];
  }
  return total;
}
