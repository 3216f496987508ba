import { test as propertyTest } from "@fast-check/vitest";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { storableValue } from "../../test/support/arbitrary-values.ts";
import { sameValue } from "../../test/support/same-value.ts";
import { CodecDecodeError } from "../errors/codec-errors.ts";
import type { Codec, PayloadContext } from "./codec.ts";
import { encrypted } from "./encrypted-codec.ts";
import { compressed } from "./gzip-codec.ts";
import { JsonCodec } from "./json-codec.ts";
import type { StaticKeyRing } from "./key-ring.ts";
import { MsgpackCodec } from "./msgpack-codec.ts";

const context: PayloadContext = { instanceId: "order-42", taskId: "charge", kind: "output" };
const keys: StaticKeyRing = { currentKeyId: "k", keys: { k: new Uint8Array(32).fill(7) } };
const always = { minBytes: 0 };

/** Codecs whose payloads tell when they were damaged, and those in which damage may look like another value. */
const codecs: readonly { readonly codec: Codec; readonly detectsDamage: boolean }[] = [
  { codec: new JsonCodec(), detectsDamage: false },
  { codec: new MsgpackCodec(), detectsDamage: false },
  { codec: compressed(new JsonCodec()), detectsDamage: true },
  { codec: compressed(new MsgpackCodec(), always), detectsDamage: true },
  { codec: encrypted(new JsonCodec(), { keys }), detectsDamage: true },
  { codec: encrypted(compressed(new MsgpackCodec(), always), { keys }), detectsDamage: true },
  { codec: compressed(encrypted(new MsgpackCodec(), { keys })), detectsDamage: true },
];

/** One way in which stored bytes get damaged. */
const damage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, mask]) => (bytes: Uint8Array) => {
    const changed = new Uint8Array(bytes);
    changed[at % bytes.length] = (changed[at % bytes.length] as number) ^ mask;
    return changed;
  }),
  fc.nat().map((at) => (bytes: Uint8Array) => bytes.slice(0, at % bytes.length)),
  fc.nat().map((at) => (bytes: Uint8Array) => bytes.slice(1 + (at % bytes.length))),
  fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([at, extra]) => (bytes: Uint8Array) => {
    const cut = at % (bytes.length + 1);
    return Uint8Array.from([...bytes.subarray(0, cut), ...extra, ...bytes.subarray(cut)]);
  }),
);

/** What decoding gives: a value, or the refusal of damaged bytes. Anything else is thrown on. */
async function decodeOrRefuse(codec: Codec, bytes: Uint8Array): Promise<"refused" | "decoded"> {
  try {
    await codec.decode(bytes, context);
    return "decoded";
  } catch (error) {
    if (error instanceof CodecDecodeError) return "refused";
    throw error;
  }
}

function prototypesAreClean(): boolean {
  return [Object.prototype, Array.prototype, Function.prototype].every(
    (prototype) => Object.keys(prototype).length === 0,
  );
}

describe.each(codecs)("$codec.id", ({ codec, detectsDamage }) => {
  propertyTest.prop([storableValue])("INV-14: what was decoded equals what was encoded", async (value) => {
    const bytes = await codec.encode(value, context);
    expect(sameValue(await codec.decode(bytes, context), value)).toBe(true);
  });

  propertyTest.prop([storableValue, fc.array(damage, { minLength: 1, maxLength: 3 })])(
    "damaged bytes are refused, or are other values, and do nothing else",
    async (value, damages) => {
      const bytes = await codec.encode(value, context);
      const damaged = damages.reduce((current, change) => (current.length === 0 ? current : change(current)), bytes);
      const outcome = await decodeOrRefuse(codec, damaged);
      if (detectsDamage && !Buffer.from(damaged).equals(bytes)) expect(outcome).toBe("refused");
      expect(prototypesAreClean()).toBe(true);
    },
  );

  propertyTest.prop([fc.uint8Array({ maxLength: 200 })])("random bytes are refused, or are values", async (bytes) => {
    await decodeOrRefuse(codec, bytes);
    expect(prototypesAreClean()).toBe(true);
  });
});

describe("formats", () => {
  const formats = [new JsonCodec(), new MsgpackCodec()];

  propertyTest.prop([
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withNullPrototype: true,
      withObjectString: true,
      withBoxedValues: true,
    }),
  ])("refuse the same values, at the same place", (value) => {
    const [json, msgpack] = formats.map((format) => {
      try {
        format.encode(value);
        return "stored";
      } catch (error) {
        return String(error);
      }
    });
    expect(json).toBe(msgpack);
  });

  propertyTest.prop([storableValue])("give equal bytes for a value that was decoded", (value) => {
    for (const format of formats) {
      const bytes = format.encode(value);
      expect(format.encode(format.decode(bytes))).toEqual(bytes);
    }
  });

  test.each(["[", "{", '"', "\u0081", "\u0091"])(
    "refuse a million bytes %j without exhausting the stack",
    async (char) => {
      const bytes = new Uint8Array(1_000_000).fill(char.charCodeAt(0));
      for (const format of formats) expect(await decodeOrRefuse(format, bytes)).toBe("refused");
    },
  );
});
