import { describe, expect, test, vi } from "vitest";
import { bytesOf, valueOfBytes } from "./typed-bytes.ts";

const BIG_ENDIAN = false;

/** What a typed array of these numbers looks like in the memory of a big-endian computer. */
function inBigEndianMemory(bytes: readonly number[]): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}

describe("bytesOf", () => {
  test("stores elements in little-endian order", () => {
    expect(bytesOf("Uint16Array", Uint16Array.of(1, 0x0203))).toEqual(Uint8Array.of(1, 0, 3, 2));
  });

  test("stores elements in little-endian order on big-endian computers too", () => {
    const memory = inBigEndianMemory([0, 1, 2, 3]);
    expect(bytesOf("Uint16Array", new Uint16Array(memory), BIG_ENDIAN)).toEqual(Uint8Array.of(1, 0, 3, 2));
    expect(bytesOf("Uint32Array", new Uint32Array(memory), BIG_ENDIAN)).toEqual(Uint8Array.of(3, 2, 1, 0));
    expect(bytesOf("Uint8Array", new Uint8Array(memory), BIG_ENDIAN)).toEqual(Uint8Array.of(0, 1, 2, 3));
    expect(bytesOf("DataView", new DataView(memory), BIG_ENDIAN)).toEqual(Uint8Array.of(0, 1, 2, 3));
  });
});

describe("valueOfBytes", () => {
  test("reads little-endian elements on big-endian computers too", () => {
    const value = valueOfBytes("Uint16Array", Uint8Array.of(1, 0, 3, 2), BIG_ENDIAN) as Uint16Array;
    expect(new Uint8Array(value.buffer)).toEqual(Uint8Array.of(0, 1, 2, 3));
    expect(valueOfBytes("Int8Array", Uint8Array.of(1, 2), BIG_ENDIAN)).toEqual(Int8Array.of(1, 2));
  });

  test("knows no value for half an element", () => {
    expect(valueOfBytes("Float64Array", new Uint8Array(12))).toBeNull();
  });

  test("gives a Uint8Array for a Buffer where there is no Buffer", () => {
    vi.stubGlobal("Buffer", undefined);
    const value = valueOfBytes("Buffer", Uint8Array.of(1, 2));
    vi.unstubAllGlobals();
    expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
  });
});
