import { readFileSync } from "node:fs";
import { crc32, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { storableValues } from "../../test/support/hostile-values.ts";
import { sameValue } from "../../test/support/same-value.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { CodecDecodeError, CodecEncodeError, PayloadTooLargeError } from "../errors/codec-errors.ts";
import type { Codec, PayloadContext } from "./codec.ts";
import { type CompressionOptions, compressed } from "./gzip-codec.ts";
import { JsonCodec } from "./json-codec.ts";
import { MsgpackCodec } from "./msgpack-codec.ts";

const context: PayloadContext = { instanceId: "order-42", taskId: "charge", kind: "output" };
const codec = compressed(new JsonCodec());
const specification = readFileSync(new URL("../../docs/formats/gzip.md", import.meta.url), "utf8");

/** A codec whose payloads are the values themselves. */
const raw: Codec = { id: "raw", encode: (value) => value as Uint8Array, decode: (bytes) => new Uint8Array(bytes) };

/** An envelope with a right checksum, whatever else is wrong. */
function envelope(parts: { version?: number; method?: number; size: number; body: Uint8Array }): Uint8Array {
  const header = Buffer.alloc(10);
  header.write("WMKZ");
  header.writeUInt8(parts.version ?? 1, 4);
  header.writeUInt8(parts.method ?? 1, 5);
  header.writeUInt32BE(parts.size, 6);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(parts.body, crc32(header)));
  return Buffer.concat([header, checksum, parts.body]);
}

function methodOf(bytes: Uint8Array): number | undefined {
  return bytes[5];
}

async function decode(bytes: Uint8Array, options?: CompressionOptions): Promise<unknown> {
  return compressed(raw, options).decode(bytes, context);
}

describe("compressed", () => {
  test("names the codec that it wraps in its id", () => {
    expect(codec.id).toBe("gzip(json)");
    expect(compressed(new MsgpackCodec()).id).toBe("gzip(msgpack)");
  });

  test.each(["minBytes", "level", "maxDecodedBytes"])("refuses a %s out of its range", (name) => {
    for (const value of [-1, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => compressed(raw, { [name]: value })).toThrow(InvalidArgumentError);
    }
  });

  test("refuses what is no codec, and an id that nobody could store", () => {
    expect(() => compressed(null as unknown as Codec)).toThrow(InvalidArgumentError);
    expect(() => compressed({ ...raw, id: "UPPER" })).toThrow('gives the codec id "gzip(UPPER)"');
    expect(() => compressed({ ...raw, id: "x".repeat(95) })).toThrow(InvalidArgumentError);
  });
});

describe("encode", () => {
  test.each(storableValues)("gives back: $name", async ({ value, expected }) => {
    const bytes = await compressed(new JsonCodec(), { minBytes: 0 }).encode(value, context);
    expect(sameValue(await codec.decode(bytes, context), expected)).toBe(true);
  });

  test("stores what is smaller than minBytes as it is", async () => {
    const limit = compressed(raw, { minBytes: 100 });
    expect(methodOf(await limit.encode(new Uint8Array(99), context))).toBe(0);
    expect(methodOf(await limit.encode(new Uint8Array(100), context))).toBe(1);
  });

  test("stores what compression does not make smaller as it is", async () => {
    const random = gzipSync(Uint8Array.from({ length: 5_000 }, (_, index) => (index * index * 31) >> 3));
    expect(methodOf(await compressed(raw).encode(random, context))).toBe(0);
    const large = Buffer.alloc(100_000);
    for (let index = 0; index < large.length; index += 4) large.writeInt32LE(Math.imul(index + 1, 0x9e3779b1), index);
    const bytes = await compressed(raw).encode(gzipSync(large), context);
    expect(methodOf(bytes)).toBe(0);
    expect(await decode(bytes)).toEqual(new Uint8Array(gzipSync(large)));
  });

  test("is synchronous up to 64 KiB, and asynchronous above", async () => {
    const atLimit = compressed(raw).encode(new Uint8Array(65_536), context);
    expect(atLimit).toBeInstanceOf(Uint8Array);
    expect(compressed(raw).decode(atLimit as Uint8Array, context)).toEqual(new Uint8Array(65_536));
    const above = compressed(raw).encode(new Uint8Array(65_537), context);
    expect(above).toBeInstanceOf(Promise);
    expect(await decode(await above)).toEqual(new Uint8Array(65_537));
  });

  test("waits for an asynchronous codec, whatever kind of promise it gives", async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: a promise of somebody else's making
      then: (resolve: (bytes: Uint8Array) => void) => resolve(Uint8Array.of(1)),
    };
    const slow: Codec = { ...raw, encode: () => thenable as unknown as Promise<Uint8Array> };
    expect(await decode(await compressed(slow).encode(null, context))).toEqual(Uint8Array.of(1));
  });

  test("refuses what could not be decoded again", () => {
    const limited = compressed(raw, { maxDecodedBytes: 1_000 });
    expect(() => limited.encode(new Uint8Array(1_001), context)).toThrow(PayloadTooLargeError);
  });

  test("passes on what the wrapped codec refuses", () => {
    expect(() => codec.encode({ f: () => 1 }, context)).toThrow(CodecEncodeError);
  });

  test("writes exactly what is specified", async () => {
    const stored = "574d4b5a01000000000474c6217e74727565";
    const small = await codec.encode(true, context);
    expect(Buffer.from(small).toString("hex")).toBe(stored);
    expect(specification).toContain(stored);
  });
});

describe("decode", () => {
  test("reads what is specified, whichever program compressed it", () => {
    const hex = "574d4b5a01010000000c4054d7761f8b0800000000000003534a4c4a4e494d4bcfc8cc5202004fc40f250c000000";
    expect(specification).toContain(hex);
    expect(codec.decode(Buffer.from(hex, "hex"), context)).toBe("abcdefghij");
  });

  test.each([
    ["no bytes", new Uint8Array(0), "it ends too early"],
    ["less than a header", Buffer.from("WMKZ\u0001\u0000\u0000"), "it ends too early"],
    [
      "another magic",
      Buffer.from("WMKE\u0001\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000"),
      `doesn't start with "WMKZ"`,
    ],
    ["plain JSON", Buffer.from('{"some":"json, longer than a header"}'), `doesn't start with "WMKZ"`],
    ["version 0", envelope({ version: 0, size: 0, body: Buffer.alloc(0) }), "has no version 0"],
    ["version 2", envelope({ version: 2, size: 0, body: Buffer.alloc(0) }), "has version 2 of its format"],
    ["an unknown method", envelope({ method: 2, size: 0, body: Buffer.alloc(0) }), "unknown compression method, 2"],
    ["stored bytes of another size", envelope({ method: 0, size: 3, body: Buffer.from("ab") }), "has another size"],
    ["something that is not gzip", envelope({ size: 3, body: Buffer.from("abc") }), "compressed content is damaged"],
    [
      "a large one that is not gzip",
      envelope({ size: 70_000, body: Buffer.from("abc") }),
      "compressed content is damaged",
    ],
    ["less than the header says", envelope({ size: 4, body: gzipSync("abc") }), "has another size"],
    ["less than the header says, in a thread", envelope({ size: 70_000, body: gzipSync("abc") }), "has another size"],
    ["more than the header says", envelope({ size: 2, body: gzipSync("abc") }), "larger than its header says"],
    ["nothing, compressed", envelope({ size: 0, body: gzipSync("abc") }), "larger than its header says"],
  ])("refuses %s", async (_, bytes, problem) => {
    const decoding = decode(bytes);
    await expect(decoding).rejects.toThrow(CodecDecodeError);
    await expect(decoding).rejects.toThrow(problem);
  });

  test("refuses whatever has one bit changed, or bytes missing or added", async () => {
    for (const value of [new Uint8Array(20).fill(7), new Uint8Array(2_000).fill(7)]) {
      const bytes = await compressed(raw).encode(value, context);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = new Uint8Array(bytes);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        await expect(decode(changed)).rejects.toThrow(CodecDecodeError);
      }
      for (let length = 0; length < bytes.length; length++) {
        await expect(decode(bytes.subarray(0, length))).rejects.toThrow(CodecDecodeError);
      }
      await expect(decode(Buffer.concat([bytes, Uint8Array.of(0)]))).rejects.toThrow(CodecDecodeError);
    }
  });

  test("inflates no more than maxDecodedBytes, whatever the header says", async () => {
    const bomb = gzipSync(new Uint8Array(50_000_000));
    await expect(decode(envelope({ size: 50_000_000, body: bomb }), { maxDecodedBytes: 1_000 })).rejects.toThrow(
      "it is 50000000 bytes when decompressed; the limit is 1000",
    );
    await expect(decode(envelope({ size: 1_000, body: bomb }), { maxDecodedBytes: 1_000 })).rejects.toThrow(
      "larger than its header says",
    );
    await expect(decode(envelope({ size: 100_000, body: bomb }), { maxDecodedBytes: 100_000 })).rejects.toThrow(
      "larger than its header says",
    );
    await expect(decode(envelope({ size: 2 ** 32 - 1, body: bomb }))).rejects.toThrow("the limit is 67108864");
  });

  test("hands the context to the wrapped codec", async () => {
    const seen: PayloadContext[] = [];
    const spy: Codec = {
      ...raw,
      encode: (value, given) => {
        seen.push(given);
        return value as Uint8Array;
      },
      decode: (bytes, given) => seen.push(given) + bytes.length,
    };
    const bytes = await compressed(spy).encode(new Uint8Array(5_000), context);
    await compressed(spy).decode(bytes, context);
    expect(seen).toEqual([context, context]);
  });
});
