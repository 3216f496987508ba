import { types } from "node:util";

type Pair = readonly [actual: unknown, expected: unknown];

/** What an error carries without it being enumerable. */
const ERROR_PARTS = ["name", "message", "stack", "code", "cause", "errors"];

/**
 * Whether two values are the same as far as any program could tell, identity and functions aside.
 *
 * Stricter than the assertions of test libraries: tells apart holes from `undefined`, `-0` from `0`, a
 * Buffer from a Uint8Array, two invalid dates are the same, and the order of keys counts.
 */
export function sameValue(actual: unknown, expected: unknown): boolean {
  if (Object.is(actual, expected)) return true;
  if (typeof actual !== "object" || typeof expected !== "object" || actual === null || expected === null) return false;
  if (Object.getPrototypeOf(actual) !== Object.getPrototypeOf(expected)) return false;
  return sameParts(partsOf(actual), partsOf(expected)) && sameParts(propertiesOf(actual), propertiesOf(expected));
}

function sameParts(actual: readonly unknown[], expected: readonly unknown[]): boolean {
  if (actual.length !== expected.length) return false;
  return actual.map((part, index): Pair => [part, expected[index]]).every(([one, other]) => sameValue(one, other));
}

/** What an object is made of beside its properties. */
function partsOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return [value.length];
  if (types.isDate(value)) return [value.getTime()];
  if (types.isMap(value)) return [...value].flat();
  if (types.isSet(value)) return [...value];
  if (types.isRegExp(value)) return [value.source, value.flags, value.lastIndex];
  if (types.isArrayBuffer(value)) return [...new Uint8Array(value)];
  if (ArrayBuffer.isView(value)) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  if (value instanceof URL) return [value.href];
  if (value instanceof Error) return errorPartsOf(value);
  return [];
}

function errorPartsOf(error: Error): readonly unknown[] {
  return ERROR_PARTS.flatMap((name) => {
    const own = Object.getOwnPropertyDescriptor(error, name);
    return [own?.enumerable ?? "inherited", Reflect.get(error, name) as unknown];
  });
}

function propertiesOf(value: object): readonly unknown[] {
  // The elements of a view are among its parts already.
  const names = ArrayBuffer.isView(value) ? [] : Object.keys(value);
  return names.flatMap((name) => [name, Reflect.get(value, name) as unknown]);
}
