import { kindOf } from "../ids.ts";
import { readRecord } from "../plain-record.ts";

/** Options as a JavaScript caller may have passed them: every value, if it is there, is yet to be checked. */
export type RawOptions<Key extends string> = Readonly<Record<Key, unknown>>;

const LONGEST_SHOWN_NAME = 40;
const MOST_NAMES_SHOWN = 20;
const SHORTEST_BEGINNING = 3;

/** What stands in a draft for a text that may be none; then that is an issue, and the draft is never used. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Reads an options object of which only the keys in `known` make sense. Adds to `issues` what is
 * wrong: it isn't an object, or has other keys, which would be silently ignored otherwise.
 */
export function readOptions<Key extends string>(
  value: unknown,
  what: string,
  known: readonly Key[],
  issues: string[],
): RawOptions<Key> {
  // A copy, so that a later change of the caller's object changes nothing here. Without a prototype: the known keys may be names of
  // the caller's choice, such as "toString".
  const options = Object.create(null) as Record<string, unknown>;
  if (value === undefined) return options as RawOptions<Key>;
  const { entries, issue } = readRecord(value);
  if (issue !== null) {
    issues.push(`${what} ${issue}`);
    return options as RawOptions<Key>;
  }
  const names: readonly string[] = known;
  for (const [key, given] of entries) {
    if (names.includes(key)) options[key] = given;
    else issues.push(`${what} has an unknown key ${unknownName(key, names)}`);
  }
  return options as RawOptions<Key>;
}

/** A text in quotes, cut where it is long: callers may give anything. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, LONGEST_SHOWN_NAME));
}

/** Texts in quotes, not too many. */
export function listed(texts: readonly string[]): string {
  const more = texts.length > MOST_NAMES_SHOWN ? ` and ${texts.length - MOST_NAMES_SHOWN} more` : "";
  return `${texts.slice(0, MOST_NAMES_SHOWN).map(quoted).join(", ")}${more}`;
}

/** A name in quotes, with the known name that was probably meant, or all of them. */
export function unknownName(name: string, known: readonly string[]): string {
  const meant = closestName(name, known);
  return `${quoted(name)}; ${meant === null ? `known are ${listed(known)}` : `did you mean ${quoted(meant)}?`}`;
}

/** The known name that `name` is most likely a misspelling of; `null` if none is near. */
export function closestName(name: string, known: readonly string[]): string | null {
  if (name.length > LONGEST_SHOWN_NAME) return null;
  const longer = known.find((candidate) => name.length >= SHORTEST_BEGINNING && candidate.startsWith(name));
  if (longer !== undefined) return longer;
  let closest: string | null = null;
  // A third of the letters: "retires" is "retries" with two changed, "foo" isn't "now".
  let fewest = Math.floor(name.length / 3) + 1;
  for (const candidate of known) {
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) {
      fewest = edits;
      closest = candidate;
    }
  }
  return closest;
}

/** Levenshtein distance, row by row. */
function editsBetween(a: string, b: string): number {
  let row = Array.from(b, (_, index) => index + 1);
  let last = b.length;
  for (let i = 0; i < a.length; i++) {
    let diagonal = i;
    last = i + 1;
    row = row.map((above, j) => {
      last = Math.min(diagonal + (a[i] === b[j] ? 0 : 1), above + 1, last + 1);
      diagonal = above;
      return last;
    });
  }
  return last;
}

/** What is wrong with a number that must lie in a range, as the end of a sentence; `null` if nothing is. */
export function numberIssue(value: unknown, range: { min: number; max: number; whole: boolean }): string | null {
  const wanted = `must be a ${range.whole ? "whole number" : "number"} from ${range.min} to ${range.max}`;
  if (typeof value !== "number") return `${wanted}, not ${kindOf(value)}`;
  const fits = value >= range.min && value <= range.max && (!range.whole || Number.isInteger(value));
  return fits ? null : `${wanted}, not ${value}`;
}
