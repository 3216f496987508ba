import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { systemPorts } from "../../src/engine/ports.ts";
import { flow } from "../../src/flow/flow.ts";
import { schedule } from "../../src/schedule/schedule.ts";
import { slotOf } from "../../src/schedule/slot-id.ts";
import { TestClock } from "../../src/testing/index.ts";
import { Scheduler } from "../../src/worker/scheduler.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { flowOfActs } from "../support/worker-child.ts";
import { WorkerProcesses } from "../support/worker-process.ts";
import { dyingAt, soon, workerStarter } from "../support/workers.ts";

const HOUR = 3_600_000;
const start = workerStarter();
const poll = { pollInterval: 20 } as const;

describe.each(await bothBackends())("a scheduler on $name that dies", ({ open }) => {
  const deaths = (["declareSchedules", "findDueSchedules", "fireSchedule"] as const).flatMap((call) =>
    (["before", "after"] as const).flatMap((how) => [1, 2].map((nth) => ({ call, how, nth }))),
  );

  test.each(deaths.filter(({ call, nth }) => call !== "declareSchedules" || nth === 1))(
    "$how its call no. $nth of $call leaves each slot to be started once, also when what it started is pruned",
    async ({ call, how, nth }) => {
      const clock = new TestClock();
      const backend = await open({ clock });
      const client = new Client(backend);
      const [id, began] = [fresh("hourly"), clock.now()];
      const same = flow(fresh("same"))
        .then("same", () => "done")
        .build();
      const options = {
        ports: systemPorts,
        flows: [same],
        schedules: [schedule(id, same, { every: "1h" })],
        pollIntervalMs: 10,
      };
      const known = async (): Promise<number | null> => (await backend.findSchedule(id))?.nextSlot ?? null;
      let calls = 0;
      const { backend: mortal, died } = dyingAt(backend, (name) => (name === call && ++calls === nth ? how : null));
      // It never ends: what it waits for never comes.
      new Scheduler({ backend: mortal, ...options }).begin();
      const startsFirst = call === "fireSchedule" && nth === 2;
      if (startsFirst) await expect.poll(known, soon).not.toBeNull();
      if (startsFirst) clock.advance(HOUR);
      await died;
      const next = new Scheduler({ backend, ...options });
      next.begin();
      await expect.poll(known, soon).not.toBeNull();
      clock.advance(HOUR);
      await expect.poll(async () => (await backend.findSchedule(id))?.dueAt ?? 0, soon).toBeGreaterThan(clock.now());

      const made = await backend.listInstanceIds({ idPrefix: `${id}@` });
      const slots = made.map((instanceId) => (Number(slotOf(instanceId)?.slot) - began) / HOUR);
      expect(slots).toEqual(startsFirst ? [1, 2] : [1]);
      for (const instanceId of made) await client.delete(instanceId);
      const triggered = await client.schedules.trigger(id);
      await expect.poll(async () => await backend.listInstanceIds({ idPrefix: `${id}@` }), soon).toEqual([triggered]);
      await next.end();
    },
  );
});

describe("in a database", async () => {
  const database = await createTestDatabase();
  const backend = await database.connect();
  const client = new Client(backend);
  let processes: WorkerProcesses;

  beforeEach(async () => {
    await database.truncate();
    processes = new WorkerProcesses(database.url);
  });

  afterEach(async () => {
    await processes.clear();
  });

  test("processes that are killed all the time start each slot once, and lose none", async () => {
    const acts = flowOfActs(() => undefined);
    const input = { first: { do: "work" }, second: { do: "work" } } as const;
    for (const id of ["a", "b"])
      await client.schedules.put(schedule(id, acts, { every: "1s", input, catchUp: { limit: 100 } }));
    const slots = async (id: string): Promise<number[]> => {
      const ids = await backend.listInstanceIds({ idPrefix: `${id}@`, limit: 1_000 });
      return ids.map((instanceId) => Number(slotOf(instanceId)?.slot) / 1_000);
    };
    const worker = { leaseTtl: 400, concurrency: 20 };
    const runs = await Promise.all([0, 1, 2].map(async () => await processes.started({ worker })));
    for (let kill = 0; kill < 4; kill++) {
      const { length } = await slots("a");
      await expect.poll(async () => (await slots("a")).length, soon).toBeGreaterThan(length);
      await runs[kill % 3]?.kill("SIGKILL");
      runs[kill % 3] = await processes.started({ worker });
    }
    for (const id of ["a", "b"]) await client.schedules.pause(id);
    for (const id of ["a", "b"]) {
      const [first = 0, ...rest] = await slots(id);
      expect(rest.length).toBeGreaterThan(3);
      expect(rest).toEqual(rest.map((_, index) => first + index + 1));
      expect(await client.schedules.get(id)).toMatchObject({ skipped: null, problem: null });
    }
    const all = await backend.listInstanceIds({ limit: 1_000 });
    await expect.poll(async () => (await backend.findEnded(all)).length, soon).toBe(all.length);
  });

  test("a start that fails in the midst leaves nothing, and comes again", async () => {
    const same = flow("same")
      .then("same", () => "done")
      .build();
    await client.schedules.put(schedule("often", same, { every: "1s" }));
    await database.pool.query(`
      CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
      CREATE TRIGGER fail AFTER INSERT ON waymark.positions FOR EACH ROW EXECUTE FUNCTION public.fail();
    `);
    start(backend, { flows: [same], ...poll });
    const now = Date.now();
    await expect.poll(() => Date.now(), soon).toBeGreaterThan(now + 1_100);
    expect((await backend.findSchedule("often"))?.lastSlot).toBeNull();
    expect(await backend.listInstanceIds({})).toEqual([]);
    await database.pool.query("DROP FUNCTION public.fail CASCADE");

    await expect.poll(async () => (await backend.listInstanceIds({})).length, soon).toBeGreaterThan(1);
    const { skipped } = await client.schedules.get("often");
    expect(skipped).toBeNull();
  });
});
