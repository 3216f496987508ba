import type { Codec } from "../../src/codec/codec.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import type { ConformanceSubject, OpenedTransaction } from "../../src/testing/conformance/index.ts";
import { TestClock } from "../../src/testing/index.ts";
import type { TestDatabase } from "./postgres.ts";

/** An empty backend whose leases and timers obey a clock that the suite moves. */
export async function postgresSubject(database: TestDatabase, codec: Codec): Promise<ConformanceSubject> {
  const clock = new TestClock();
  await database.truncate();
  const backend = await PostgresBackend.connect(database.url, { codec, testClock: clock, poolSize: 5, migrate: false });
  return {
    backend,
    clock,
    beginTransaction: () => beginTransaction(database),
    startPublished: async (flow, instanceId, hash) => {
      await database.pool.query("SELECT waymark.submit($1, $2, p_definition_hash => $3)", [flow, instanceId, hash]);
    },
    close: () => backend.close(),
  };
}

async function beginTransaction(database: TestDatabase): Promise<OpenedTransaction> {
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
