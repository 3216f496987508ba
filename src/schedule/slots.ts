import { Cron } from "croner";
import type { ScheduleTerms } from "../store/schedule-store.ts";

/** When there are slots. */
export type SlotRule = Pick<ScheduleTerms, "cron" | "everyMs" | "timezone">;

/** No slots are closer to each other. */
export const MIN_EVERY_MS = 1_000;

const NICKNAMES = new Set(["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"]);
const FIELDS = /^[\w*/,#+-]+(?:\s+[\w*/,#+-]+){4,5}$/;
const LONGEST_CRON = 200;
const LAST_TIME = 8.64e15;

/** What is wrong with a pattern, as the end of a sentence; `null` if nothing is. */
export function cronIssue(pattern: unknown): string | null {
  if (typeof pattern !== "string" || pattern.length > LONGEST_CRON)
    return `must be a text of at most ${LONGEST_CRON} characters, such as "0 2 * * *"`;
  const shown = JSON.stringify(pattern);
  // What else croner takes would be a single time, or depend on when it is read.
  if (!NICKNAMES.has(pattern.toLowerCase()) && !FIELDS.test(pattern.trim()))
    return `${shown} must have five fields (minute, hour, day, month, weekday) or six (with the second before them)`;
  try {
    if (cronFor(pattern, "UTC").nextRun(new Date(0)) === null) return `${shown} never comes: there is no such day`;
  } catch (error) {
    return `${shown} can't be read: ${error instanceof Error ? error.message.replace(/^CronPattern: /, "") : ""}`;
  }
  return null;
}

/** What is wrong with a time zone, as the end of a sentence; `null` if nothing is. */
export function timezoneIssue(timezone: unknown): string | null {
  const problem = 'must be the IANA name of a time zone, such as "Europe/Berlin"';
  if (typeof timezone !== "string" || !/^[A-Za-z][\w+/-]*$/.test(timezone)) return problem;
  try {
    cronFor("0 0 * * *", timezone).nextRun(new Date(0));
    return null;
  } catch {
    return `${problem}; "${timezone.slice(0, 60)}" is unknown here`;
  }
}

/** The first slots behind a time, at most `count`, in order. */
export function slotsAfter(rule: SlotRule, after: number, count: number): number[] {
  const { cron, everyMs, timezone } = rule;
  if (cron === null) return multiples(everyMs ?? 1, Math.floor(after / (everyMs ?? 1)) + 1, count);
  // croner goes by whole seconds, and leaves out the one that it is given.
  const from = new Date(Math.floor(after / 1_000) * 1_000);
  return cronFor(cron, timezone)
    .nextRuns(count, from)
    .map((slot) => slot.getTime());
}

/** The last slots up to and with a time and behind another one, at most `count`, in order. */
export function slotsUpTo(rule: SlotRule, to: number, after: number, count: number): number[] {
  if (to <= after || count === 0) return [];
  const { cron, everyMs, timezone } = rule;
  const found =
    cron === null
      ? multiples(everyMs ?? 1, Math.floor(to / (everyMs ?? 1)) - count + 1, count)
      : cronFor(cron, timezone)
          .previousRuns(count, new Date(Math.floor(to / 1_000) * 1_000 + 1_000))
          .map((slot) => slot.getTime())
          .reverse();
  return found.filter((slot) => slot > after);
}

function multiples(everyMs: number, first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => (first + index) * everyMs).filter((slot) => slot <= LAST_TIME);
}

const MOST_KNOWN = 1_000;
const known = new Map<string, Cron>();

/** Reading a pattern takes longer than asking it for a slot. */
function cronFor(pattern: string, timezone: string): Cron {
  const key = `${timezone} ${pattern}`;
  let cron = known.get(key);
  if (cron === undefined) {
    if (known.size >= MOST_KNOWN) known.clear();
    cron = new Cron(pattern.trim(), { timezone, mode: "5-or-6-parts", paused: true });
    known.set(key, cron);
  }
  return cron;
}
