import { kindOf } from "../ids.ts";
import { durationIssue, parseDuration } from "../time/duration.ts";
import { numberIssue, quoted } from "./known-options.ts";

/** One of a few words; the first is the default. */
export function resolveChoice<Word extends string>(
  value: unknown,
  field: string,
  words: readonly [Word, ...Word[]],
  issues: string[],
): Word {
  const issueOf = (given: unknown): string | null => {
    if (words.some((word) => word === given)) return null;
    return `must be ${words.map((word) => `"${word}"`).join(" or ")}, not ${typeof given === "string" ? quoted(given) : kindOf(given)}`;
  };
  return checked<Word>(value, field, words[0], issueOf, issues);
}

/** A span of time in milliseconds, `absent` if none is given. */
export function resolveDuration<Absent extends number | null>(
  value: unknown,
  field: string,
  absent: Absent,
  issues: string[],
): number | Absent {
  if (value === undefined) return absent;
  const issue = durationIssue(value);
  if (issue === null) return parseDuration(value, field);
  issues.push(`${field} ${issue}`);
  return absent;
}

/** A span of time that is to pass, in milliseconds from 1; `null` if none is given. */
export function resolveSpan(value: unknown, field: string, issues: string[]): number | null {
  const ms = resolveDuration(value, field, null, issues);
  if (ms !== 0) return ms;
  issues.push(`${field} must be at least 1 ms`);
  return null;
}

/** The value if nothing is wrong with it, else `absent`, and what is wrong goes to `issues`. */
export function checked<T>(
  value: unknown,
  field: string,
  absent: T,
  issueOf: (value: unknown) => string | null,
  issues: string[],
): T {
  if (value === undefined) return absent;
  const issue = issueOf(value);
  if (issue === null) return value as T;
  issues.push(`${field} ${issue}`);
  return absent;
}

export function checkedNumber(
  value: unknown,
  field: string,
  absent: number,
  issues: string[],
  range: { min: number; max: number; whole: boolean },
): number {
  return checked(value, field, absent, (given) => numberIssue(given, range), issues);
}
