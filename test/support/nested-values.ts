/** `wrap` applied to `core` `depth` times. */
export function nested(depth: number, wrap: (inner: unknown) => unknown, core: unknown = "core"): unknown {
  let value = core;
  for (let level = 0; level < depth; level++) value = wrap(value);
  return value;
}

/** Defines `name` as a literal would, `__proto__` included. */
export function withKey(target: object, name: string, value: unknown): object {
  return Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}

/** An object without a prototype. */
export function bare(): object {
  return Object.create(null) as object;
}

/** An array of `length` holes. */
export function holes(length: number): unknown[] {
  const array: unknown[] = [];
  array.length = length;
  return array;
}
