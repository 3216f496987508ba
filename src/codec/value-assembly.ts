import { CodecDecodeError } from "../errors/codec-errors.ts";
import { isPlainObject, putTogether } from "./error-parts.ts";
import { valueOfBytes } from "./typed-bytes.ts";
import type { BytesTag, CompositeTag } from "./value-tags.ts";

type Properties = Readonly<Record<string, unknown>>;

/**
 * Sets an own property as a literal would. Plain assignment to `__proto__` would change the prototype
 * instead.
 */
export function setOwn(target: object, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
  } else {
    (target as Record<string, unknown>)[name] = value;
  }
}

/**
 * The value that a tag and its decoded body stand for. For every format.
 *
 * @throws {CodecDecodeError} the body is not one that the tag can have
 */
export function assemble(tag: CompositeTag, body: unknown): unknown {
  switch (tag) {
    case "Map":
      return new Map(entriesOf(body));
    case "Set":
      return Array.isArray(body) ? new Set<unknown>(body) : refuseBody(tag);
    case "NullObject":
      return Object.assign(Object.create(null) as object, propertiesOf(tag, body));
    case "Error":
      return putTogether(propertiesOf(tag, body)) ?? refuseBody(tag);
    case "RegExp":
      return regExpOf(propertiesOf(tag, body));
    case "URL":
      return typeof body === "string" && URL.canParse(body) ? new URL(body) : refuseBody(tag);
  }
}

/**
 * The value that stored bytes stand for, in memory of its own. For every format.
 *
 * @throws {CodecDecodeError} they are not a whole number of elements
 */
export function assembleBytes(tag: BytesTag, bytes: Uint8Array): unknown {
  return valueOfBytes(tag, bytes) ?? refuseBody(tag);
}

/** @throws {CodecDecodeError} always: what a tag stands on is not what it can stand on */
export function refuseBody(tag: string): never {
  throw new CodecDecodeError(`the content of a tag "${tag}" is not what it has to be`);
}

function entriesOf(body: unknown): readonly (readonly [unknown, unknown])[] {
  if (!Array.isArray(body)) return refuseBody("Map");
  // Not `map`, which leaves holes alone.
  return Array.from(body, (item: unknown) =>
    Array.isArray(item) && item.length === 2 ? [item[0], item[1]] : refuseBody("Map"),
  );
}

function propertiesOf(tag: CompositeTag, body: unknown): Properties {
  return isPlainObject(body) ? body : refuseBody(tag);
}

function regExpOf(body: Properties): RegExp {
  const { source, flags, lastIndex = 0, ...others } = body;
  if (typeof source !== "string" || typeof flags !== "string" || Object.keys(others).length > 0)
    return refuseBody("RegExp");
  if (typeof lastIndex !== "number" || !Number.isSafeInteger(lastIndex) || lastIndex < 0) return refuseBody("RegExp");
  try {
    const regExp = new RegExp(source, flags);
    regExp.lastIndex = lastIndex;
    return regExp;
  } catch {
    return refuseBody("RegExp");
  }
}
