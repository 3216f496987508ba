import { CodecDecodeError } from "../errors/codec-errors.ts";
import { parseBase64 } from "./base64.ts";
import { ESCAPED_KEY_PREFIX, needsEscapedKey, TAG_KEY, unescapeText } from "./json-syntax.ts";
import { assemble, assembleBytes, refuseBody, setOwn } from "./value-assembly.ts";
import { MAX_BIGINT_BITS, MAX_STORED_DEPTH } from "./value-limits.ts";
import { isBytesTag, isCompositeTag } from "./value-tags.ts";

/** What a hole revives to. Only an array knows what to do with it. */
const HOLE: unique symbol = Symbol("hole");

const NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);
const DECIMAL = /^(?:0|-?[1-9][0-9]*)$/;
const MAX_DECIMAL_LENGTH = Math.ceil(MAX_BIGINT_BITS * Math.log10(2)) + 1;

/**
 * The value that parsed JSON stands for: tags become what they stand for. Changes `parsed` in place.
 *
 * @throws {CodecDecodeError} a tag is unknown or stands on something that it can't stand on
 */
export function revive(parsed: unknown): unknown {
  return refuseHole(reviveAt(parsed, 0));
}

/**
 * Checks how deep the arrays and objects of a text nest, for text without tags, which is not revived.
 *
 * @throws {CodecDecodeError} deeper than `MAX_STORED_DEPTH`
 */
export function checkTextDepth(text: string): void {
  // Nearly all text is told by what is quick to find out: a level takes two characters, one an opening.
  if (text.length <= MAX_STORED_DEPTH * 2) return;
  if (countUpTo(MAX_STORED_DEPTH, text, "{") + countUpTo(MAX_STORED_DEPTH, text, "[") <= MAX_STORED_DEPTH) return;
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // "[" and "{" differ in one bit only; so do "]" and "}".
    if (unit === 0x22) index = endOfString(text, index);
    else if ((unit | 0x20) === 0x7d) depth -= 1;
    else if ((unit | 0x20) === 0x7b && ++depth > MAX_STORED_DEPTH) refuseDepth();
  }
}

function reviveAt(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_STORED_DEPTH) return refuseDepth();
  if (Array.isArray(value)) return reviveArray(value, depth);
  const properties = value as Record<string, unknown>;
  return Object.hasOwn(properties, TAG_KEY) ? reviveTag(properties, depth) : reviveObject(properties, depth);
}

function reviveArray(items: unknown[], depth: number): unknown {
  const holes: number[] = [];
  for (let index = 0; index < items.length; index++) {
    const item = reviveAt(items[index], depth + 1);
    if (item === HOLE) holes.push(index);
    items[index] = item;
  }
  return holes.length === 0 ? items : withHoles(items, holes);
}

function reviveObject(properties: Record<string, unknown>, depth: number): unknown {
  let hasEscapedKeys = false;
  for (const name of Object.keys(properties)) {
    const value = properties[name];
    if (typeof value === "object" && value !== null) setOwn(properties, name, refuseHole(reviveAt(value, depth + 1)));
    if (name.startsWith(ESCAPED_KEY_PREFIX)) hasEscapedKeys = true;
  }
  return hasEscapedKeys ? withoutEscapedKeys(properties) : properties;
}

function reviveTag(properties: Record<string, unknown>, depth: number): unknown {
  const { [TAG_KEY]: tag, value, ...others } = properties;
  if (Object.keys(others).length > 0) {
    throw new CodecDecodeError(`an object has the key "${TAG_KEY}" beside keys that no tag has`);
  }
  if (typeof tag !== "string") throw new CodecDecodeError(`the key "${TAG_KEY}" doesn't name a tag`);
  if (isCompositeTag(tag)) return assemble(tag, refuseHole(reviveAt(value, depth + 1)));
  if (isBytesTag(tag)) {
    const bytes = typeof value === "string" ? parseBase64(value) : null;
    return bytes === null ? refuseBody(tag) : assembleBytes(tag, bytes);
  }
  return reviveSimpleTag(tag, value, Object.hasOwn(properties, "value"));
}

function reviveSimpleTag(tag: string, content: unknown, hasContent: boolean): unknown {
  switch (tag) {
    case "undefined":
      return hasContent ? refuseBody(tag) : undefined;
    case "hole":
      return hasContent ? refuseBody(tag) : HOLE;
    case "number":
      return NUMBERS.get(content) ?? refuseBody(tag);
    case "bigint":
      return isDecimal(content) ? BigInt(content) : refuseBody(tag);
    case "string":
      return (typeof content === "string" ? unescapeText(content) : null) ?? refuseBody(tag);
    case "Date":
      return content === null ? new Date(Number.NaN) : (parseDate(content) ?? refuseBody(tag));
    default:
      throw new CodecDecodeError(`it has a tag ${JSON.stringify(tag.slice(0, 40))}, which this version doesn't know`);
  }
}

function isDecimal(content: unknown): content is string {
  return typeof content === "string" && content.length <= MAX_DECIMAL_LENGTH && DECIMAL.test(content);
}

function parseDate(content: unknown): Date | null {
  if (typeof content !== "string") return null;
  const date = new Date(content);
  return !Number.isNaN(date.getTime()) && date.toISOString() === content ? date : null;
}

function withHoles(items: readonly unknown[], holes: readonly number[]): unknown[] {
  const sparse: unknown[] = [];
  sparse.length = items.length;
  let next = 0;
  for (let index = 0; index < items.length; index++) {
    if (holes[next] === index) next += 1;
    else sparse[index] = items[index];
  }
  return sparse;
}

function withoutEscapedKeys(properties: Readonly<Record<string, unknown>>): object {
  const unescaped = {};
  for (const stored of Object.keys(properties)) {
    setOwn(unescaped, stored.startsWith(ESCAPED_KEY_PREFIX) ? unescapeKey(stored) : stored, properties[stored]);
  }
  return unescaped;
}

function unescapeKey(stored: string): string {
  const name = unescapeText(stored.slice(ESCAPED_KEY_PREFIX.length));
  // Any other name is stored as it is, and an object could then have the same name twice.
  if (name === null || !needsEscapedKey(name))
    throw new CodecDecodeError("an object has an escaped key that is damaged");
  return name;
}

function refuseHole(value: unknown): unknown {
  if (value === HOLE) throw new CodecDecodeError("it has a hole outside of an array");
  return value;
}

function refuseDepth(): never {
  throw new CodecDecodeError(`arrays and objects nest deeper than ${MAX_STORED_DEPTH} levels`);
}

/** How often `char` occurs in `text`; if more often than `limit`, some number above it. */
function countUpTo(limit: number, text: string, char: string): number {
  let count = 0;
  for (let at = text.indexOf(char); at !== -1 && count <= limit; at = text.indexOf(char, at + 1)) count += 1;
  return count;
}

/** The index of the quote that ends the string which starts at `start`. */
function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text.charCodeAt(index) !== 0x22) index += text.charCodeAt(index) === 0x5c ? 2 : 1;
  return index;
}
