import type { Codec } from "../../src/codec/codec.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import {
  type ConformanceSubject,
  describeBackend,
  type OpenedTransaction,
  TestClock,
} from "../../src/testing/index.ts";
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
  return { backend, clock, beginTransaction, startPublished, close: () => backend.close() };
}

async function beginTransaction(): Promise<OpenedTransaction> {
  const tx = await database.pool.connect();
  const end = async (statement: string): Promise<void> => {
    await tx.query(statement);
    tx.release();
  };
  await tx.query("BEGIN");
  return {
    tx: { query: (text, values) => tx.query(text, [...values]) },
    commit: () => end("COMMIT"),
    rollback: () => end("ROLLBACK"),
  };
}

async function startPublished(flow: string, instanceId: string, hash?: string): Promise<void> {
  await database.pool.query("SELECT waymark.submit($1, $2, p_definition_hash => $3)", [flow, instanceId, hash]);
}
