import { beforeEach, expect, test } from "vitest";
import {
  branchAt,
  bytes,
  checkpoint,
  commit,
  entry,
  inSession,
  newInstance,
  standing,
  startAndClaim,
} from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();
const backend = await database.connect({ retryFor: 0 });
const LAST = 9_000_000_000_000_000_000n;

beforeEach(() => database.truncate());

function forkOf(sourceId: string, entries: number) {
  const instance = newInstance("copy", {
    positions: [branchAt("", "b", { standing: standing("b", { inputRef: "a" }) })],
  });
  return { instance, from: { instanceId: sourceId, sequence: LAST }, entries, replaced: [] };
}

async function rowsOf(instanceId: string): Promise<number[]> {
  const tables = ["instances", "positions", "checkpoints", "mailboxes"];
  const counts = tables.map((table) => `(SELECT count(*)::int FROM waymark.${table} WHERE instance_id = $1)`);
  const { rows } = await database.pool.query<{ counts: number[] }>(`SELECT ARRAY[${counts.join()}] AS counts`, [
    instanceId,
  ]);
  return rows[0]?.counts ?? [];
}

test("a fork that dies in the midst leaves nothing", async () => {
  const claim = await startAndClaim(backend, "source");
  await commit(backend, checkpoint(claim, { kind: "advance", to: standing("b") }, [entry("a")]));
  await inSession(database.pool, async (session) => {
    // The note comes after the history and before the positions: it waits for this one.
    await session.query("BEGIN");
    await session.query(
      `INSERT INTO waymark.checkpoints (instance_id, task_id, attempt, kind, outcome)
       VALUES ('copy', '$fork', 1, 'instance', 'noted')`,
    );
    const forked = backend.forkInstance(forkOf("source", 1)).catch((error: unknown) => error);
    const { rows } = await session.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    for (let killed = 0; killed === 0; ) {
      const { rowCount } = await database.pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))",
        [rows[0]?.pid],
      );
      killed = rowCount ?? 0;
    }
    expect(await forked).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    await session.query("ROLLBACK");
  });

  expect(await rowsOf("copy")).toEqual([0, 0, 0, 0]);
  await backend.forkInstance(forkOf("source", 1));
  expect(await rowsOf("copy")).toEqual([1, 1, 2, 1]);
});

test("a long history is copied batch by batch, in its order, with what is replaced in each of them", async () => {
  await startAndClaim(backend, "source");
  await database.pool.query(
    `INSERT INTO waymark.checkpoints (instance_id, task_id, attempt, kind, outcome, output)
     SELECT 'source', 'step[' || i || ']', 1, 'loop', 'completed', convert_to(i::text, 'UTF8')
     FROM generate_series(1, 12001) AS i ORDER BY i`,
  );
  const trace = await backend.readTrace("source");
  const replaced = [3, 7_000, 12_000].map((index) => ({
    sequence: trace[index]?.sequence ?? 0n,
    ...{ output: bytes("0"), failure: null },
  }));
  await backend.forkInstance({ ...forkOf("source", 12_001), replaced });

  const copied = await backend.readTrace("copy");
  expect(copied.map(({ taskId }) => taskId)).toEqual([...trace.map(({ taskId }) => taskId), "$fork"]);
  const { rows } = await database.pool.query<{ task_id: string }>(
    "SELECT task_id FROM waymark.checkpoints WHERE instance_id = 'copy' AND output = '0' ORDER BY sequence",
  );
  expect(rows.map((row) => row.task_id)).toEqual(["step[4]", "step[7001]", "step[12001]"]);
});

test("a fork waits for nobody who moves the other instance on, and keeps nobody waiting but who deletes it", async () => {
  const claim = await startAndClaim(backend, "source");
  await inSession(database.pool, async (session) => {
    await session.query("BEGIN");
    await session.query("SELECT FROM waymark.instances WHERE instance_id = 'source' FOR NO KEY UPDATE");
    await backend.forkInstance(forkOf("source", 0));
    await session.query("ROLLBACK");
    await session.query("BEGIN");
    await session.query("SELECT FROM waymark.instances WHERE instance_id = 'source' FOR KEY SHARE");
    const end = { kind: "complete", output: bytes("1"), codec: "json" } as const;
    await commit(backend, checkpoint(claim, end, [entry("a")]));
    await session.query("ROLLBACK");
  });

  expect((await backend.findInstance("source"))?.instance.status).toBe("completed");
});
