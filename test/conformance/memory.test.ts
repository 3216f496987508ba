import type { Codec } from "../../src/codec/codec.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { type ConformanceSubject, describeBackend } from "../../src/testing/conformance/index.ts";
import { TestClock } from "../../src/testing/index.ts";
import { everyCodec } from "../support/codecs.ts";

for (const codec of everyCodec) {
  describeBackend({ name: `memory with ${codec.id}`, create: () => memorySubject(codec) });
}

async function memorySubject(codec: Codec): Promise<ConformanceSubject> {
  const clock = new TestClock();
  const backend = new InMemoryBackend({ codec, clock });
  return { backend, clock, close: () => backend.close() };
}
