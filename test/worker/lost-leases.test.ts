import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { Worker } from "../../src/worker/worker.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { type Act, type Acts, type Begun, flowOfActs } from "../support/worker-child.ts";
import { WorkerProcesses } from "../support/worker-process.ts";

const database = await createTestDatabase();
const backend = await database.connect();
const client = new Client(backend);
const acts = flowOfActs(() => undefined);
const short = { leaseTtl: 400, concurrency: 100 } satisfies Partial<ConstructorParameters<typeof Worker>[1]>;
const MOST_LIVES = 40;
let processes: WorkerProcesses;

beforeEach(async () => {
  await database.truncate();
  processes = new WorkerProcesses(database.url);
});

afterEach(async () => {
  await processes.clear();
});

async function submit(name: string, count: number, input: Acts): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, () => fresh(name));
  await client.submitMany(
    acts,
    ids.map((instanceId) => ({ instanceId, input })),
  );
  return ids;
}

/** Starts a process whenever one has died, as an operating system would, until all instances have ended. */
async function superviseUntilEnded(ids: readonly string[], worker: object = {}): Promise<void> {
  for (let life = 0; life < MOST_LIVES; life++) {
    const run = await processes.started({ worker: { ...short, ...worker } });
    let hasEnded = false;
    while (run.isRunning && !hasEnded) {
      hasEnded = (await backend.findEnded(ids)).length === ids.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (!hasEnded) continue;
    await run.kill("SIGTERM");
    return;
  }
  throw new Error(`Not ended after ${MOST_LIVES} lives.`);
}

function begunOf(instanceId: string, taskId: string): readonly Begun[] {
  return processes.begun().filter((begun) => begun.instanceId === instanceId && begun.taskId === taskId);
}

async function expectUnharmed(ids: readonly string[]): Promise<void> {
  const reports = await Promise.all(ids.map(async (id) => await client.status(id)));
  const ends = reports.map((report, n) => [ids[n], report.status === "failed" ? report.failure.code : report.status]);
  expect(ends.filter(([, end]) => end !== "completed")).toEqual([]);
  for (const id of ids) expect((await client.history(id)).map(({ attempt }) => attempt)).toEqual([1, 1]);
}

async function expectLost(id: string, lost: number): Promise<void> {
  expect(await client.status(id)).toMatchObject({ status: "failed", failure: { code: "TASK_LOST", taskId: "first" } });
  const begun = begunOf(id, "first");
  expect(begun.map(({ attempt }) => attempt)).toEqual(Array.from({ length: lost }, () => 1));
  // From the third time on, nothing was beside it.
  expect(begun.slice(2).map(({ beside }) => beside)).toEqual(Array.from({ length: lost - 2 }, () => 0));
}

describe("a task that ends its process each time", { timeout: 120_000 }, () => {
  test.each(["exit", "abort", "kill"] as const)(
    "(%s) fails its instance with TASK_LOST, and dozens of others beside it complete",
    async (how) => {
      const work: Act = { do: "work", ms: 100 };
      const before = await submit("before", 20, { first: work, second: work });
      const [killer = ""] = await submit("killer", 1, { first: { do: "die", how, times: 1_000 } });
      const after = await submit("after", 20, { first: work, second: work });
      await superviseUntilEnded([killer, ...before, ...after]);

      await expectLost(killer, 3);
      await expectUnharmed([...before, ...after]);
    },
  );

  test("is tried maxLostLeases times", async () => {
    const [killer = ""] = await submit("killer", 1, { first: { do: "die", how: "exit", times: 1_000 } });
    const others = await submit("other", 10, { first: { do: "work", ms: 50 } });
    await superviseUntilEnded([killer, ...others], { maxLostLeases: 5 });

    await expectLost(killer, 5);
    await expectUnharmed(others);
  });

  test("harms only itself where there are several such instances", async () => {
    const killers = await submit("killer", 3, { first: { do: "die", how: "exit", times: 1_000 } });
    const others = await submit("other", 15, { first: { do: "work", ms: 300 } });
    await superviseUntilEnded([...killers, ...others]);

    const statuses = await Promise.all(killers.map(async (id) => await client.status(id)));
    expect(statuses.map((status) => status.status)).toEqual(["failed", "failed", "failed"]);
    await expectUnharmed(others);
  });
});

describe("a task that ends its process twice", { timeout: 120_000 }, () => {
  test("spends no attempt, runs alone the third time, and goes on", async () => {
    const [id = ""] = await submit("twice", 1, { first: { do: "die", how: "exit", times: 2 } });
    const others = await submit("other", 20, { first: { do: "work", ms: 100 } });
    await superviseUntilEnded([id, ...others]);

    await expectUnharmed([id, ...others]);
    expect(begunOf(id, "first").map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    expect(begunOf(id, "first")[2]?.beside).toBe(0);
  });

  test("may be followed by another one: what was lost before counts no more after a step forward", async () => {
    const die: Act = { do: "die", how: "kill", times: 2 };
    const [id = ""] = await submit("both", 1, { first: die, second: die });
    await superviseUntilEnded([id]);

    await expectUnharmed([id]);
    expect(begunOf(id, "first")).toHaveLength(3);
    expect(begunOf(id, "second")).toHaveLength(3);
  });
});

describe("two processes", { timeout: 120_000 }, () => {
  test("of which one dies over and over: the other one ends all that is harmless", async () => {
    const steady = await processes.started({ worker: { ...short, concurrency: 5 } });
    const [killer = ""] = await submit("killer", 1, { first: { do: "die", how: "abort", times: 1_000 } });
    const others = await submit("other", 30, { first: { do: "work", ms: 60 }, second: { do: "work", ms: 60 } });
    await superviseUntilEnded([killer, ...others]);
    await steady.kill("SIGTERM");

    expect((await client.status(killer)).status).toBe("failed");
    await expectUnharmed(others);
  });
});

test("a task whose steps get on is not lost, however often its process ends; each step runs again only if it was cut off", async () => {
  const diesIn = [2, 5, 6, 11, 12, 17];
  const ids = await submit("steps", 1, { first: { do: "steps", count: 20, diesIn } });
  await superviseUntilEnded(ids);

  const [id = ""] = ids;
  expect(await client.status(id)).toMatchObject({ status: "completed" });
  const steps = Array.from({ length: 20 }, (_, index) => index);
  expect(steps.map((index) => begunOf(id, `first>s${index}`).length)).toEqual(
    steps.map((index) => (diesIn.includes(index) ? 2 : 1)),
  );
  expect((await client.history(id)).map(({ taskId, attempt }) => `${taskId} ${attempt}`)).toEqual([
    ...steps.map((index) => `first>s${index} 1`),
    "first 1",
    "second 1",
  ]);
});
