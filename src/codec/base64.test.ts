import { test as propertyTest } from "@fast-check/vitest";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64Length, parseBase64, writeBase64 } from "./base64.ts";

function encode(bytes: Uint8Array): string {
  const target = new Uint8Array(base64Length(bytes.length));
  expect(writeBase64(bytes, target, 0)).toBe(target.length);
  return Buffer.from(target).toString("latin1");
}

describe("writeBase64", () => {
  propertyTest.prop([fc.uint8Array({ maxLength: 100 })])("writes what Buffer writes", (bytes) => {
    expect(encode(bytes)).toBe(Buffer.from(bytes).toString("base64"));
  });

  test("writes from the offset on, and returns the offset after it", () => {
    const target = new Uint8Array(10).fill(0x2e);
    expect(writeBase64(Uint8Array.of(0xff), target, 3)).toBe(7);
    expect(Buffer.from(target).toString("latin1")).toBe(".../w==...");
  });
});

describe("parseBase64", () => {
  propertyTest.prop([fc.uint8Array({ maxLength: 100 })])("gives back what was written", (bytes) => {
    expect(parseBase64(encode(bytes))).toEqual(bytes);
  });

  test.each([
    "A",
    "AA",
    "AAA",
    "AAAA=",
    "=",
    "====",
    "A===",
    "AA=A",
    "AB==",
    "AAB=",
    "AA A",
    "AA\n=",
    "AA-_",
    "AAA\u0100",
    "AAA€",
  ])("refuses %j, which nothing is written as", (text) => {
    expect(parseBase64(text)).toBeNull();
  });

  propertyTest.prop([fc.string({ unit: fc.constantFrom("A", "B", "w", "/", "+", "=", "0", "9") })])(
    "accepts text only if it is what would be written for the bytes",
    (text) => {
      const bytes = parseBase64(text);
      if (bytes !== null) expect(encode(bytes)).toBe(text);
    },
  );
});
