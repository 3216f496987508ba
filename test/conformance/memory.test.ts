import type { Codec } from "../../src/codec/codec.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { compressed } from "../../src/codec/gzip-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { type ConformanceSubject, describeBackend, TestClock } from "../../src/testing/index.ts";

const key = new Uint8Array(32).fill(7);
const codecs: readonly Codec[] = [
  new JsonCodec(),
  new MsgpackCodec(),
  compressed(new JsonCodec()),
  encrypted(new MsgpackCodec(), { keys: { currentKeyId: "k1", keys: { k1: key } } }),
];

for (const codec of codecs) {
  describeBackend({ name: `memory with ${codec.id}`, create: () => memorySubject(codec) });
}

async function memorySubject(codec: Codec): Promise<ConformanceSubject> {
  const clock = new TestClock();
  const backend = new InMemoryBackend({ codec, clock });
  return { backend, clock, close: () => backend.close() };
}
