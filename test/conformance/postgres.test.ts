import type { Codec } from "../../src/codec/codec.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { type ConformanceSubject, describeBackend, TestClock } from "../../src/testing/index.ts";
import { everyCodec } from "../support/codecs.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
for (const codec of everyCodec) {
  describeBackend({ name: `postgres with ${codec.id}`, create: () => postgresSubject(codec) });
}

/** A backend whose leases and timers obey a clock that the suite moves. */
async function postgresSubject(codec: Codec): Promise<ConformanceSubject> {
  const clock = new TestClock();
  await database.truncate();
  const backend = await PostgresBackend.connect(database.url, { codec, testClock: clock, poolSize: 5, migrate: false });
  return { backend, clock, close: () => backend.close() };
}
