import { errorClassOf, isErrorClass, newError } from "./value-kind.ts";

/** The parts of an error that aren't enumerable on it, in the order in which they are stored. */
const PART_NAMES = ["name", "message", "stack", "code", "cause", "errors"] as const;
type PartName = (typeof PART_NAMES)[number];

/** An error taken apart. Every property was read once. */
export interface ErrorParts {
  /** The body's entries but for `fields`: the class, and what isn't enumerable. */
  readonly parts: readonly (readonly [name: string, value: unknown])[];
  /** Names of the own enumerable properties, which are still to be read. */
  readonly fieldNames: readonly string[];
}

/**
 * Takes an error apart.
 *
 * @param reading - called with each name before that property is read, since reading may throw
 */
export function takeApart(error: object, reading: (name: string) => void): ErrorParts {
  const errorClass = errorClassOf(error);
  const fieldNames = Object.keys(error);
  const parts: [string, unknown][] = errorClass === "Error" ? [] : [["class", errorClass]];
  for (const name of PART_NAMES) {
    if (fieldNames.includes(name)) continue;
    const isOwn = Object.hasOwn(error, name);
    if (!isOwn && (name === "cause" || name === "errors")) continue;
    reading(name);
    const value: unknown = Reflect.get(error, name);
    if (isWorthStoring(name, value, isOwn, errorClass)) parts.push([name, value]);
  }
  return { parts, fieldNames };
}

/**
 * The error that `takeApart` gave this for.
 *
 * @returns `null` if `body` is not what an error's parts look like
 */
export function putTogether(body: Readonly<Record<string, unknown>>): Error | null {
  const errorClass = body["class"] ?? "Error";
  if (!isErrorClass(errorClass)) return null;
  const error = newError(errorClass);
  // They are there from the start, with something that the original did not have.
  for (const name of ["stack", "message", "errors"]) Reflect.deleteProperty(error, name);
  for (const name of Object.keys(body)) {
    const value = body[name];
    if (isPartName(name)) {
      if (!isPossible(name, value)) return null;
      Object.defineProperty(error, name, { value, writable: true, configurable: true, enumerable: false });
    } else if (name === "fields") {
      if (!isPlainObject(value)) return null;
      for (const [field, content] of Object.entries(value)) {
        Object.defineProperty(error, field, { value: content, writable: true, configurable: true, enumerable: true });
      }
    } else if (name !== "class") {
      return null;
    }
  }
  return error;
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isPartName(name: string): name is PartName {
  return (PART_NAMES as readonly string[]).includes(name);
}

/** Whether a revived error would lack `value` if it were not stored. */
function isWorthStoring(name: PartName, value: unknown, isOwn: boolean, errorClass: string): boolean {
  if (name === "name") return isOwn || value !== errorClass;
  if (name === "message") return isOwn || value !== "";
  return isPossible(name, value);
}

/** Whether a part may have this value; another one is left out, and is damage in stored bytes. */
function isPossible(name: PartName, value: unknown): boolean {
  // Libraries that replace Error.prepareStackTrace leave other things there, which are no data.
  if (name === "stack") return typeof value === "string";
  return name !== "code" || typeof value === "string" || typeof value === "number";
}
