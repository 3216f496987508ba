import { bare, holes, nested, withKey } from "./nested-values.ts";

/** A value that every codec gives back. */
export interface StorableValue {
  readonly name: string;
  readonly value: unknown;
  /** What it comes back as: `value` itself, but for instances of error classes that no codec knows. */
  readonly expected: unknown;
}

class PaymentError extends TypeError {
  override readonly name = "PaymentError";
  readonly code = "CARD_DECLINED";
  readonly details: unknown;

  constructor(message: string, details: unknown) {
    super(message);
    this.details = details;
  }
}

/** Values that a naive codec loses, changes or chokes on. */
export const storableValues: readonly StorableValue[] = [
  ...primitives(),
  ...texts(),
  ...objects(),
  ...arrays(),
  ...builtIns(),
  ...bytes(),
  ...errors(),
  ...nestedValues(),
];

function same(name: string, value: unknown): StorableValue {
  return { name, value, expected: value };
}

function primitives(): StorableValue[] {
  return [
    same("undefined", undefined),
    same("null", null),
    same("true", true),
    same("false", false),
    ...[0, -0, 1, -1, 0.1, 1 / 3, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, Number.NaN, Infinity, -Infinity].map(
      number,
    ),
    // Where the shortest form of an integer changes.
    ...[9, 10, 31, 32, 127, 128, 255, 256, 65535, 65536, 999999999, 1000000000].map(number),
    ...[2147483647, 2147483648, 4294967295, 4294967296, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64].map(number),
    ...[-31, -32, -33, -127, -128, -129, -32768, -32769, -2147483648, -2147483649, -(2 ** 53) + 1].map(number),
    ...[0n, 1n, -1n, 127n, 128n, -128n, -129n, 255n, 256n, 2n ** 64n, -(2n ** 64n), 2n ** 65536n - 1n].map(bigint),
  ];
}

function number(value: number): StorableValue {
  return same(`number ${Object.is(value, -0) ? "-0" : value}`, value);
}

function bigint(value: bigint): StorableValue {
  const digits = value.toString();
  return same(`bigint ${digits.length > 25 ? `of ${digits.length} digits` : digits}`, value);
}

function texts(): StorableValue[] {
  const long = "0123456789".repeat(10_000);
  return [
    ...[
      "",
      "a",
      "ä",
      "€",
      "𝄞",
      "a\u0000b",
      "\u0000",
      "\u001b[31m",
      '"\\/\b\f\n\r\t',
      "\u007f",
      "\u2028\u2029",
      "\ufeff",
    ].map(text),
    ...[
      "\ud800",
      "\udc00",
      "a\ud83d",
      "\ude00b",
      "\udc00\ud800",
      "\ud83d\ude00",
      "\\u0000",
      "\\ud800",
      "C:\\users",
    ].map(text),
    ...["$waymark", "$waymark:", '{"$waymark":"undefined"}', "__proto__", "'; DROP TABLE x; --", "null", "NaN"].map(
      text,
    ),
    ...[19, 20, 21, 31, 32, 33, 99, 100, 101, 255, 256, 65535, 65536].map((length) =>
      same(`${length} letters`, "x".repeat(length)),
    ),
    ...[10, 11, 30, 100, 85, 86, 30_000].map((length) => same(`${length} euro signs`, "€".repeat(length))),
    same("long text", long),
    same("long text that ends in a lone surrogate", `${long}\ud800`),
    same("long text with NUL", `${long}\u0000`),
  ];
}

function text(value: string): StorableValue {
  return same(`text ${JSON.stringify(value)}`, value);
}

function objects(): StorableValue[] {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "toJSON", "length", ""];
  const odd = [
    "a\u0000",
    "\ud800",
    "ключ",
    "10",
    "2",
    "-1",
    "1.5",
    "$waymark",
    "$waymark:",
    "$waymark:x",
    "$waymarkx",
    "$",
    "value",
  ];
  const frozen = Object.freeze({ deep: Object.freeze([1, 2]) });
  return [
    same("empty object", {}),
    same("object with undefined", { a: undefined, b: 1 }),
    ...[...names, ...odd].map((name) =>
      same(`object with the key ${JSON.stringify(name)}`, withKey({}, name, { polluted: 1 })),
    ),
    same("object that looks like a tag", { $waymark: "Date", value: "1970-01-01T00:00:00.000Z" }),
    same(
      "object that looks like a tag within a tag",
      new Map([[{ $waymark: "undefined" }, { "$waymark:$waymark": 1 }]]),
    ),
    same("object with odd keys among others", Object.fromEntries(odd.map((name, index) => [name, index]))),
    same("object with a key of 100,000 letters", { ["k".repeat(100_000)]: 1 }),
    ...[15, 16, 17, 65_535, 65_536].map((size) =>
      same(`object with ${size} keys`, Object.fromEntries(range(size).map((n) => [`k${n}`, n]))),
    ),
    same("frozen object", frozen),
    same(
      "object with a property that is not enumerable",
      Object.defineProperty({ a: 1 }, "hidden", { value: () => 1 }),
    ),
    same(
      "object with a symbol that is not enumerable",
      Object.defineProperty({ a: 1 }, Symbol("hidden"), { value: 1 }),
    ),
    same("null-prototype object", withKey(bare(), "a", 1)),
    same("empty null-prototype object", bare()),
    same("null-prototype object with the key __proto__", withKey(bare(), "__proto__", { polluted: 1 })),
    same("null-prototype object with odd keys", withKey(bare(), "$waymark", withKey(bare(), "\u0000", 1))),
    { name: "Proxy of a plain object", value: new Proxy({ a: [1] }, {}), expected: { a: [1] } },
    {
      name: "object with a getter",
      value: {
        get now() {
          return 42;
        },
      },
      expected: { now: 42 },
    },
  ];
}

function arrays(): StorableValue[] {
  const sparse: unknown[] = [];
  sparse[3] = "x";
  return [
    same("empty array", []),
    same("array with undefined", [undefined, 1, undefined]),
    // biome-ignore lint/suspicious/noSparseArray: holes are what is tested
    same("array with holes at both ends and in the middle", [, 1, , , 2, ,]),
    same("array of nothing but holes", holes(3)),
    same("array with a late element", sparse),
    same("holes next to undefined and null", Object.assign(holes(4), { 1: undefined, 2: null })),
    ...[15, 16, 17, 65_535, 65_536].map((length) => same(`array of ${length}`, range(length))),
    { name: "Proxy of an array", value: new Proxy([1, [2]], {}), expected: [1, [2]] },
  ];
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function builtIns(): StorableValue[] {
  const times = [
    0,
    1,
    -1,
    999,
    1000,
    1e9,
    1e12,
    2 ** 32 * 1000,
    2 ** 34 * 1000 - 1,
    2 ** 34 * 1000,
    -62198755200000,
    8.64e15,
    -8.64e15,
  ];
  const sticky = /a/y;
  sticky.lastIndex = 7;
  return [
    ...times.map((time) => same(`Date at ${time} ms`, new Date(time))),
    same("invalid Date", new Date(Number.NaN)),
    same("empty Map", new Map()),
    same(
      "Map with keys of all kinds",
      new Map<unknown, unknown>([
        [undefined, 1],
        [Number.NaN, 2],
        [{ a: 1 }, new Map([["x", 1n]])],
        ["__proto__", 3],
      ]),
    ),
    same("empty Set", new Set()),
    same("Set of sets", new Set<unknown>([new Set([1]), "1", 1, -1, undefined, null])),
    same("RegExp", /^a+(?<name>b)?\/$/giu),
    same("RegExp with a lone surrogate", new RegExp("\ud800")),
    same("RegExp with NUL", new RegExp("\u0000")),
    same("empty RegExp", new RegExp("")),
    same("RegExp with lastIndex", sticky),
    same("URL", new URL("https://user:pass@exämple.org:8080/a%20b?q=ü&r=%00#frag")),
    same("URL of another scheme", new URL("urn:isbn:0451450523")),
  ];
}

function bytes(): StorableValue[] {
  const all = Uint8Array.from(range(256));
  const buffer = new Uint8Array(all.subarray(0, 16)).buffer;
  return [
    ...[0, 1, 2, 3, 4, 8, 16, 17, 255, 256].map((length) =>
      same(`Uint8Array of ${length}`, new Uint8Array(length).fill(0xab)),
    ),
    same(
      "Uint8Array of 100,000",
      new Uint8Array(100_000).map((_, index) => index),
    ),
    same("Uint8Array that is part of a larger buffer", all.subarray(5, 9)),
    same("Buffer", Buffer.from("héllo")),
    same("empty Buffer", Buffer.alloc(0)),
    same("ArrayBuffer", buffer),
    same("empty ArrayBuffer", new ArrayBuffer(0)),
    same("DataView", new DataView(buffer, 3, 5)),
    same("Int8Array", Int8Array.of(-128, 127)),
    same("Uint8ClampedArray", Uint8ClampedArray.of(0, 255)),
    same("Int16Array", Int16Array.of(-32768, 258)),
    same("Uint16Array at an odd offset of its bytes", new Uint16Array(buffer, 2, 3)),
    same("Int32Array", Int32Array.of(-2147483648, 16909060)),
    same("Uint32Array", Uint32Array.of(4294967295)),
    same("Float32Array", Float32Array.of(1.5, -0, Number.NaN, Infinity)),
    same("Float64Array", Float64Array.of(Math.PI, -0, 5e-324)),
    same("BigInt64Array", BigInt64Array.of(-(2n ** 63n))),
    same("BigUint64Array", BigUint64Array.of(2n ** 64n - 1n)),
  ];
}

function errors(): StorableValue[] {
  const withCause = new RangeError("outer", { cause: new Error("inner", { cause: "text" }) });
  const withFields = Object.assign(new Error("ENOENT: no such file"), {
    code: "ENOENT",
    errno: -2,
    at: new Date(0),
    constructor: 1,
  });
  const aggregate = new AggregateError([new TypeError("one"), undefined, "three"], "several");
  const stackless = new Error("stackless");
  Reflect.deleteProperty(stackless, "stack");
  const renamed = Object.defineProperty(new SyntaxError("x"), "name", {
    value: "Renamed",
    configurable: true,
    writable: true,
  });
  const enumerable = Object.assign(new EvalError("x"), { name: "E", message: "m", stack: "s", cause: 1, errors: 2 });
  for (const name of ["message", "stack"]) Object.defineProperty(enumerable, name, { enumerable: true });
  const odd = Object.assign(new URIError("\u0000\ud800"), { "\u0000": 1, $waymark: 2, fields: 3, class: 4 });
  const payment = new PaymentError("declined", { tries: 3 });
  const dom = new DOMException("The operation was aborted", "AbortError");
  return [
    same("Error", new Error("message")),
    same("Error without a message", Reflect.construct(Error, [])),
    same("Error with an undefined cause", new Error("x", { cause: undefined })),
    same("ReferenceError", new ReferenceError("x is not defined")),
    same("error with a chain of causes", withCause),
    same("error with fields", withFields),
    same("AggregateError", aggregate),
    same("error without a stack", stackless),
    same("error with a name of its own", renamed),
    same("error whose usual parts are enumerable", enumerable),
    same("error with odd text and fields", odd),
    { name: "instance of an own error class", value: payment, expected: revived(new TypeError("declined"), payment) },
    {
      name: "DOMException",
      value: dom,
      expected: withHidden(withHidden(revivedHidden(dom), "name", "AbortError"), "code", 20),
    },
  ];
}

/** What an error of an own class comes back as: the built-in class that it extends, with its own fields. */
function revived(base: Error, original: Error): Error {
  return withHidden(Object.assign(base, Object.fromEntries(Object.entries(original))), "stack", original.stack);
}

function revivedHidden(original: Error): Error {
  return withHidden(new Error(original.message), "stack", original.stack);
}

function withHidden(error: Error, name: string, value: unknown): Error {
  return Object.defineProperty(error, name, { value, writable: true, enumerable: false, configurable: true });
}

function nestedValues(): StorableValue[] {
  const shared = { list: [1, 2] };
  return [
    same("same object in several places", { a: shared, b: shared, c: [shared] }),
    same(
      "arrays nested 200 deep",
      nested(200, (inner) => [inner]),
    ),
    same(
      "objects nested 200 deep",
      nested(200, (inner) => ({ next: inner })),
    ),
    same(
      "maps nested 200 deep",
      nested(200, (inner) => new Map([["next", inner]])),
    ),
    same(
      "errors nested 200 deep",
      nested(200, (inner) => Object.assign(new Error("x"), { next: inner })),
    ),
    same("everything at once", {
      list: [new Map([["k", new Set([1n, Number.NaN, new Date(5)])]]), /x/g, [undefined, -0]],
    }),
  ];
}
