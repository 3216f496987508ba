import { afterEach, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { mapOfActs } from "../support/worker-child.ts";
import { WorkerProcesses } from "../support/worker-process.ts";
import { soon } from "../support/workers.ts";

const database = await createTestDatabase();
const client = new Client(await database.connect());
const processes = new WorkerProcesses(database.url);
const definition = mapOfActs(() => undefined);
const COUNT = 500;

afterEach(() => processes.clear());

test("a map of 500 items outlives the processes that run it: each item is recorded once", {
  timeout: 60_000,
}, async () => {
  const worker = { leaseTtl: 1_000, concurrency: 20, maxLostLeases: 50 };
  const handle = await client.submit(definition, fresh("map-crash"), { count: COUNT, act: { do: "work", ms: 10 } });
  for (const atLeast of [40, 150, 300]) {
    const run = await processes.started({ worker });
    await expect.poll(() => processes.begun().length, soon).toBeGreaterThan(atLeast);
    await run.kill("SIGKILL");
  }
  await processes.started({ worker });

  expect(await handle.result()).toEqual(Array.from({ length: COUNT }, (_, index) => index * 2));
  const history = await client.history(handle.instanceId, { limit: 10_000 });
  const acts = history.filter(({ taskId }) => taskId.endsWith("/act"));
  expect(acts.map(({ outcome }) => outcome)).toEqual(acts.map(() => "completed"));
  expect(new Set(acts.map(({ taskId }) => taskId)).size).toBe(COUNT);
  expect(acts).toHaveLength(COUNT);
  expect(history.filter(({ kind }) => kind === "item")).toHaveLength(COUNT);
});
