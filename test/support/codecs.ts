import type { Codec } from "../../src/codec/codec.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { compressed } from "../../src/codec/gzip-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";

/** Both formats, and both wrappers. */
export const everyCodec: readonly Codec[] = [
  new JsonCodec(),
  new MsgpackCodec(),
  compressed(new JsonCodec()),
  encrypted(new MsgpackCodec(), { keys: { currentKeyId: "k1", keys: { k1: new Uint8Array(32).fill(7) } } }),
];
