import { afterAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import type { Backend } from "../../src/store/backend.ts";
import { counting, type Work } from "../support/counted-work.ts";
import { heldBytes } from "../support/heap.ts";
import { fresh } from "../support/instance-ids.ts";
import { startOwnServer } from "../support/own-server.ts";
import { workerStarter } from "../support/workers.ts";

const child = flow<number>("child")
  .then("double", (n) => n * 2)
  .build();
const item = flow<number>("item").spawn("start", child).build();
const parent = flow<number>("parent")
  .map("items", (n) => Array.from({ length: n }, (_, index) => index), item)
  .then("sum", (all) => all.reduce((sum, n) => sum + n, 0))
  .build();

interface Subject {
  readonly name: string;
  readonly backend: Backend;
  /** Where the next byte of WAL goes; always 0 in memory. */
  walBytes(): Promise<number>;
}

async function subjects(): Promise<readonly Subject[]> {
  const server = await startOwnServer();
  const postgres = await PostgresBackend.connect(server.url);
  const memory = new InMemoryBackend();
  afterAll(async () => {
    await Promise.all([postgres.close(), memory.close()]);
    await server.stop();
  });
  return [
    { name: "memory", backend: memory, walBytes: async () => 0 },
    { name: "PostgreSQL", backend: postgres, walBytes: async () => await server.walBytes() },
  ];
}

describe.each(await subjects())("on $name", ({ name, backend, walBytes }) => {
  const start = workerStarter();

  test("1,000 children are four times the work of 250, and four times the WAL; their worker keeps nothing of them", {
    timeout: 240_000,
  }, async () => {
    const work = async (count: number): Promise<Work & { readonly wal: number; readonly held: number }> => {
      const counted = counting(backend);
      const worker = start(counted.backend, { flows: [parent], concurrency: 50, pollInterval: 20 });
      const before = await walBytes();
      const handle = await new Client(backend).submit(parent, fresh("parent"), count);
      expect(await handle.result()).toBe(count * (count - 1));
      const wal = (await walBytes()) - before;
      const held = heldBytes();
      await worker.stop();
      return { ...counted.work, wal, held };
    };
    // A process has as much room as it has ever needed.
    await work(1_000);
    const [small, large, again] = [await work(250), await work(1_000), await work(1_000)];

    // For each: the item, what its child is started with, that child's task, and its output; then the list, the join and the sum.
    expect(small.entries).toBe(4 * 250 + 3);
    expect(large.entries).toBe(4 * 1_000 + 3);
    expect(large.checkpoints).toBeLessThanOrEqual(5 * small.checkpoints);
    expect(large.children).toBeLessThanOrEqual(5 * small.children);
    expect(large.wal).toBeLessThanOrEqual(6 * small.wal);
    // A kilobyte kept for each would be more, each time. The backend in memory is there to keep them.
    if (name !== "memory") expect(Math.min(large.held, again.held) - small.held).toBeLessThan(500_000);
  });
});
