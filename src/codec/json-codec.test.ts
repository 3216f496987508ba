import { readFileSync } from "node:fs";
import { test as propertyTest } from "@fast-check/vitest";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { storableValue } from "../../test/support/arbitrary-values.ts";
import { storableValues } from "../../test/support/hostile-values.ts";
import { bare, holes, withKey } from "../../test/support/nested-values.ts";
import { sameValue } from "../../test/support/same-value.ts";
import { CodecDecodeError } from "../errors/codec-errors.ts";
import { JsonCodec } from "./json-codec.ts";

const codec = new JsonCodec();
const specification = readFileSync(new URL("../../docs/formats/json.md", import.meta.url), "utf8");

function textOf(value: unknown): string {
  return new TextDecoder().decode(codec.encode(value));
}

function valueOf(text: string): unknown {
  return codec.decode(new TextEncoder().encode(text));
}

function stackless(error: Error): Error {
  Reflect.deleteProperty(error, "stack");
  return error;
}

const vectors: readonly (readonly [value: unknown, text: string])[] = [
  [{ sku: "A-1", quantity: 2, tags: ["new", null, true] }, '{"sku":"A-1","quantity":2,"tags":["new",null,true]}'],
  [undefined, '{"$waymark":"undefined"}'],
  [{ a: undefined }, '{"a":{"$waymark":"undefined"}}'],
  [Object.assign(holes(2), { 0: 1 }), '[1,{"$waymark":"hole"}]'],
  [Number.NaN, '{"$waymark":"number","value":"NaN"}'],
  [Infinity, '{"$waymark":"number","value":"Infinity"}'],
  [-Infinity, '{"$waymark":"number","value":"-Infinity"}'],
  [-0, "-0"],
  [-(2n ** 64n), '{"$waymark":"bigint","value":"-18446744073709551616"}'],
  [new Date(1_772_366_400_000), '{"$waymark":"Date","value":"2026-03-01T12:00:00.000Z"}'],
  [new Date(Number.NaN), '{"$waymark":"Date","value":null}'],
  ["a\u0000b", '{"$waymark":"string","value":"a\\\\u0000b"}'],
  ["\ud83d", '{"$waymark":"string","value":"\\\\ud83d"}'],
  [
    new Map<unknown, unknown>([
      ["a", 1],
      [2, "b"],
    ]),
    '{"$waymark":"Map","value":[["a",1],[2,"b"]]}',
  ],
  [new Set([1, 2]), '{"$waymark":"Set","value":[1,2]}'],
  [/a+/gi, '{"$waymark":"RegExp","value":{"source":"a+","flags":"gi"}}'],
  [new URL("https://example.org/?q=1"), '{"$waymark":"URL","value":"https://example.org/?q=1"}'],
  [Uint8Array.of(1, 2, 3, 255), '{"$waymark":"Uint8Array","value":"AQID/w=="}'],
  [Buffer.from("hi"), '{"$waymark":"Buffer","value":"aGk="}'],
  [Uint8Array.of(1, 2, 3).buffer, '{"$waymark":"ArrayBuffer","value":"AQID"}'],
  [Uint16Array.of(1, 256), '{"$waymark":"Uint16Array","value":"AQAAAQ=="}'],
  [Float64Array.of(1.5), '{"$waymark":"Float64Array","value":"AAAAAAAA+D8="}'],
  [withKey(bare(), "a", 1), '{"$waymark":"NullObject","value":{"a":1}}'],
  [{ $waymark: "mine" }, '{"$waymark:$waymark":"mine"}'],
  [{ "$waymark:x": 1 }, '{"$waymark:$waymark:x":1}'],
  [{ "a\u0000": 1 }, '{"$waymark:a\\\\u0000":1}'],
  [
    stackless(Object.assign(new TypeError("no", { cause: 1 }), { code: "E_NO" })),
    '{"$waymark":"Error","value":{"class":"TypeError","message":"no","cause":1,"fields":{"code":"E_NO"}}}',
  ],
];

describe("encode", () => {
  test.each(vectors)("writes %o exactly as specified", (value, text) => {
    expect(textOf(value)).toBe(text);
    expect(sameValue(valueOf(text), value)).toBe(true);
    expect(specification).toContain(text);
  });

  propertyTest.prop([fc.jsonValue({ stringUnit: "binary" })])(
    "writes what is plain JSON as JSON.stringify does",
    (value) => {
      fc.pre(!unfitForJsonb(JSON.stringify(value)));
      // The one number that JSON.stringify loses, though JSON can say it.
      fc.pre(!JSON.stringify(value, (_, part: unknown) => (Object.is(part, -0) ? "-0" : part)).includes('"-0"'));
      expect(textOf(value)).toBe(JSON.stringify(value));
    },
  );

  propertyTest.prop([storableValue])("writes nothing that PostgreSQL's jsonb would refuse", (value) => {
    expect(unfitForJsonb(textOf(value))).toBe(false);
  });

  test.each(storableValues)("writes nothing that PostgreSQL's jsonb would refuse: $name", ({ value }) => {
    expect(unfitForJsonb(textOf(value))).toBe(false);
  });
});

/** jsonb knows neither NUL nor half a surrogate pair, however they are written. */
function unfitForJsonb(text: string): boolean {
  let isUnfit = false;
  JSON.parse(text, (key, value: unknown) => {
    isUnfit ||= [key, value].some(
      (part) => typeof part === "string" && (part.includes("\u0000") || !part.isWellFormed()),
    );
    return value;
  });
  return isUnfit;
}

function catchError(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

describe("decode", () => {
  test.each([
    ["no bytes", ""],
    ["text that is not JSON", "{"],
    ["a byte order mark", "\ufeff{}"],
    ["two values", "1 2"],
    ["an unknown tag", '{"$waymark":"Temporal","value":1}'],
    ["a tag that is the name of a method", '{"$waymark":"toString"}'],
    ["a tag that is no text", '{"$waymark":1}'],
    ["a tag beside other keys", '{"$waymark":"undefined","other":1}'],
    ["undefined with a value", '{"$waymark":"undefined","value":1}'],
    ["a hole with a value", '[{"$waymark":"hole","value":1}]'],
    ["a hole at the top", '{"$waymark":"hole"}'],
    ["a hole in an object", '{"a":{"$waymark":"hole"}}'],
    ["a hole as the value of a tag", '{"$waymark":"Map","value":{"$waymark":"hole"}}'],
    ["an unknown number", '{"$waymark":"number","value":"1"}'],
    ["a bigint that is no text", '{"$waymark":"bigint","value":1}'],
    ["a bigint with a sign for zero", '{"$waymark":"bigint","value":"-0"}'],
    ["a bigint in hexadecimal", '{"$waymark":"bigint","value":"0x10"}'],
    ["a bigint of too many digits", `{"$waymark":"bigint","value":"${"9".repeat(20_000)}"}`],
    ["a string that is no text", '{"$waymark":"string","value":1}'],
    ["a string with a bad escape", '{"$waymark":"string","value":"\\\\u00"}'],
    ["a string that ends its own quotes", '{"$waymark":"string","value":"a\\",\\"b"}'],
    ["a string that is escaped otherwise", '{"$waymark":"string","value":"\\\\u0041"}'],
    ["a Date without a time", '{"$waymark":"Date"}'],
    ["a Date in another format", '{"$waymark":"Date","value":"2026-03-01"}'],
    ["a Date that is none", '{"$waymark":"Date","value":"2026-13-01T00:00:00.000Z"}'],
    ["a Map that is no array", '{"$waymark":"Map","value":{"a":1}}'],
    ["a Map with an entry of three", '{"$waymark":"Map","value":[[1,2,3]]}'],
    ["a Map with an entry that is no array", '{"$waymark":"Map","value":["ab"]}'],
    ["a Map with a hole", '{"$waymark":"Map","value":[{"$waymark":"hole"}]}'],
    ["a Set that is no array", '{"$waymark":"Set","value":"abc"}'],
    ["a null-prototype object that is no object", '{"$waymark":"NullObject","value":[]}'],
    ["a null-prototype object that is null", '{"$waymark":"NullObject","value":null}'],
    ["a RegExp that is text", '{"$waymark":"RegExp","value":"a"}'],
    ["a RegExp without a source", '{"$waymark":"RegExp","value":{"flags":""}}'],
    ["a RegExp without flags", '{"$waymark":"RegExp","value":{"source":"a"}}'],
    ["a RegExp with more parts", '{"$waymark":"RegExp","value":{"source":"a","flags":"","x":1}}'],
    ["a RegExp with bad flags", '{"$waymark":"RegExp","value":{"source":"a","flags":"q"}}'],
    ["a RegExp that is none", '{"$waymark":"RegExp","value":{"source":"(","flags":""}}'],
    ["a RegExp with a bad lastIndex", '{"$waymark":"RegExp","value":{"source":"a","flags":"","lastIndex":-1}}'],
    [
      "a RegExp with a lastIndex of another type",
      '{"$waymark":"RegExp","value":{"source":"a","flags":"","lastIndex":"1"}}',
    ],
    ["a URL that is none", '{"$waymark":"URL","value":"no url"}'],
    ["a URL that is no text", '{"$waymark":"URL","value":1}'],
    ["an Error that is text", '{"$waymark":"Error","value":"x"}'],
    ["an Error of an unknown class", '{"$waymark":"Error","value":{"class":"Function"}}'],
    ["an Error with an unknown part", '{"$waymark":"Error","value":{"toString":1}}'],
    ["an Error whose fields are no object", '{"$waymark":"Error","value":{"fields":[1]}}'],
    ["an Error whose stack is no text", '{"$waymark":"Error","value":{"stack":1}}'],
    ["an Error whose code is an object", '{"$waymark":"Error","value":{"code":{}}}'],
    ["bytes that are no text", '{"$waymark":"Uint8Array","value":[1]}'],
    ["bytes in bad base64", '{"$waymark":"Uint8Array","value":"AQI"}'],
    ["half an element", '{"$waymark":"Uint16Array","value":"AQ=="}'],
    ["an escaped key that is damaged", '{"$waymark:\\\\u00":1}'],
    ["an escaped key that needs no escape", '{"$waymark:a":1}'],
  ])("refuses %s", (_, text) => {
    expect(() => valueOf(text)).toThrow(CodecDecodeError);
  });

  test("refuses bytes that are not UTF-8", () => {
    expect(() => codec.decode(Uint8Array.of(0x22, 0xff, 0x22))).toThrow("it is not UTF-8");
  });

  test("shows nothing of the payload when it is damaged", () => {
    const decoding = (): unknown => valueOf('{"password":"hunter2"');
    expect(decoding).toThrow(new CodecDecodeError("it is not JSON"));
    expect(catchError(decoding).cause).toBeUndefined();
  });

  test("recognises tags that something else wrote with escapes and blanks", () => {
    expect(valueOf('{ "\\u0024waymark" : "Date", "value" : "1970-01-01T00:00:00.000Z" }')).toEqual(new Date(0));
    expect(valueOf('[ "\\u0041" ]')).toEqual(["A"]);
  });

  test("takes an escaped __proto__ for a key like any other", () => {
    const value = valueOf(
      '{"$waymark:$waymark":{"__proto__":{"polluted":1}},"__proto__":[{"$waymark":"undefined"}]}',
    ) as object;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(["$waymark", "__proto__"]);
  });

  describe("refuses text that nests too deep, and reads text that nests as deep as allowed", () => {
    const brackets = (depth: number, inner: string): string => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;

    test.each([
      ["without tags", "1"],
      ["with tags", '{"$waymark":"undefined"}'],
    ])("%s", (_, inner) => {
      expect(() => valueOf(brackets(1_249, inner))).not.toThrow();
      expect(() => valueOf(brackets(1_251, inner))).toThrow("nest deeper than 1250 levels");
      expect(() => valueOf(brackets(100_000, inner))).toThrow("nest deeper than 1250 levels");
    });

    test("with objects", () => {
      const objects = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
      expect(() => valueOf(objects(1_250))).not.toThrow();
      expect(() => valueOf(objects(1_251))).toThrow("nest deeper than 1250 levels");
    });

    test("with brackets in strings, which don't count", () => {
      const text = JSON.stringify(["[".repeat(2_000), '\\"{['.repeat(500), { "{{[\\": 1 }]);
      expect(JSON.stringify(valueOf(text))).toBe(text);
    });

    test("with many arrays and objects beside each other", () => {
      const text = JSON.stringify(Array.from({ length: 2_000 }, (_, index) => ({ index: [index] })));
      expect(JSON.stringify(valueOf(text))).toBe(text);
    });

    test("with an unfinished string", () => {
      expect(() => valueOf(`${"[]".repeat(1_300)}"abc`)).toThrow("it is not JSON");
    });
  });
});
