import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const HOUR = { retry: { attempts: 9, initialDelay: "1h" } } as const;
const double = task("double", (n: number) => n * 2);
const stuck = task(
  "stuck",
  (n: number) => {
    if (n === 1) throw new Error("nobody answers");
    return n * 2;
  },
  HOUR,
);

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index);
}

describe.each(await bothBackends())("by hand on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  /** Runs until nothing is left to do but to wait for hours. */
  async function untilStuck<Input>(definition: Flow<Input>, input: Input): Promise<string> {
    const id = fresh(definition.name);
    const probe = new Probe();
    const stopping = new AbortController();
    const observed = new Runner(backend, { pollInterval: 10, observer: probe.observer });
    const run = observed.run(definition, id, input, { signal: stopping.signal }).catch(() => null);
    await Promise.race([run, probe.first("task_failed")]);
    stopping.abort();
    await run;
    return id;
  }

  test("an item's task is completed, and the next item begins", async () => {
    const f = flow<number>("hand-item").map("items", upTo, stuck, { concurrency: 1 }).build();
    const id = await untilStuck(f, 3);
    await client.completeTask(id, "items[1]/stuck", 100);

    expect(await runner.resume(f, id, { until: "ended" })).toEqual({ status: "completed", output: [0, 100, 4] });
  });

  test("the list of a map is given, and its items run", async () => {
    const f = flow<number>("hand-list")
      .map(
        "items",
        (): number[] => {
          throw new Error("no list");
        },
        double,
        HOUR,
      )
      .build();
    const id = await untilStuck(f, 0);
    await client.completeTask(id, "items~list", [3, 4]);

    expect(await runner.resume(f, id, { until: "ended" })).toEqual({ status: "completed", output: [6, 8] });
  });

  test.each([[5], [null], ["ab"], [{ length: 1 }]])("a list that is %j fails the instance", async (list) => {
    const f = flow<number>("hand-no-list")
      .map(
        "items",
        (): number[] => {
          throw new Error("no list");
        },
        double,
        HOUR,
      )
      .build();
    const id = await untilStuck(f, 0);
    await client.completeTask(id, "items~list", list);

    expect(await runner.resume(f, id, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { code: "INVALID_ARGUMENT", taskId: "items~list" },
    });
  });

  test("an empty list goes on at once", async () => {
    const f = flow<number>("hand-empty")
      .map(
        "items",
        (): number[] => {
          throw new Error("no list");
        },
        double,
        HOUR,
      )
      .then("count", (all) => all.length)
      .build();
    const id = await untilStuck(f, 0);
    await client.completeTask(id, "items~list", []);

    expect(await runner.resume(f, id, { until: "ended" })).toEqual({ status: "completed", output: 0 });
  });

  test("a map, a race and a fork are not completed while their branches run", async () => {
    const f = flow<number>("hand-joins").map("items", upTo, stuck).build();
    const id = await untilStuck(f, 2);
    const race = flow<number>("hand-race")
      .race("first", [branch("a", stuck), branch("b", (b) => b.delay("h", "1h"))])
      .build();
    const other = await untilStuck(race, 1);

    for (const [instance, taskId] of [
      [id, "items"],
      [id, "items[0]~item"],
      [id, "items[7]/stuck"],
      [other, "first"],
    ] as const)
      await expect(client.completeTask(instance, taskId, 1)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("a branch of a race is completed, and wins it", async () => {
    const f = flow<number>("hand-winner")
      .race("first", [branch("a", stuck), branch("b", (b) => b.delay("h", "1h"))])
      .build();
    const id = await untilStuck(f, 1);
    await client.completeTask(id, "first/a/stuck", "by hand");

    expect(await runner.resume(f, id, { until: "ended" })).toMatchObject({
      output: { branch: "a", output: "by hand" },
    });
  });

  test("a delay until a time is ended", async () => {
    const f = flow<number>("hand-until")
      .delayUntil("rest", () => Date.now() + 3_600_000)
      .then(double)
      .build();
    const id = await untilStuck(f, 1);
    await client.completeTask(id, "rest", null);

    expect(await runner.resume(f, id, { until: "ended" })).toEqual({ status: "completed", output: 2 });
  });

  test("a wait whose time limit leads into a branch is given its event", async () => {
    const f = flow<number>("hand-wait")
      .waitForEvent<string | number>("w", "news", { timeout: "1h", onTimeout: (b) => b.then(double) })
      .build();
    const id = await untilStuck(f, 1);
    await client.completeTask(id, "w", "by hand");

    expect(await runner.resume(f, id, { until: "ended" })).toEqual({ status: "completed", output: "by hand" });
  });
});

describe.each(await bothBackends())("in the midst of a map on $name", ({ backend }) => {
  const client = new Client(backend);

  /** A map of five items, two at a time, that has come to its first items. */
  async function begun(name: string) {
    const gate = new Gate();
    const probe = new Probe();
    const slow = task("slow", async (n: number, { signal }) => {
      await Promise.race([gate.passed, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
      return n * 2;
    });
    const f = flow<number>(name).map("items", upTo, slow, { concurrency: 2 }).build();
    const runner = new Runner(backend, { pollInterval: 10, leaseTtl: 500, observer: probe.observer });
    const id = fresh(name);
    const ended = runner.run(f, id, 5, { until: "ended" });
    await probe.first("task_started", "items[1]/slow");
    return { gate, probe, runner, id, f, ended };
  }

  test("a cancel ends what runs, and begins no other item", async () => {
    const { probe, id, ended } = await begun("cancelled");
    await client.cancel(id);

    expect(await ended).toMatchObject({ status: "cancelled" });
    expect(probe.of("task_started").map(({ taskId }) => taskId)).toEqual([
      "items~list",
      "items[0]/slow",
      "items[1]/slow",
    ]);
    expect((await backend.findInstance(id))?.positions).toEqual([]);
  });

  test("a pause lets what runs be recorded, and begins no other item until it is lifted", async () => {
    const { gate, probe, runner, id, f, ended } = await begun("paused");
    await client.pause(id);
    gate.open();
    expect(await ended).toMatchObject({ status: "paused" });
    expect(probe.of("task_started")).toHaveLength(3);
    const recorded = (await client.history(id)).filter(({ kind }) => kind === "task").map(({ taskId }) => taskId);
    expect(recorded.sort()).toEqual(["items[0]/slow", "items[1]/slow", "items~list"]);
    await client.unpause(id);

    expect(await runner.resume(f, id, { until: "ended" })).toEqual({ status: "completed", output: [0, 2, 4, 6, 8] });
    expect(probe.of("task_started", "items[0]/slow")).toHaveLength(1);
  });

  test("what runs in a branch that a race abandons is told, and what it returns is dropped", async () => {
    const gate = new Gate();
    const told = new Gate();
    const f = flow<number>("abandoned")
      .race("first", [
        branch("slow", (b) =>
          b.then("work", async (_, { signal }) => {
            gate.open();
            await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
            told.open();
            return "too late";
          }),
        ),
        branch("quick", (b) => b.then("wait", () => gate.passed)),
      ])
      .then("end", async ({ branch: winner }) => {
        await told.passed;
        return winner;
      })
      .build();
    const id = fresh("abandoned");
    const runner = new Runner(backend, { pollInterval: 10, leaseTtl: 200 });

    expect(await runner.run(f, id, 1, { until: "ended" })).toEqual({ status: "completed", output: "quick" });
    expect((await client.history(id)).map(({ taskId }) => taskId)).not.toContain("first/slow/work");
  });
});
