import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { bothBackends } from "../support/both-backends.ts";
import { counting, type Work } from "../support/counted-work.ts";
import { heldBytes } from "../support/heap.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const child = flow<number>("child")
  .then("double", (n) => n * 2)
  .build();
const item = flow<number>("item").spawn("start", child).build();
const parent = flow<number>("parent")
  .map("items", (n) => Array.from({ length: n }, (_, index) => index), item)
  .then("sum", (all) => all.reduce((sum, n) => sum + n, 0))
  .build();

describe.each(await bothBackends())("on $name", ({ backend, database }) => {
  const start = workerStarter();

  test("1,000 children are four times the work of 250, and four times the WAL; their worker keeps nothing of them", {
    timeout: 240_000,
  }, async () => {
    const walPosition = async (): Promise<bigint> => {
      if (database === null) return 0n;
      const text = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS bytes";
      return BigInt((await database.pool.query<{ bytes: string }>(text)).rows[0]?.bytes ?? 0);
    };
    const work = async (count: number): Promise<Work & { readonly wal: number; readonly held: number }> => {
      const counted = counting(backend);
      const worker = start(counted.backend, { flows: [parent], concurrency: 50, pollInterval: 20 });
      const before = await walPosition();
      const handle = await new Client(backend).submit(parent, fresh("parent"), count);
      expect(await handle.result()).toBe(count * (count - 1));
      const wal = Number((await walPosition()) - before);
      const held = heldBytes();
      await worker.stop();
      return { ...counted.work, wal, held };
    };
    // What is written for the first time is written as whole pages, and a process has as much room as it has ever needed.
    await work(1_000);
    const [small, large, again] = [await work(250), await work(1_000), await work(1_000)];

    // For each: the item, what its child is started with, that child's task, and its output; then the list, the join and the sum.
    expect(small.entries).toBe(4 * 250 + 3);
    expect(large.entries).toBe(4 * 1_000 + 3);
    expect(large.checkpoints).toBeLessThanOrEqual(5 * small.checkpoints);
    expect(large.children).toBeLessThanOrEqual(5 * small.children);
    expect(large.wal).toBeLessThanOrEqual(6 * small.wal);
    // A kilobyte kept for each would be more, each time. The backend in memory is there to keep them.
    if (database !== null) expect(Math.min(large.held, again.held) - small.held).toBeLessThan(500_000);
  });
});
