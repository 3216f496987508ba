import { afterEach, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { childrenOfActs } from "../support/worker-child.ts";
import { WorkerProcesses } from "../support/worker-process.ts";
import { soon } from "../support/workers.ts";

const database = await createTestDatabase();
const backend = await database.connect();
const client = new Client(backend);
const processes = new WorkerProcesses(database.url);
const definition = childrenOfActs(() => undefined);
const COUNT = 50;

afterEach(() => processes.clear());

test("50 children outlive the processes that run them: each ends once, and the parent gets all outputs in order", {
  timeout: 180_000,
}, async () => {
  const worker = { leaseTtl: 1_000, concurrency: 10, maxLostLeases: 50 };
  const handle = await client.submit(definition, fresh("parent"), { count: COUNT, act: { do: "work", ms: 20 } });
  for (const atLeast of [5, 20, 35]) {
    const run = await processes.started({ worker });
    await expect.poll(() => processes.begun().length, soon).toBeGreaterThan(atLeast);
    await run.kill("SIGKILL");
  }
  await processes.started({ worker });

  expect(await handle.result()).toEqual(Array.from({ length: COUNT }, (_, index) => index * 2));
  const { instances } = await client.list({ parent: handle.instanceId });
  expect(instances).toHaveLength(COUNT);
  for (const { instanceId, status } of instances) {
    expect(status).toBe("completed");
    expect((await client.history(instanceId)).map(({ taskId, outcome }) => [taskId, outcome])).toEqual([
      ["act", "completed"],
    ]);
  }
  const history = await client.history(handle.instanceId, { limit: 10_000 });
  expect(history.filter(({ kind }) => kind === "spawn")).toHaveLength(COUNT);
  await expect.poll(async () => (await backend.promoteDue()).owes, soon).toBe(false);
  const { rows } = await database.pool.query("SELECT count(*)::int AS left FROM waymark.events");
  expect(rows).toEqual([{ left: 0 }]);
});
