import { bare, holes, nested, withKey } from "./nested-values.ts";

/** A value that every codec refuses. */
export interface UnstorableValue {
  readonly name: string;
  readonly value: unknown;
  /** What the refusal names as the place of the problem. */
  readonly path: string;
}

class Money {
  readonly cents = 1999;

  toJSON(): number {
    return this.cents;
  }
}

/** Values that can't be stored, or not within the default limits. */
export const unstorableValues: readonly UnstorableValue[] = [
  ...notData(),
  ...instances(),
  ...namedProperties(),
  ...cycles(),
  ...throwing(),
  ...tooMuch(),
];

function notData(): UnstorableValue[] {
  const callback = (): number => 1;
  return [
    { name: "function", value: callback, path: "$" },
    { name: "class", value: Money, path: "$" },
    { name: "symbol", value: Symbol("x"), path: "$" },
    {
      name: "function in an array in an object",
      value: { items: [0, 1, 2, { callback }] },
      path: "$.items[3].callback",
    },
    {
      name: "function under an odd key",
      value: { "odd key": { 'a"b\n': callback } },
      path: '$["odd key"]["a\\"b\\n"]',
    },
    { name: "function under a key with a lone surrogate", value: { "\ud800": callback }, path: '$["\ufffd"]' },
    { name: "function under an empty key", value: { "": callback }, path: '$[""]' },
    { name: "function under __proto__", value: withKey({}, "__proto__", callback), path: "$.__proto__" },
    {
      name: "function under a key of 1,000 letters",
      value: { ["k".repeat(1000)]: callback },
      path: `$["${"k".repeat(60)}…"]`,
    },
    { name: "method toJSON", value: { toJSON: () => 1 }, path: "$.toJSON" },
    { name: "thenable", value: { then: callback }, path: "$.then" },
    { name: "symbol in a Set", value: { tags: new Set(["a", Symbol("b")]) }, path: "$.tags.values()[1]" },
    {
      name: "function as a key of a Map",
      value: new Map<unknown, unknown>([
        [1, 1],
        [callback, 2],
      ]),
      path: "$.keys()[1]",
    },
    { name: "function as a value of a Map", value: [new Map([["x", { f: callback }]])], path: "$[0].values()[0].f" },
    { name: "function in a null-prototype object", value: withKey(bare(), "f", callback), path: "$.f" },
    { name: "key that is a symbol", value: { a: { [Symbol("id")]: 1 } }, path: '$.a[Symbol("id")]' },
    { name: "key that is a symbol without a name", value: [{ [Symbol()]: 1 }], path: '$[0][Symbol("")]' },
    {
      name: "function as a field of an error",
      value: { e: Object.assign(new Error("x"), { retry: callback }) },
      path: "$.e.retry",
    },
    { name: "function as the cause of an error", value: new Error("x", { cause: callback }), path: "$.cause" },
    { name: "function among an error's errors", value: new AggregateError([1, callback], "x"), path: "$.errors[1]" },
    {
      name: "symbol as a key of an error",
      value: Object.assign(new Error("x"), { [Symbol("k")]: 1 }),
      path: '$[Symbol("k")]',
    },
    {
      name: "symbol as a key of an error with fields",
      value: Object.assign(new Error("x"), { a: 1, [Symbol("k")]: 1 }),
      path: '$[Symbol("k")]',
    },
    { name: "bigint of more than 65,536 bits", value: { n: [2n ** 65536n] }, path: "$.n[0]" },
    { name: "negative bigint of more than 65,536 bits", value: -(2n ** 65536n), path: "$" },
  ];
}

function instances(): UnstorableValue[] {
  const proxied = [
    new Map([[1, 2]]),
    new Set([1]),
    new Date(0),
    /x/,
    new URL("http://a/"),
    new ArrayBuffer(1),
    Int8Array.of(1),
  ];
  const pretenders = [Date, Map, Set, RegExp, URL, ArrayBuffer, Uint8Array, DataView, Array];
  const anonymous = new (class {})();
  return [
    { name: "instance of an own class", value: { price: new Money() }, path: "$.price" },
    { name: "instance of a class without a name", value: anonymous, path: "$" },
    {
      name: "instance of a class whose constructor is no function",
      value: Object.create({ constructor: 1 }),
      path: "$",
    },
    { name: "object with a prototype", value: [Object.create({ inherited: 1 })], path: "$[0]" },
    { name: "object whose prototype has none", value: Object.create(bare()), path: "$" },
    { name: "Promise", value: { a: Promise.resolve(1) }, path: "$.a" },
    { name: "WeakMap", value: { a: { b: new WeakMap() } }, path: "$.a.b" },
    { name: "WeakSet", value: new WeakSet(), path: "$" },
    { name: "WeakRef", value: new WeakRef({}), path: "$" },
    { name: "SharedArrayBuffer", value: new SharedArrayBuffer(1), path: "$" },
    { name: "boxed number", value: [Reflect.construct(Number, [1])], path: "$[0]" },
    { name: "boxed text", value: Reflect.construct(String, ["x"]), path: "$" },
    { name: "boxed symbol", value: Object(Symbol("x")), path: "$" },
    { name: "URLSearchParams", value: new URLSearchParams("a=1"), path: "$" },
    {
      name: "generator",
      value: {
        g: (function* () {
          yield 1;
        })(),
      },
      path: "$.g",
    },
    { name: "subclass of Array", value: new (class List extends Array {})(), path: "$" },
    { name: "subclass of Map", value: new (class Registry extends Map {})(), path: "$" },
    { name: "subclass of Date", value: new (class Day extends Date {})(), path: "$" },
    { name: "subclass of Uint8Array", value: new (class Blob8 extends Uint8Array {})(), path: "$" },
    { name: "class that calls itself Date", value: new (class Date {})(), path: "$" },
    ...proxied.slice(0, 5).map((value) => ({
      name: `Proxy of ${value.constructor.name}`,
      value: { p: new Proxy(value, {}) },
      path: "$.p",
    })),
    ...proxied
      .slice(5)
      .map((value) => ({ name: `Proxy of ${value.constructor.name}`, value: [new Proxy(value, {})], path: "$[0]" })),
    ...pretenders.map(({ name, prototype }) => ({
      name: `object with the prototype of ${name}`,
      value: { x: Object.create(prototype) as object },
      path: "$.x",
    })),
    { name: "Proxy that is its own prototype", value: { p: lawless() }, path: "$.p" },
  ];
}

/** A Proxy that is its own prototype: whoever follows the chain of its prototypes never returns. */
function lawless(): Error {
  const proxy: Error = new Proxy(new Error("lawless"), { getPrototypeOf: () => proxy });
  return proxy;
}

function namedProperties(): UnstorableValue[] {
  const lastIndex = /x/g;
  lastIndex.lastIndex = -1;
  return [
    { name: "result of a match", value: { m: "abc".match(/b/) }, path: "$.m.index" },
    { name: "array with a named property", value: Object.assign([1, 2], { total: 3 }), path: "$.total" },
    {
      name: "sparse array with a named property",
      value: Object.assign(holes(5), { 2: 1, extra: 1 }),
      path: "$.extra",
    },
    { name: "array with a symbol", value: [Object.assign([1], { [Symbol("s")]: 1 })], path: '$[0][Symbol("s")]' },
    { name: "Date with a named property", value: { d: Object.assign(new Date(0), { zone: "UTC" }) }, path: "$.d.zone" },
    { name: "Map with a named property", value: Object.assign(new Map(), { a: 1 }), path: "$.a" },
    { name: "Set with a named property", value: Object.assign(new Set(), { a: 1 }), path: "$.a" },
    { name: "RegExp with a named property", value: Object.assign(/x/, { a: 1 }), path: "$.a" },
    { name: "URL with a named property", value: Object.assign(new URL("http://a/"), { a: 1 }), path: "$.a" },
    { name: "ArrayBuffer with a named property", value: Object.assign(new ArrayBuffer(1), { a: 1 }), path: "$.a" },
    { name: "RegExp with a lastIndex that is no position", value: { r: lastIndex }, path: "$.r.lastIndex" },
  ];
}

function cycles(): UnstorableValue[] {
  const self: { self?: unknown } = {};
  self.self = self;
  const list: unknown[] = [];
  list.push({ list });
  const map = new Map<string, unknown>();
  map.set("self", { map });
  const set = new Set<unknown>();
  set.add([set]);
  const error = new Error("x");
  error.cause = new Error("y", { cause: error });
  return [
    { name: "object that holds itself", value: self, path: "$.self" },
    { name: "cycle below the top", value: { a: [self] }, path: "$.a[0].self" },
    { name: "array that holds itself", value: list, path: "$[0].list" },
    { name: "Map that holds itself", value: map, path: "$.values()[0].map" },
    { name: "Set that holds itself", value: set, path: "$.values()[0][0]" },
    { name: "error that is its own cause", value: error, path: "$.cause.cause" },
  ];
}

function throwing(): UnstorableValue[] {
  const getter = {
    get bad(): never {
      throw new Error("no");
    },
  };
  const throwsNull = {
    get bad(): never {
      throw null;
    },
  };
  const error = Object.defineProperty(new Error("x"), "stack", {
    get: () => {
      throw new Error("no");
    },
  });
  const field = Object.defineProperty(new Error("x"), "info", {
    enumerable: true,
    get: () => {
      throw new Error("no");
    },
  });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const trap = (name: keyof ProxyHandler<object>): object =>
    new Proxy(
      {},
      {
        [name]: () => {
          throw new Error("no");
        },
      },
    );
  const tag = {
    get [Symbol.toStringTag](): never {
      throw new Error("no");
    },
  };
  return [
    { name: "getter that throws", value: { a: getter }, path: "$.a.bad" },
    { name: "getter that throws null", value: [throwsNull], path: "$[0].bad" },
    {
      name: "getter that throws a Proxy which is its own prototype",
      value: {
        get bad(): never {
          throw lawless();
        },
      },
      path: "$.bad",
    },
    { name: "error whose stack can't be read", value: { error }, path: "$.error.stack" },
    { name: "error whose field can't be read", value: { error: field }, path: "$.error.info" },
    { name: "revoked Proxy", value: { a: revoked.proxy }, path: "$.a" },
    { name: "Proxy without a prototype to be had", value: [trap("getPrototypeOf")], path: "$[0]" },
    { name: "Proxy without keys to be had", value: { p: trap("ownKeys") }, path: "$.p" },
    { name: "symbol with a getter that throws", value: { tag }, path: '$.tag[Symbol("Symbol.toStringTag")]' },
  ];
}

function tooMuch(): UnstorableValue[] {
  const depthPath = (step: string): string => `$${step.repeat(32)}…${step.repeat(8)}`;
  let doubling: unknown = [0];
  for (let level = 0; level < 60; level++) doubling = [doubling, doubling];
  return [
    { name: "arrays nested 201 deep", value: nested(201, (inner) => [inner]), path: depthPath("[0]") },
    { name: "arrays nested 100,000 deep", value: nested(100_000, (inner) => [inner]), path: depthPath("[0]") },
    { name: "objects nested 100,000 deep", value: nested(100_000, (inner) => ({ a: inner })), path: depthPath(".a") },
    {
      name: "maps nested 100,000 deep",
      value: nested(100_000, (inner) => new Map([[1, inner]])),
      path: depthPath(".values()[0]"),
    },
    { name: "shared objects that expand to 2 to the power of 60", value: doubling, path: "$" },
    { name: "array of 4,294,967,295 holes", value: holes(4_294_967_295), path: "$" },
    {
      name: "Proxy of an array with a length that is no length",
      value: new Proxy([], { get: () => Number.NaN }),
      path: "$",
    },
  ];
}
