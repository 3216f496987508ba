import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { storableValues, unstorableValues } from "../../test/support/hostile-values.ts";
import { nested } from "../../test/support/nested-values.ts";
import { sameValue } from "../../test/support/same-value.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { CodecEncodeError, PayloadTooLargeError } from "../errors/codec-errors.ts";
import { JsonCodec } from "./json-codec.ts";
import { MsgpackCodec } from "./msgpack-codec.ts";

// What both formats promise. What only one of them is about stands in its own test file.

function refusal(action: () => unknown): CodecEncodeError {
  try {
    action();
  } catch (error) {
    if (error instanceof CodecEncodeError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe.each([{ Codec: JsonCodec }, { Codec: MsgpackCodec }])("$Codec.name", ({ Codec }) => {
  const codec = new Codec();
  const roundTrip = (value: unknown): unknown => codec.decode(codec.encode(value));

  describe("encode", () => {
    test.each(storableValues)("gives back: $name", ({ value, expected }) => {
      expect(sameValue(roundTrip(value), expected)).toBe(true);
    });

    test.each(unstorableValues)("refuses, and says where: $name", ({ value, path }) => {
      expect(refusal(() => codec.encode(value)).path).toBe(path);
    });

    test("says why it refuses", () => {
      const cycle: unknown[] = [];
      cycle.push([cycle]);
      expect(refusal(() => codec.encode({ f: String })).message).toBe(
        "The value at $.f can't be stored: it is a function",
      );
      expect(refusal(() => codec.encode(Promise.resolve())).message).toContain("it is a Promise; await it first");
      expect(refusal(() => codec.encode(new Intl.NumberFormat())).message).toContain("an instance of NumberFormat");
      expect(refusal(() => codec.encode(new (class {})())).message).toContain("an instance of an unnamed class");
      expect(refusal(() => codec.encode({ cycle })).message).toContain("it refers back to $.cycle, which holds it");
    });

    test("gives equal bytes for equal values", () => {
      const oddNaN = new Float64Array(BigUint64Array.of(0xfff8_dead_beef_0001n).buffer)[0];
      expect(codec.encode([Number.NaN, { a: 1n }])).toEqual(codec.encode([oddNaN, { a: 1n }]));
    });

    test("gives bytes that the next call does not change", () => {
      const first = codec.encode({ text: "first" });
      codec.encode({ text: "other" });
      expect(codec.decode(first)).toEqual({ text: "first" });
    });

    test("gives bytes that own all of their memory", () => {
      const bytes = codec.encode("x");
      expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
    });

    test("reads every property once", () => {
      let reads = 0;
      const changing = {
        get value(): unknown {
          reads += 1;
          return reads === 1 ? "data" : () => "a function, which could not be stored";
        },
      };
      expect(roundTrip(changing)).toEqual({ value: "data" });
      expect(reads).toBe(1);
    });

    test("encodes what a getter encodes in the meantime", () => {
      const outer = {
        before: "x".repeat(50),
        get inner(): unknown {
          return roundTrip({ nested: [1, 2, 3] });
        },
        after: "y",
      };
      expect(roundTrip(outer)).toEqual({ before: "x".repeat(50), inner: { nested: [1, 2, 3] }, after: "y" });
    });

    test("blames the outer value's path when a getter's own encoding is refused", () => {
      const outer = {
        list: [
          {
            get inner(): unknown {
              return codec.encode({ deep: Symbol("x") });
            },
          },
        ],
      };
      const error = refusal(() => codec.encode(outer));
      expect(error.path).toBe("$.list[0].inner");
      expect(error.cause).toBeInstanceOf(CodecEncodeError);
    });

    test("keeps what a getter threw as the cause", () => {
      const thrown = new Error("no");
      const error = refusal(() =>
        codec.encode({
          get bad(): never {
            throw thrown;
          },
        }),
      );
      expect(error).toMatchObject({ path: "$.bad", cause: thrown });
    });

    test("works after a refusal", () => {
      expect(() => codec.encode([[[Symbol("x")]]])).toThrow(CodecEncodeError);
      expect(roundTrip([[["x"]]])).toEqual([[["x"]]]);
    });

    test("keeps no reference to what it encoded", () => {
      const parent = { child: {} };
      const other = { parent };
      // If a parent were still on the list of what is being walked, this would look like a cycle.
      codec.encode(parent);
      expect(roundTrip({ child: other })).toEqual({ child: { parent: { child: {} } } });
    });

    test("refuses an array that a getter adds elements to while it is read", () => {
      const growing: unknown[] = [
        {
          get size(): number {
            return growing.push(1);
          },
        },
        2,
      ];
      expect(refusal(() => codec.encode({ growing })).path).toBe('$.growing["2"]');
    });

    test("stores elements that a getter removes before they are read as holes", () => {
      const shrinking: unknown[] = [
        {
          get last(): unknown {
            return shrinking.pop();
          },
        },
        "last",
      ];
      // biome-ignore lint/suspicious/noSparseArray: holes are what is tested
      expect(sameValue(roundTrip(shrinking), [{ last: "last" }, ,])).toBe(true);
    });

    test("ignores the named properties of typed arrays", () => {
      expect(sameValue(roundTrip(Object.assign(Uint8Array.of(1), { extra: 1 })), Uint8Array.of(1))).toBe(true);
    });

    test("leaves out a stack that is not text", () => {
      const error = Object.defineProperty(new Error("x"), "stack", { value: [{ call: "site" }] });
      expect(roundTrip(error)).not.toHaveProperty("stack");
    });
  });

  describe("encode, of values of another realm", () => {
    const foreign = (source: string): unknown => runInNewContext(source);

    test.each<[string, unknown]>([
      ["({ a: [1, new Map([[1, 2]]), new Set([3])] })", { a: [1, new Map([[1, 2]]), new Set([3])] }],
      ["new Date(5)", new Date(5)],
      ["/x/g", /x/g],
      ["Uint8Array.of(1, 2)", Uint8Array.of(1, 2)],
      ["Float64Array.of(1.5)", Float64Array.of(1.5)],
      ["Uint8Array.of(1, 2).buffer", Uint8Array.of(1, 2).buffer],
      ["new DataView(Uint8Array.of(1, 2).buffer)", new DataView(Uint8Array.of(1, 2).buffer)],
    ])("gives back %s as one of this realm", (source, expected) => {
      expect(sameValue(roundTrip(foreign(source)), expected)).toBe(true);
    });

    test.each([
      ["new Error('x')", Error],
      ["new TypeError('x')", TypeError],
      ["new (class Mine extends RangeError {})('x')", RangeError],
    ])("gives back %s as an error of this realm", (source, constructor) => {
      const error = roundTrip(foreign(source));
      expect(Object.getPrototypeOf(error)).toBe(constructor.prototype);
      expect(error).toMatchObject({ message: "x" });
    });

    test.each([
      "new (class Mine {})()",
      "new (class Map {})()",
      "Object.create({})",
      "Object.create(Date.prototype)",
      "new (class Day extends Date {})()",
      "new (class Mine { get [Symbol.toStringTag]() { return 'Error'; } })()",
      "Object.create(Object.create(Error.prototype))",
    ])("refuses %s", (source) => {
      expect(refusal(() => codec.encode(foreign(source))).path).toBe("$");
    });
  });

  describe("limits", () => {
    test("refuses a value that nests one level deeper than maxDepth", () => {
      const shallow = new Codec({ maxDepth: 3 });
      expect(shallow.decode(shallow.encode([[[1]]]))).toEqual([[[1]]]);
      expect(() => shallow.encode([[[[1]]]])).toThrow("it nests deeper than 3 levels");
    });

    test.each<[string, (inner: unknown) => unknown]>([
      ["arrays", (inner) => [inner]],
      ["objects", (inner) => ({ inner })],
      ["maps", (inner) => new Map([["inner", inner]])],
      ["sets", (inner) => new Set([inner])],
      ["errors", (inner) => Object.assign(new Error("x"), { inner })],
    ])("reads and writes %s that nest as deep as maxDepth may ever allow", (_, wrap) => {
      const deep = new Codec({ maxDepth: 400 });
      const value = nested(400, wrap, /x/);
      // Written with the limit raised; read by a codec that knows nothing of it.
      expect(sameValue(codec.decode(deep.encode(value)), value)).toBe(true);
    });

    test("refuses a value with one part more than maxNodes", () => {
      const small = new Codec({ maxNodes: 4 });
      expect(small.decode(small.encode([1, [2]]))).toEqual([1, [2]]);
      expect(refusal(() => small.encode([1, [2, 3]]))).toMatchObject({ path: "$" });
      expect(refusal(() => small.encode([undefined, , , ,])).message).toContain("more than 4 values");
    });

    test.each<[string, unknown]>([
      ["text", "x".repeat(1_000)],
      ["long text", "x".repeat(70_000)],
      ["text with lone surrogates", "\ud800".repeat(1_000)],
      ["bytes", new Uint8Array(1_000)],
      ["typed arrays", new Float64Array(1_000)],
      ["many values", Array.from({ length: 1_000 }, (_, index) => index)],
    ])("refuses %s that would take more than maxBytes", (_, value) => {
      const sizeBytes = codec.encode(value).length;
      expect(new Codec({ maxBytes: sizeBytes }).encode(value)).toHaveLength(sizeBytes);
      expect(() => new Codec({ maxBytes: sizeBytes - 1 }).encode(value)).toThrow(PayloadTooLargeError);
    });

    test("refuses text that many places share before it has all been written", () => {
      const shared = "x".repeat(1_000_000);
      const limited = new Codec({ maxBytes: 2_000_000 });
      expect(() => limited.encode(Array.from({ length: 100_000 }, () => shared))).toThrow(PayloadTooLargeError);
    });

    test.each(["maxDepth", "maxNodes", "maxBytes"])("refuses a %s that is no whole number in its range", (name) => {
      for (const value of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53, "1"]) {
        expect(() => new Codec({ [name]: value })).toThrow(InvalidArgumentError);
      }
    });
  });

  describe("decode", () => {
    test("never changes a prototype", () => {
      const hostile = Object.defineProperty({}, "__proto__", { value: { polluted: 1 }, enumerable: true });
      const back = roundTrip([hostile, { constructor: { prototype: { polluted: 1 } } }]) as object[];
      expect(Object.getPrototypeOf(back[0])).toBe(Object.prototype);
      expect(Object.hasOwn(back[0] as object, "__proto__")).toBe(true);
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    });

    test("gives values that share no memory with the bytes", () => {
      const bytes = codec.encode(Uint8Array.of(1, 2, 3));
      const value = codec.decode(bytes) as Uint8Array;
      bytes.fill(0);
      expect(value).toEqual(Uint8Array.of(1, 2, 3));
    });

    test("reads bytes that are part of a larger buffer, as a database driver gives them", () => {
      const value = { text: "hello", at: new Date(5), bytes: Uint8Array.of(1), map: new Map([["k", "v"]]) };
      const part = Buffer.concat([Buffer.from("before"), codec.encode(value), Buffer.from("after")]).subarray(6, -5);
      expect(sameValue(codec.decode(part), value)).toBe(true);
    });
  });
});
