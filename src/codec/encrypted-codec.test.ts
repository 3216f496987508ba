import { createDecipheriv, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { storableValues } from "../../test/support/hostile-values.ts";
import { sameValue } from "../../test/support/same-value.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { CodecDecodeError, CodecEncodeError, KeyUnavailableError } from "../errors/codec-errors.ts";
import type { Codec, PayloadContext } from "./codec.ts";
import { encrypted } from "./encrypted-codec.ts";
import { compressed } from "./gzip-codec.ts";
import { JsonCodec } from "./json-codec.ts";
import type { KeyProvider, KeyRing, StaticKeyRing } from "./key-ring.ts";
import { MsgpackCodec } from "./msgpack-codec.ts";

const oldKey = new Uint8Array(32).fill(1);
const newKey = new Uint8Array(32).fill(2);
const oldRing: StaticKeyRing = { currentKeyId: "old", keys: { old: oldKey } };
const bothRing: StaticKeyRing = { currentKeyId: "new", keys: { old: oldKey, new: newKey } };
const context: PayloadContext = { instanceId: "order-42", taskId: "charge", kind: "output" };
const codec = encrypted(new JsonCodec(), { keys: oldRing });
const specification = readFileSync(new URL("../../docs/formats/encrypted.md", import.meta.url), "utf8");

function withKeys(keys: KeyRing): Codec {
  return encrypted(new JsonCodec(), { keys });
}

async function seal(value: unknown, by: Codec = codec): Promise<Uint8Array> {
  return by.encode(value, context);
}

async function open(bytes: Uint8Array, by: Codec = codec, given: PayloadContext = context): Promise<unknown> {
  return by.decode(bytes, given);
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = new Uint8Array(bytes);
  changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
  return changed;
}

describe("encrypted", () => {
  test("names the codec that it wraps in its id", () => {
    expect(codec.id).toBe("aes-256-gcm(json)");
    expect(encrypted(compressed(new MsgpackCodec()), { keys: oldRing }).id).toBe("aes-256-gcm(gzip(msgpack))");
  });

  test.each<[string, unknown, string]>([
    ["no key ring", undefined, "options.keys"],
    ["null", null, "options.keys"],
    ["a provider without find", { current: () => null }, "options.keys"],
    ["a provider without current", { find: () => null }, "options.keys"],
    ["keys that are no object", { currentKeyId: "a", keys: null }, "options.keys.keys"],
    ["a current key that isn't there", { currentKeyId: "toString", keys: { a: oldKey } }, "options.keys.currentKeyId"],
    ["a key that is too short", { currentKeyId: "a", keys: { a: new Uint8Array(16) } }, 'options.keys.keys["a"]'],
    ["a key that is text", { currentKeyId: "a", keys: { a: "x".repeat(32) } }, 'options.keys.keys["a"]'],
    ["a key with an id that is no id", { currentKeyId: " ", keys: { " ": oldKey } }, 'options.keys.keys[" "]'],
  ])("refuses %s", (_, keys, field) => {
    expect(() => withKeys(keys as KeyRing)).toThrow(InvalidArgumentError);
    expect(() => withKeys(keys as KeyRing)).toThrow(expect.objectContaining({ field }));
  });

  test("never shows a key in what it says about it", () => {
    const secret = "correct horse battery staple";
    expect(() => withKeys({ currentKeyId: "a", keys: { a: secret as unknown as Uint8Array } })).not.toThrow(secret);
    expect(() => withKeys({ currentKeyId: "a", keys: { a: Buffer.from(secret) } })).toThrow(
      "must have 32 bytes, not 28",
    );
  });

  test("is not disturbed when the caller wipes or replaces its keys", async () => {
    const mine = new Uint8Array(oldKey);
    const ring = { currentKeyId: "old", keys: { old: mine } };
    const own = withKeys(ring);
    mine.fill(0);
    ring.currentKeyId = "other";
    expect(await open(await seal("x", own))).toBe("x");
  });
});

describe("encode", () => {
  test.each(storableValues)("gives back: $name", async ({ value, expected }) => {
    expect(sameValue(await open(await seal(value)), expected)).toBe(true);
  });

  test("is synchronous if the inner codec and the key ring are", () => {
    const bytes = codec.encode(1, context);
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect(codec.decode(bytes as Uint8Array, context)).toBe(1);
  });

  test("gives other bytes each time", async () => {
    expect(await seal("x")).not.toEqual(await seal("x"));
  });

  test("shows nothing of the value", async () => {
    const bytes = Buffer.from(await seal({ password: "hunter2" }));
    expect(bytes.includes("hunter2")).toBe(false);
    expect(bytes.includes("password")).toBe(false);
  });

  test("passes on what the wrapped codec refuses, without asking for a key", () => {
    const never = (): never => {
      throw new Error("asked");
    };
    expect(() => withKeys({ current: never, find: never }).encode({ f: () => 1 }, context)).toThrow(CodecEncodeError);
  });

  test("writes exactly what is specified", async () => {
    const bytes = Buffer.from(await seal({ a: 1 }));
    const header = "574d4b4501116165732d3235362d67636d286a736f6e2900036f6c64f695892e";
    expect(bytes.subarray(0, 32).toString("hex")).toBe(header);
    expect(specification).toContain(header);
    // Put together here once more, from the specification alone.
    const nonce = bytes.subarray(32, 44);
    const key = hkdfSync("sha256", oldKey, "waymark/aes-256-gcm/1", "order-42", 32);
    const decipher = createDecipheriv("aes-256-gcm", new Uint8Array(key), nonce, { authTagLength: 16 });
    const fields = ["aes-256-gcm(json)", "old", "order-42", "charge", "output"];
    const lengths = fields.map((field) => Buffer.from([0, 0, 0, field.length]));
    const parts = fields.flatMap((field, index) => [lengths[index] as Buffer, Buffer.from(field)]);
    decipher.setAAD(Buffer.concat([Buffer.from("WMKE\u0001"), ...parts]));
    decipher.setAuthTag(bytes.subarray(-16));
    expect(Buffer.concat([decipher.update(bytes.subarray(44, -16)), decipher.final()]).toString()).toBe('{"a":1}');
  });
});

describe("decode", () => {
  test("reads what is specified", async () => {
    const hex =
      "574d4b4501116165732d3235362d67636d286a736f6e2900036f6c64f695892e" +
      "000102030405060708090a0b50e3fa7687b7e7131b1cd40b8f3c1900099e1434e0fbce";
    expect(specification.replaceAll(/\s/g, "")).toContain(hex);
    expect(await open(Buffer.from(hex, "hex"))).toEqual({ a: 1 });
  });

  test.each<[string, Partial<PayloadContext>]>([
    ["another instance", { instanceId: "order-43" }],
    ["another task", { taskId: "refund" }],
    ["another kind", { kind: "input" }],
    ["a context in which the fields have shifted", { instanceId: "order-42c", taskId: "harge" }],
    ["a context in which the fields have changed places", { instanceId: "charge", taskId: "order-42" }],
  ])("refuses bytes of %s", async (_, difference) => {
    const decoding = open(await seal({ a: 1 }), codec, { ...context, ...difference });
    await expect(decoding).rejects.toThrow(CodecDecodeError);
    await expect(decoding).rejects.toThrow('it doesn\'t authenticate with key "old"');
  });

  test("refuses bytes that were written with another key of the same id", async () => {
    const other = withKeys({ currentKeyId: "old", keys: { old: newKey } });
    await expect(open(await seal("x", other))).rejects.toThrow("doesn't authenticate");
  });

  test("refuses bytes of another codec, and says which", async () => {
    const bytes = await encrypted(new MsgpackCodec(), { keys: oldRing }).encode("x", context);
    await expect(open(bytes)).rejects.toThrow('written by codec "aes-256-gcm(msgpack)", not by "aes-256-gcm(json)"');
    await expect(open(new JsonCodec().encode({ plain: "json" }))).rejects.toThrow(`doesn't start with "WMKE"`);
  });

  test("refuses another version of the format", async () => {
    const bytes = await seal("x");
    bytes[4] = 2;
    await expect(open(bytes)).rejects.toThrow("it has version 2 of its format; this library knows up to 1");
  });

  test("refuses whatever has one bit changed, or bytes missing or added", async () => {
    const bytes = await seal({ a: 1 });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      await expect(open(flipped(bytes, bit))).rejects.toThrow(CodecDecodeError);
    }
    for (let length = 0; length < bytes.length; length++) {
      await expect(open(bytes.subarray(0, length))).rejects.toThrow(CodecDecodeError);
    }
    await expect(open(Buffer.concat([bytes, Uint8Array.of(0)]))).rejects.toThrow(CodecDecodeError);
  });

  test("says what is damaged", async () => {
    const bytes = await seal({ a: 1 });
    await expect(open(flipped(bytes, 25 * 8))).rejects.toThrow("its header is damaged");
    await expect(open(flipped(bytes, 8 * 8 + 7))).rejects.toThrow("its header is not UTF-8");
    await expect(open(bytes.subarray(0, 50))).rejects.toThrow("it ends too early");
    await expect(open(flipped(bytes, 44 * 8))).rejects.toThrow("it was changed, belongs to another");
  });

  test("leaves the bytes as they are", async () => {
    const bytes = await seal({ a: 1 });
    const copy = new Uint8Array(bytes);
    await open(bytes);
    expect(bytes).toEqual(copy);
  });
});

describe("keys", () => {
  test("can be rotated: the new key writes, both read", async () => {
    const both = withKeys(bothRing);
    expect(await open(await seal("before"), both)).toBe("before");
    const after = await seal("after", both);
    expect(Buffer.from(after).includes("new")).toBe(true);
    expect(await open(after, both)).toBe("after");
  });

  test("that are not there (yet) are worth waiting for", async () => {
    const bytes = await seal("x", withKeys(bothRing));
    const decoding = open(bytes);
    await expect(decoding).rejects.toThrow(KeyUnavailableError);
    await expect(decoding).rejects.toMatchObject({ keyId: "new", retryable: true });
    await expect(decoding).rejects.toThrow("the key ring doesn't have it");
  });

  test("may come from an asynchronous provider", async () => {
    const provider: KeyProvider = {
      current: async () => ({ id: "old", key: oldKey }),
      find: async (id) => (id === "old" ? oldKey : null),
    };
    const own = withKeys(provider);
    expect(await open(await seal("x"), own)).toBe("x");
    expect(await open(await seal("x", own))).toBe("x");
    await expect(open(await seal("x", withKeys(bothRing)), own)).rejects.toThrow(KeyUnavailableError);
  });

  test("are derived anew when a provider gives another key by the same name", async () => {
    let key = oldKey;
    const own = withKeys({ current: () => ({ id: "old", key }), find: () => key });
    await seal("x", own);
    key = newKey;
    const bytes = await seal("y", own);
    await expect(open(bytes)).rejects.toThrow("doesn't authenticate");
    expect(await open(bytes, own)).toBe("y");
  });

  test("may be wiped by the provider after they were used", async () => {
    const given: Uint8Array[] = [];
    const lend = (): Uint8Array => {
      for (const key of given) key.fill(0);
      given.push(new Uint8Array(oldKey));
      return given.at(-1) as Uint8Array;
    };
    const own = withKeys({ current: () => ({ id: "old", key: lend() }), find: lend });
    expect(await open(await seal("x", own), own)).toBe("x");
    expect(await open(await seal("y", own))).toBe("y");
  });

  test("are many: more instances and keys than are kept in memory", async () => {
    const keys = Object.fromEntries(
      Array.from({ length: 110 }, (_, index) => [`k${index}`, new Uint8Array(32).fill(index)]),
    );
    const ring = { currentKeyId: "k0", keys };
    const all = withKeys(ring);
    for (const id of Object.keys(keys)) {
      const bytes = await seal(id, withKeys({ ...ring, currentKeyId: id }));
      expect(await open(bytes, all)).toBe(id);
    }
    for (let index = 0; index < 1_010; index++) {
      const own = { ...context, instanceId: `order-${index % 1_005}` };
      expect(await open(await all.encode(index, own), all, own)).toBe(index);
    }
  });

  test.each<[string, KeyProvider["current"]]>([
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("down");
      },
    ],
    ["gives nothing", () => null as never],
    ["gives a key that is too short", () => ({ id: "old", key: new Uint8Array(31) })],
    ["gives something that is no key", () => ({ id: "old", key: "x".repeat(32) as never })],
    ["gives an id that is none", () => ({ id: "", key: oldKey })],
    ["gives an id that is no text", async () => ({ id: 1 as never, key: oldKey })],
  ])("are not available while a provider %s", async (_, current) => {
    const encoding = seal("x", withKeys({ current, find: () => null }));
    await expect(encoding).rejects.toThrow(KeyUnavailableError);
    await expect(encoding).rejects.toMatchObject({ retryable: true });
  });

  test.each<[string, KeyProvider["find"]]>([
    [
      "throws",
      () => {
        throw new Error("down");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("down");
      },
    ],
    ["gives undefined", () => undefined as never],
    ["gives a key that is too long", async () => new Uint8Array(33)],
  ])("can't be found while a provider %s", async (_, find) => {
    const decoding = open(await seal("x"), withKeys({ current: () => ({ id: "old", key: oldKey }), find }));
    await expect(decoding).rejects.toThrow(KeyUnavailableError);
    await expect(decoding).rejects.toMatchObject({ keyId: "old" });
  });

  test("that a provider itself calls unavailable are reported as it says", async () => {
    const reported = new KeyUnavailableError("old", "the vault is sealed");
    const find = (): Promise<never> => Promise.reject(reported);
    const own = withKeys({ current: () => ({ id: "old", key: oldKey }), find });
    await expect(open(await seal("x"), own)).rejects.toBe(reported);
  });

  test("keep what a provider threw as the cause", async () => {
    const thrown = new Error("down");
    const own = withKeys({ current: () => Promise.reject(thrown), find: () => null });
    await expect(seal("x", own)).rejects.toMatchObject({ cause: thrown, keyId: "current" });
  });
});
