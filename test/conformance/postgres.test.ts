import type { Codec } from "../../src/codec/codec.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { compressed } from "../../src/codec/gzip-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { type ConformanceSubject, describeBackend, TestClock } from "../../src/testing/index.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const key = new Uint8Array(32).fill(7);
const codecs: readonly Codec[] = [
  new JsonCodec(),
  new MsgpackCodec(),
  compressed(new JsonCodec()),
  encrypted(new MsgpackCodec(), { keys: { currentKeyId: "k1", keys: { k1: key } } }),
];

for (const codec of codecs) {
  describeBackend({ name: `postgres with ${codec.id}`, create: () => postgresSubject(codec) });
}

/** A backend whose leases and timers obey a clock that the suite moves. */
async function postgresSubject(codec: Codec): Promise<ConformanceSubject> {
  const clock = new TestClock();
  await database.truncate();
  const backend = await PostgresBackend.connect(database.url, { codec, testClock: clock, poolSize: 5, migrate: false });
  return { backend, clock, close: () => backend.close() };
}
