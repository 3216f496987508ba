import * as fc from "fast-check";

const TYPED_ARRAYS = [
  fc.uint8Array(),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
];

/** Text of all UTF-16 units: lone surrogates and NUL included, and what the JSON format reserves. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "then",
    "toJSON",
    "$waymark",
    "$waymark:",
    "value",
    "\u0000",
    "\ud800",
  ),
);

const { value } = fc.letrec<{ value: unknown; leaf: unknown; node: unknown }>((tie) => ({
  value: fc.oneof({ maxDepth: 5, depthSize: "small", withCrossShrink: true }, tie("leaf"), tie("node")),
  leaf: fc.oneof(
    text,
    fc.boolean(),
    fc.integer(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.constantFrom(null, undefined, -0, Number.NaN, Infinity, -Infinity),
    fc.date({ noInvalidDate: false }),
    ...TYPED_ARRAYS,
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
    fc.uint8Array().map((bytes) => new DataView(bytes.slice().buffer)),
    fc.webUrl().map((href) => new URL(href)),
    text.map((source) => new RegExp(source.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "g")),
  ),
  node: fc.oneof(
    fc.array(tie("value"), { maxLength: 6 }),
    fc.sparseArray(tie("value"), { maxLength: 6 }),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 6 }).map((entries) => withoutPrototype(entries)),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 4 }).map((members) => new Set(members)),
    fc.tuple(text, tie("value"), text, tie("value")).map(([message, cause, field, content]) => {
      const error = new TypeError(message, { cause });
      return Object.defineProperty(error, field, {
        value: content,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }),
  ),
}));

/** Any value that every codec gives back. */
export const storableValue: fc.Arbitrary<unknown> = value;

function withoutPrototype(entries: readonly (readonly [string, unknown])[]): object {
  const target = Object.create(null) as object;
  for (const [name, content] of entries) {
    Object.defineProperty(target, name, { value: content, writable: true, enumerable: true, configurable: true });
  }
  return target;
}
