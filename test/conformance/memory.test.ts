import type { Codec } from "../../src/codec/codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { type ConformanceSubject, describeBackend, TestClock } from "../../src/testing/index.ts";

const codecs: readonly Codec[] = [new JsonCodec()];

for (const codec of codecs) {
  describeBackend({ name: `memory with ${codec.id}`, create: () => memorySubject(codec) });
}

async function memorySubject(codec: Codec): Promise<ConformanceSubject> {
  const clock = new TestClock();
  const backend = new InMemoryBackend({ codec, clock });
  return { backend, clock, close: () => backend.close() };
}
