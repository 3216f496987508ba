import { describe, expect, test } from "vitest";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { HeadCount } from "../support/workers.ts";

const double = task("double", (n: number) => n * 2);
const oddFails = task("check", (n: number) => {
  if (n % 2 === 1) throw new Error(`${n} is odd`);
  return n;
});

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index);
}

describe.each(await bothBackends())("on $name, a map", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 20 });

  test("runs a task for each item and hands on the outputs in order", async () => {
    const f = flow<number>("map-plain")
      .map("items", (n) => upTo(n), double)
      .then("sum", (all) => all.reduce((sum, n) => sum + n, 0))
      .build();
    for (const n of [0, 1, 2, 57]) {
      expect(await runner.run(f, fresh("map"), n, { until: "ended" })).toEqual({
        status: "completed",
        output: upTo(n).reduce((sum, item) => sum + 2 * item, 0),
      });
    }
  });

  test("takes what comes in for the list where none is given", async () => {
    const f = flow<readonly number[]>("map-input").map("items", double).build();
    expect(await runner.run(f, fresh("map"), [3, 1, 2], { until: "ended" })).toMatchObject({ output: [6, 2, 4] });
  });

  test("runs no more items at once than it may, and all of them", async () => {
    const heads = new HeadCount();
    const slow = task(
      "slow",
      async (n: number) =>
        await heads.during(async () => {
          await new Promise((resolve) => setTimeout(resolve, 2));
          return n;
        }),
    );
    const f = flow<number>("map-window")
      .map("items", (n) => upTo(n), slow, { concurrency: 3 })
      .build();
    expect(await runner.run(f, fresh("map"), 20, { until: "ended" })).toMatchObject({ output: upTo(20) });
    expect(heads.most).toBeLessThanOrEqual(3);
    expect(heads.most).toBeGreaterThan(1);
  });

  test("runs a whole flow for each item, with forks, delays and maps of its own", async () => {
    const inner = flow<number>("inner")
      .fork([
        branch(
          "a",
          task("a", (n: number) => n + 1),
        ),
        branch("b", (b) => b.delay("rest", 5).then("b", (n: number) => n * 10)),
      ])
      .join("both", ({ a, b }) => [a, b])
      .map("again", double)
      .build();
    const f = flow<number>("map-flow")
      .map("items", (n) => upTo(n), inner, { concurrency: 2 })
      .build();
    expect(await runner.run(f, fresh("map"), 4, { until: "ended" })).toMatchObject({
      output: upTo(4).map((n) => [(n + 1) * 2, n * 20]),
    });
  });

  test("fails with the first item that fails, unless told otherwise", async () => {
    const f = flow<number>("map-fails")
      .map("items", (n) => upTo(n), oddFails)
      .build();
    expect(await runner.run(f, fresh("map"), 5, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { taskId: expect.stringMatching(/^items\[[13]\]\/check$/) },
    });
  });

  test.each([undefined, 2])("collects what has come of all items (concurrency %s)", async (concurrency) => {
    const f = flow<number>("map-collects")
      .map("items", (n) => upTo(n), oddFails, {
        onFailure: "collect",
        ...(concurrency === undefined ? {} : { concurrency }),
      })
      .build();
    expect(await runner.run(f, fresh("map"), 4, { until: "ended" })).toMatchObject({
      output: [
        { ok: true, value: 0 },
        { ok: false, failure: { message: "1 is odd" } },
        { ok: true, value: 2 },
        { ok: false, failure: { message: "3 is odd" } },
      ],
    });
  });

  test.each([undefined, 2])("bears as many failures as it may (concurrency %s)", async (concurrency) => {
    const f = flow<number>("map-tolerates")
      .map("items", (n) => upTo(n), oddFails, {
        onFailure: { tolerate: 2 },
        ...(concurrency === undefined ? {} : { concurrency }),
      })
      .then("count", (all) => all.filter(({ ok }) => ok).length)
      .build();
    expect(await runner.run(f, fresh("map"), 5, { until: "ended" })).toMatchObject({ status: "completed", output: 3 });
    expect(await runner.run(f, fresh("map"), 60, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { name: "ItemsFailedError", code: "ITEMS_FAILED", taskId: "items" },
    });
  });

  test("lets an item fail as a whole, with all that runs in it", async () => {
    const inner = flow<number>("inner")
      .fork([
        branch("good", (b) => b.delay("long", "1h").then("never", () => 1)),
        branch("bad", (b) =>
          b.then("bad", (n: number) => {
            if (n === 1) throw new Error("no");
            return n;
          }),
        ),
      ])
      .join("both", () => "unreachable for 1")
      .build();
    const f = flow<number>("map-nested-failure")
      .map("items", (n) => upTo(n).map(() => 1), inner, { onFailure: "collect" })
      .build();
    const report = await runner.run(f, fresh("map"), 3, { until: "ended" });
    expect(report).toMatchObject({ status: "completed" });
    expect(report.status === "completed" && report.output.map(({ ok }) => ok)).toEqual([false, false, false]);
  });
});

describe.each(await bothBackends())("on $name, a fork", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 20 });

  test("that waits for the first goes on with it, and leaves the others", async () => {
    const f = flow<string>("fork-any")
      .fork(
        [
          branch("slow", (b) => b.delay("long", "1h").then("slow", (s: string) => `${s} slow`)),
          branch("fails", (b) =>
            b.then("fails", (): string => {
              throw new Error("no");
            }),
          ),
          branch("quick", (b) => b.delay("short", 20).then("quick", (s: string) => s.length)),
        ],
        { mode: "any" },
      )
      .join("first", (first) => first)
      .build();
    expect(await runner.run(f, fresh("any"), "abc", { until: "ended" })).toMatchObject({
      status: "completed",
      output: { branch: "quick", output: 3 },
    });
  });

  test("that waits for the first fails when all have failed", async () => {
    const f = flow<string>("fork-none")
      .fork(
        [
          branch("a", (b) =>
            b.then("x", (): string => {
              throw new Error("no a");
            }),
          ),
          branch("b", (b) =>
            b.then("x", (): string => {
              throw new Error("no b");
            }),
          ),
        ],
        { mode: "any" },
      )
      .join("first", ({ output }) => output)
      .build();
    expect(await runner.run(f, fresh("any"), "abc", { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { code: "BRANCHES_FAILED", taskId: "first", message: expect.stringContaining("b: no b") },
    });
  });

  test("that waits for all to settle says what has come of each", async () => {
    const f = flow<number>("fork-settled")
      .fork(
        [
          branch("good", double),
          branch("bad", oddFails),
          branch("deep", (b) =>
            b.fork([branch("x", (c) => c.delay("hour", "1h")), branch("y", oddFails)]).join("never", () => 1),
          ),
        ],
        { mode: "settled" },
      )
      .join("all", (all) => all)
      .build();
    expect(await runner.run(f, fresh("settled"), 1, { until: "ended" })).toMatchObject({
      status: "completed",
      output: {
        good: { ok: true, value: 2 },
        bad: { ok: false, failure: { message: "1 is odd" } },
        deep: { ok: false, failure: { message: "1 is odd" } },
      },
    });
  });

  test("that is a race is won by an event or by time", async () => {
    const f = flow<string>("race")
      .race("first", [
        branch("event", (b) => b.waitForEvent<number>("wait", "news")),
        branch("time", (b) => b.delay("patience", "1h")),
      ])
      .build();
    const id = fresh("race");
    await runner.run(f, id, "abc");
    await backend.sendEvent(id, "news", await backend.codec.encode(5, { instanceId: id, taskId: "", kind: "event" }));
    expect(await runner.resume(f, id, { until: "ended" })).toMatchObject({ output: { branch: "event", output: 5 } });

    const late = flow<string>("race-late")
      .race("first", [
        branch("event", (b) => b.waitForEvent<number>("wait", "news")),
        branch("time", (b) => b.delay("patience", 20)),
      ])
      .build();
    expect(await runner.run(late, fresh("race"), "abc", { until: "ended" })).toMatchObject({
      output: { branch: "time", output: "abc" },
    });
  });

  test("that is a race fails with the first that fails", async () => {
    const f = flow<number>("race-fails")
      .race("first", [branch("time", (b) => b.delay("patience", "1h")), branch("bad", oddFails)])
      .build();
    expect(await runner.run(f, fresh("race"), 1, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { taskId: "first/bad/check" },
    });
  });
});

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 20 });

  test("a loop runs a flow until it is told that it was the last time", async () => {
    const round = flow<number>("round")
      .fork([branch("a", double), branch("b", (b) => b.delay("rest", 1))])
      .join("sum", ({ a, b }) => a + b)
      .build();
    const f = flow<number>("loop-flow")
      .loop("rounds", round, { until: (n) => n > 50 })
      .then("end", async (n, context) => [n, await context.output("rounds"), await context.output("rounds[0]/sum")])
      .build();
    expect(await runner.run(f, fresh("loop"), 1, { until: "ended" })).toMatchObject({ output: [81, 81, 3] });
  });

  test("a delay lasts until a time that the flow works out", async () => {
    const f = flow<number>("until")
      .delayUntil("rest", (n) => new Date(Date.now() + n))
      .then("end", (n) => n)
      .build();
    expect(await runner.run(f, fresh("until"), -5, { until: "ended" })).toMatchObject({ output: -5 });
    expect(await runner.run(f, fresh("until"), 30, { until: "ended" })).toMatchObject({ output: 30 });
    expect(await runner.run(f, fresh("until"), 3_600_000)).toMatchObject({ status: "waiting" });
    const bad = flow<number>("until-bad")
      .delayUntil("rest", () => new Date(Number.NaN))
      .build();
    expect(await runner.run(bad, fresh("until"), 1, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { code: "INVALID_ARGUMENT", taskId: "rest~until" },
    });
  });

  test("a wait's time limit leads into a branch", async () => {
    const f = flow<string>("late")
      .waitForEvent<number | string>("wait", "news", {
        timeout: 20,
        onTimeout: (b) => b.then("late", (s) => `${s} is late`),
      })
      .then("end", (value) => value)
      .build();
    expect(await runner.run(f, fresh("late"), "it", { until: "ended" })).toMatchObject({ output: "it is late" });
    const id = fresh("late");
    await backend.sendEvent(id, "news", await backend.codec.encode(7, { instanceId: id, taskId: "", kind: "event" }));
    expect(await runner.run(f, id, "it", { until: "ended" })).toMatchObject({ output: 7 });
  });

  test("a failed task is skipped, jumped away from, or replaced", async () => {
    const skipped = flow<number>("skips")
      .then("check", oddFails.node.run as (n: number) => number, { onFailure: "skip" })
      .then("end", (n) => n ?? -1)
      .build();
    expect(await runner.run(skipped, fresh("skip"), 1, { until: "ended" })).toMatchObject({ output: -1 });
    expect(await runner.run(skipped, fresh("skip"), 2, { until: "ended" })).toMatchObject({ output: 2 });

    const replaced = flow<number>("replaces")
      .then(
        "check",
        (n): number => {
          throw new Error(`no ${n}`);
        },
        {
          onFailure: { fallback: ({ input, failure }) => `${input}: ${failure.message}` },
        },
      )
      .then("end", async (value, context) => [value, await context.output("check")])
      .build();
    expect(await runner.run(replaced, fresh("fallback"), 1, { until: "ended" })).toMatchObject({
      output: ["1: no 1", "1: no 1"],
    });

    const jumps = flow<number>("jumps")
      .then(
        "check",
        (n) => {
          if (n === 1) throw new Error("no");
          return n;
        },
        { onFailure: { goto: "end" } },
      )
      .then("between", (n) => n + 100)
      .then("end", (n) => n)
      .build();
    expect(await runner.run(jumps, fresh("goto"), 1, { until: "ended" })).toMatchObject({ output: 1 });
    expect(await runner.run(jumps, fresh("goto"), 2, { until: "ended" })).toMatchObject({ output: 102 });
  });
});
