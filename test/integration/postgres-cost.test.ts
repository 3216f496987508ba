import { describe, expect, onTestFinished, test } from "vitest";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { type OwnServer, startOwnServer } from "../support/own-server.ts";
import { checkpoint, entry, holder, standing, startAndClaim } from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";

const database = await createTestDatabase();

interface TableStats {
  readonly relname: string;
  readonly ins: number;
  readonly upd: number;
  readonly hot: number;
  readonly del: number;
}

describe("what a linear task costs", () => {
  test("two row writes: one HOT update of its position, one insert into the history", async () => {
    const backend = await PostgresBackend.connect(database.directUrl);
    const claim = await startAndClaim(backend, "linear");
    await backend.close();
    // Before PostgreSQL 15, what a session has done is counted some time after its end.
    await expect.poll(async () => (await stats()).find(({ relname }) => relname === "positions")?.upd).toBe(1);
    const before = await stats();
    const steps = 20;
    const worker = await PostgresBackend.connect(database.directUrl);
    for (let step = 1; step <= steps; step++) {
      const move = { kind: "advance", to: standing(`t${step + 1}`, { inputRef: `t${step}` }) } as const;
      const [fate] = await worker.commitCheckpoints([checkpoint(claim, move, [entry(`t${step}`)])], holder);
      expect(fate).toMatchObject({ kind: "accepted", kept: true });
    }
    // Statistics are reported by a session that ends, which a pooler puts off.
    await worker.close();

    await expect
      .poll(async () => difference(await stats(), before))
      .toEqual([
        { relname: "checkpoints", ins: steps, upd: 0, hot: 0, del: 0 },
        { relname: "positions", ins: 0, upd: steps, hot: steps, del: 0 },
      ]);
  });

  test("as much WAL for checkpoint number 10,000 as for number 10", async () => {
    // WAL is the whole server's.
    const server = await startOwnServer();
    const backend = await PostgresBackend.connect(server.url);
    onTestFinished(async () => {
      await backend.close();
      await server.stop();
    });
    const claim = await startAndClaim(backend, "long");
    const early = await walOfSteps(server, backend, claim, 10, 30);
    await skipTo(server, claim.instanceId, 31, 10_000);
    const late = await walOfSteps(server, backend, claim, 10_000, 10_020);

    expect(late).toBeLessThanOrEqual(early * 1.1);
    expect(early).toBeLessThan(1_200);
  });
});

/** The least WAL that one of these steps wrote: some begin a page. */
async function walOfSteps(
  server: OwnServer,
  backend: PostgresBackend,
  claim: Awaited<ReturnType<typeof startAndClaim>>,
  from: number,
  to: number,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let step = from; step <= to; step++) {
    const before = await server.walBytes();
    const move = { kind: "advance", to: standing(`loop[${step + 1}]`, { inputRef: `loop[${step}]` }) } as const;
    await backend.commitCheckpoints([checkpoint(claim, move, [entry(`loop[${step}]`)])], holder);
    least = Math.min(least, (await server.walBytes()) - before);
  }
  return least;
}

/** History as ten thousand steps would have left it. */
async function skipTo(server: OwnServer, instanceId: string, from: number, to: number): Promise<void> {
  await server.pool.query(
    `INSERT INTO waymark.checkpoints (instance_id, task_id, attempt, kind, outcome, output)
     SELECT $1, 'loop[' || g || ']', 1, 'loop', 'completed', '\\x31' FROM generate_series($2::int, $3::int - 1) AS g`,
    [instanceId, from, to],
  );
}

async function stats(): Promise<TableStats[]> {
  await database.pool.query("SELECT pg_stat_clear_snapshot()");
  const { rows } = await database.pool.query<TableStats>(
    `SELECT relname, n_tup_ins::int AS ins, n_tup_upd::int AS upd, n_tup_hot_upd::int AS hot, n_tup_del::int AS del
     FROM pg_stat_user_tables WHERE schemaname = 'waymark' ORDER BY relname`,
  );
  return rows;
}

function difference(after: TableStats[], before: TableStats[]): TableStats[] {
  return after.flatMap((row) => {
    const old = before.find((candidate) => candidate.relname === row.relname);
    const delta = {
      relname: row.relname,
      ins: row.ins - (old?.ins ?? 0),
      upd: row.upd - (old?.upd ?? 0),
      hot: row.hot - (old?.hot ?? 0),
      del: row.del - (old?.del ?? 0),
    };
    return delta.ins + delta.upd + delta.del === 0 ? [] : [delta];
  });
}
