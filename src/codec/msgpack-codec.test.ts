import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { storableValues } from "../../test/support/hostile-values.ts";
import { bare, holes, withKey } from "../../test/support/nested-values.ts";
import { sameValue } from "../../test/support/same-value.ts";
import { CodecDecodeError } from "../errors/codec-errors.ts";
import { MsgpackCodec } from "./msgpack-codec.ts";

const codec = new MsgpackCodec();
const specification = readFileSync(new URL("../../docs/formats/msgpack.md", import.meta.url), "utf8");

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function decodeHex(hex: string): unknown {
  return codec.decode(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}

function stackless(error: Error): Error {
  Reflect.deleteProperty(error, "stack");
  return error;
}

const vectors: readonly (readonly [value: unknown, hex: string])[] = [
  [null, "c0"],
  [false, "c2"],
  [true, "c3"],
  [{ sku: "A-1", quantity: 2 }, "82a3736b75a3412d31a87175616e7469747902"],
  [127, "7f"],
  [128, "cc80"],
  [256, "cd0100"],
  [65_536, "ce00010000"],
  [-32, "e0"],
  [-33, "d0df"],
  [-129, "d1ff7f"],
  [-32_769, "d2ffff7fff"],
  [2 ** 32, "cb41f0000000000000"],
  [-0, "cb8000000000000000"],
  [Number.NaN, "cb7ff8000000000000"],
  [0.5, "cb3fe0000000000000"],
  ["é", "a2c3a9"],
  [[1, [2]], "92019102"],
  [undefined, "c70001"],
  [Object.assign(holes(2), { 0: 1 }), "9201c70002"],
  [0n, "d40300"],
  [-129n, "d503ff7f"],
  [2n ** 64n, "c70903010000000000000000"],
  ["\ud83d", "d504d83d"],
  [{ "\ud800": 1 }, "81d504d80001"],
  [new Date(Number.NaN), "c70005"],
  [new Date(1_772_366_400_000), "d6ff69a42a40"],
  [new Date(1_772_366_400_001), "d7ff003d090069a42a40"],
  [new Date(2 ** 34 * 1000), "c70cff000000000000000400000000"],
  [new Date(-1), "c70cff3b8b87c0ffffffffffffffff"],
  [new Map([["a", 1]]), "c900000005109192a16101"],
  [new Set([1, 2]), "c90000000311920102"],
  [withKey(bare(), "a", 1), "c9000000041281a16101"],
  [/a+/g, "c9000000131482a6736f75726365a2612ba5666c616773a167"],
  [new URL("a:b"), "c90000000415a3613a62"],
  [
    stackless(Object.assign(new TypeError("no", { cause: 1 }), { code: "E" })),
    "c9000000321384a5636c617373a9547970654572726f72a76d657373616765a26e6fa5636175736501a66669656c647381a4636f6465a145",
  ],
  [Uint8Array.of(1, 2, 3), "c403010203"],
  [Buffer.from("hi"), "d5216869"],
  [Uint8Array.of(1).buffer, "d42001"],
  [Uint16Array.of(1, 256), "d62601000001"],
];

describe("encode", () => {
  test.each(vectors)("writes %o exactly as specified", (value, hex) => {
    expect(hexOf(codec.encode(value))).toBe(hex);
    expect(sameValue(decodeHex(hex), value)).toBe(true);
    expect(specification).toContain(hex);
  });

  test.each([
    ["text of 32 bytes", "x".repeat(32), "d920"],
    ["text of 256 bytes", "x".repeat(256), "da0100"],
    ["text of 65,536 bytes", "x".repeat(65_536), "db00010000"],
    ["text of 31 letters and 62 bytes", "é".repeat(31), "d93e"],
    ["bytes of 256", new Uint8Array(256), "c50100"],
    ["bytes of 65,536", new Uint8Array(65_536), "c600010000"],
    ["an array of 16", Array.from({ length: 16 }, () => 0), "dc0010"],
    ["an array of 65,536", Array.from({ length: 65_536 }, () => 0), "dd00010000"],
    ["a Buffer of 16", Buffer.alloc(16), "d821"],
    ["a Buffer of 17", Buffer.alloc(17), "c71121"],
    ["a Buffer of 256", Buffer.alloc(256), "c8010021"],
    ["a Buffer of 65,536", Buffer.alloc(65_536), "c90001000021"],
  ])("gives %s the shortest head", (_, value, head) => {
    expect(hexOf(codec.encode(value)).slice(0, head.length)).toBe(head);
  });
});

describe("decode", () => {
  test.each([
    ["a float of 32 bits", "ca3fc00000", 1.5],
    ["an unsigned number of 64 bits", "cf001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["a signed number of 8 bits", "d07f", 127],
    ["a signed number of 16 bits", "d18000", -32_768],
    ["a signed number of 32 bits", "d280000000", -(2 ** 31)],
    ["a signed number of 64 bits", "d3ffe0000000000001", Number.MIN_SAFE_INTEGER],
    ["a number in a longer form than it needs", "ce00000001", 1],
    ["a key in a longer form than it needs", "81d90161 01", { a: 1 }],
    ["a key of 16 bits of length", "81da000161 01", { a: 1 }],
    ["a key of 32 bits of length", "81db0000000161 01", { a: 1 }],
    ["an object with 16 bits of size", "de0001a16101", { a: 1 }],
    ["an object with 32 bits of size", "df00000001a16101", { a: 1 }],
    ["an array with 32 bits of length", "dd0000000101", [1]],
    ["a tag with a short head", "c70211 9101", new Set([1])],
  ])("reads %s, as other programs may write it", (_, hex, value) => {
    expect(decodeHex(hex)).toEqual(value);
  });

  test.each([
    ["no bytes", ""],
    ["the byte that is never used", "c1"],
    ["bytes after the value", "c0c0"],
    ["an object without its last value", "82a16101a162"],
    ["a text that ends too early", "a3 6161"],
    ["a text that is not UTF-8", "a1ff"],
    ["a longer text that is not UTF-8", `d91f${"61".repeat(30)}ff`],
    ["a key that is a number", "81 01 01"],
    ["a key that is nil", "81 c0 01"],
    ["a key that is bytes", "81 c40161 01"],
    ["a key that is an array", "81 90 01"],
    ["a key that is a long array", "81 dc0000 01"],
    ["a key that is undefined", "81 c70001 01"],
    ["a key that is a tag", "81 c90000000111 90 01"],
    ["an array that claims more elements than there are bytes", "ddffffffff"],
    ["an object that claims more entries than there are bytes", "dfffffffff01"],
    ["an object that has bytes for half of its entries", "82a0a0a0"],
    ["bytes that claim to be more than there are", "c6ffffffff00"],
    ["an ext type that claims more bytes than there are", "c9ffffffff2000"],
    ["a tag that claims more bytes than there are", "c9ffffffff11 90"],
    ["a tag without a body", "c70011"],
    ["a tag with bytes after its body", "c70311 9000"],
    ["a tag whose body doesn't end with it", "c70111 9100"],
    ["a number of 64 bits that no number can hold", "cf0020000000000000"],
    ["a signed number of 64 bits that no number can hold", "d38000000000000000"],
    ["an unknown ext type", "d47f00"],
    ["an ext type that the specification reserves", "d4fe00"],
    ["undefined with a content", "d40100"],
    ["a hole with a content", "91 d40200"],
    ["a hole at the top", "c70002"],
    ["a hole in an object", "81a161 c70002"],
    ["a bigint without bytes", "c70003"],
    ["a bigint of too many bytes", `c8200203${"01".repeat(8194)}`],
    ["half a UTF-16 unit", "d404d8"],
    ["an invalid date with a content", "d40500"],
    ["a timestamp of another length", "d5ff0000"],
    ["a timestamp with nanoseconds", "d7ff0000000400000000"],
    ["a timestamp with a second in nanoseconds", "c70cff3b9aca000000000000000000"],
    ["a timestamp beyond the range of Date", "c70cff000000007fffffffffffffff"],
    ["a Map that is no array", "c7011080"],
    ["a Set that is text", "c70111a0"],
    ["a URL that is none", "c70215a178"],
    ["half an element", "d42601"],
  ])("refuses %s", (_, hex) => {
    expect(() => decodeHex(hex)).toThrow(CodecDecodeError);
  });

  test("refuses values that nest too deep, and reads values that nest as deep as allowed", () => {
    expect(() => decodeHex(`${"91".repeat(1_250)}c0`)).not.toThrow();
    expect(() => decodeHex(`${"91".repeat(1_251)}c0`)).toThrow("nest deeper than 1250 levels");
    expect(() => decodeHex(`${"81a0".repeat(100_000)}c0`)).toThrow("nest deeper than 1250 levels");
    expect(() => decodeHex("c9ffffff0011".repeat(2_000))).toThrow(CodecDecodeError);
  });

  test("refuses whatever part of a payload is missing at the end", () => {
    const bytes = codec.encode(storableValues.slice(0, 40).map(({ value }) => value));
    for (let length = 0; length < Math.min(bytes.length, 2_000); length++) {
      expect(() => codec.decode(bytes.subarray(0, length))).toThrow(CodecDecodeError);
    }
  });

  test("tells keys apart that the cache has to keep in the same place", () => {
    const value = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`key ${index * 7_919}`, index]));
    for (let round = 0; round < 2; round++) expect(codec.decode(codec.encode(value))).toEqual(value);
  });

  test("gives keys that the bytes can't change afterwards", () => {
    const bytes = codec.encode({ alpha: 1 });
    codec.decode(bytes);
    bytes.fill(0);
    expect(codec.decode(codec.encode({ alpha: 1 }))).toEqual({ alpha: 1 });
  });
});
