import { kindOf } from "./ids.ts";

/** What a caller's object holds; or what is wrong with it, as the end of a sentence, and what it threw when it was read, if it did. */
export type ReadRecord =
  | { readonly entries: readonly (readonly [string, unknown])[]; readonly issue: null; readonly cause?: never }
  | { readonly entries: null; readonly issue: string; readonly cause?: unknown };

/**
 * Reads what is to be a record: options, labels, outputs by name. Only plain objects are: of a Map or a Date nothing would be found,
 * and what the caller wanted would not be done without a word. Getters and proxies run the caller's code; what that throws ends here.
 *
 * @param known - keys that somebody will ask for, though the object may not list them
 */
export function readRecord(value: unknown, known: readonly string[] = []): ReadRecord {
  try {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Promise)
      return { entries: null, issue: `must be an object, not ${kindOf(value)}` };
    if (!isPlain(value)) return { entries: null, issue: `must be a plain object, not ${instanceName(value)}` };
    for (const key of known) Reflect.get(value, key);
    return { entries: Object.entries(value), issue: null };
  } catch (cause) {
    return { entries: null, issue: "can't be read: a getter or a proxy has thrown", cause };
  }
}

/** Also what was made in another realm, which has an Object.prototype of its own. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function instanceName({ constructor }: object): string {
  const name: unknown = typeof constructor === "function" ? constructor.name : "";
  return typeof name === "string" && name !== "" ? `an instance of ${name.slice(0, 40)}` : "an instance of a class";
}
