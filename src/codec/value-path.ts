/** One step from a value to what it holds. */
export type PathSegment = string | number | symbol | ListSegment;

/** A step into a map or set, which have no names for what they hold. Changed in place while walking. */
export interface ListSegment {
  list: "keys" | "values";
  index: number;
}

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const MAX_KEY_LENGTH = 60;
/** A path with more segments is cut in the middle. */
const MAX_SEGMENTS = 40;
const TAIL_SEGMENTS = 8;

/** A path as it reads in messages: `$.items[3].price`, `$["odd key"]`, `$.prices.values()[0]`. */
export function formatPath(segments: readonly PathSegment[]): string {
  if (segments.length <= MAX_SEGMENTS) return `$${segments.map(formatSegment).join("")}`;
  const head = segments.slice(0, MAX_SEGMENTS - TAIL_SEGMENTS);
  return `$${head.map(formatSegment).join("")}…${segments.slice(-TAIL_SEGMENTS).map(formatSegment).join("")}`;
}

function formatSegment(segment: PathSegment): string {
  if (typeof segment === "number") return `[${segment}]`;
  if (typeof segment === "symbol") return `[Symbol(${quoted(segment.description ?? "")})]`;
  if (typeof segment === "object") return `.${segment.list}()[${segment.index}]`;
  return segment.length <= MAX_KEY_LENGTH && IDENTIFIER.test(segment) ? `.${segment}` : `[${quoted(segment)}]`;
}

function quoted(text: string): string {
  const cut = text.length > MAX_KEY_LENGTH ? `${text.slice(0, MAX_KEY_LENGTH)}…` : text;
  return JSON.stringify(cut.toWellFormed());
}
