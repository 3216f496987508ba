import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { untyped } from "../support/untyped-builder.ts";

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  const recorded = async (id: string): Promise<string[]> =>
    (await client.history(id)).map((item) => `${item.taskId} ${item.outcome}`);

  describe("a loop", () => {
    const counting = (name: string, limits: { maxIterations: number; onMax?: "exitWithLast" }) =>
      untyped
        .flow(name)
        .loop("count", (n: number) => (n >= 3 ? LoopResult.done(`done at ${n}`) : LoopResult.again(n + 1)), limits)
        .then("after", (value: unknown) => [value])
        .build();

    test("that is done in its last allowed iteration has not met its limit", async () => {
      expect(await runner.run(counting("exact", { maxIterations: 4 }), fresh("exact"), 0)).toEqual({
        status: "completed",
        output: ["done at 3"],
      });
    });

    test("that wants one iteration too many fails its instance", async () => {
      const id = fresh("limit");

      expect(await runner.run(counting("limit", { maxIterations: 3 }), id, 0)).toMatchObject({
        status: "failed",
        failure: { name: "LoopLimitError", code: "LOOP_LIMIT", taskId: "count[2]", retryable: false },
      });
      expect(await recorded(id)).toEqual(["count[0] completed", "count[1] completed", "count[2] failed"]);
    });

    test("that wants one iteration too many is left with its last value, where the flow says so", async () => {
      const id = fresh("exit");

      expect(await runner.run(counting("exit", { maxIterations: 3, onMax: "exitWithLast" }), id, 0)).toEqual({
        status: "completed",
        output: [3],
      });
      expect(await recorded(id)).toEqual(["count[0]", "count[1]", "count[2]", "after"].map((it) => `${it} completed`));
      expect((await client.history(id)).map(({ decision }) => decision)).toEqual(["again", "again", "done", null]);
    });

    test("with a limit of one runs once", async () => {
      expect(await runner.run(counting("one", { maxIterations: 1, onMax: "exitWithLast" }), fresh("one"), 0)).toEqual({
        status: "completed",
        output: [1],
      });
    });

    test.each([
      ["nothing", undefined],
      ["null", null],
      ["a bare value", 3],
      ["a look-alike", { decision: "done", value: 3 }],
      ["a promise's look-alike", Promise.resolve({ decision: "again", value: 3 })],
    ])("whose body returns %s fails its instance, whatever it may retry", async (_, value) => {
      const id = fresh("no-result");
      const wrong = untyped
        .flow("no-result")
        .loop("poll", () => value, { retry: { attempts: 5, initialDelay: 0 } })
        .build();

      expect(await runner.run(wrong, id, null)).toMatchObject({
        status: "failed",
        failure: {
          code: "INVALID_ARGUMENT",
          taskId: "poll[0]",
          message: expect.stringContaining("LoopResult") as unknown,
        },
      });
      expect(await recorded(id)).toEqual(["poll[0] failed"]);
    });

    test("runs hundreds of iterations, each a checkpoint of its own", async () => {
      const id = fresh("long");
      const long = flow<number>("long")
        .loop("step", (n) => (n < 299 ? LoopResult.again(n + 1) : LoopResult.done(n)))
        .build();

      expect(await runner.run(long, id, 0)).toEqual({ status: "completed", output: 299 });
      const history = await client.history(id);
      expect(history).toHaveLength(300);
      expect(history.at(-1)).toMatchObject({ taskId: "step[299]", output: 299 });
    });
  });

  describe("a route", () => {
    const routed = (name: string, key: unknown, withDefault: boolean) => {
      const route = untyped
        .flow(name)
        .route("which", () => key, ["a", "b"], { retry: { attempts: 3, initialDelay: 0 } })
        .branch("a", (b: ReturnType<typeof untyped.flow>) => b.then("in-a", () => "a"))
        .branch("b", (b: ReturnType<typeof untyped.flow>) => b.then("in-b", () => "b"));
      const whole = withDefault
        ? route.defaultBranch((b: ReturnType<typeof untyped.flow>) => b.then("in-default", () => "default"))
        : route;
      return whole.done().build();
    };

    test.each([
      ["its key", "b", "in-b", "b"],
      ["an unknown key", "c", "in-default", "c"],
      ["a key that is no text", "\0", "in-default", null],
      ["a key that is no name", "k".repeat(256), "in-default", null],
    ])("says in the history by which key it went: %s", async (_, key, taken, decision) => {
      const id = fresh("decided");
      await runner.run(routed("decided", key, true), id, null);

      expect((await client.history(id)).map((entry) => [entry.taskId, entry.output, entry.decision])).toEqual([
        ["which", key, decision],
        [taken, taken.slice(3), null],
      ]);
    });

    test.each([
      ["an unknown key", "c", '"c"'],
      ["an inherited name", "toString", '"toString"'],
      ["a number", 1, "a number"],
      ["undefined", undefined, "undefined"],
      ["null", null, "null"],
      ["an array with a key", ["a"], "an array"],
      ["an object", { key: "a" }, "an object"],
    ])("whose function returns %s fails its instance at once", async (_, key, shown) => {
      const id = fresh("unknown-key");

      expect(await runner.run(routed("unknown-key", key, false), id, null)).toMatchObject({
        status: "failed",
        failure: {
          name: "RouteKeyError",
          code: "ROUTE_KEY_UNKNOWN",
          taskId: "which",
          message: expect.stringContaining(`has no branch for key ${shown}`) as unknown,
        },
      });
      expect(await recorded(id)).toEqual(["which failed"]);
    });

    test.each([
      ["a known key", "b", "b"],
      ["an unknown key", "c", "default"],
      ["an inherited name", "constructor", "default"],
    ])("with a default branch takes it for what has no branch: %s", async (_, key, output) => {
      expect(await runner.run(routed("default", key, true), fresh("default"), null)).toEqual({
        status: "completed",
        output,
      });
    });

    test("with a default branch still refuses what is no string", async () => {
      expect(await runner.run(routed("no-string", 7, true), fresh("no-string"), null)).toMatchObject({
        failure: { code: "ROUTE_KEY_UNKNOWN" },
      });
    });

    test("decides once: the recorded key stands when the instance is resumed", async () => {
      let decisions = 0;
      const id = fresh("decided");
      const impure = flow<null>("decided")
        .route("coin", () => (++decisions === 1 ? "heads" : "tails"), ["heads", "tails"])
        .branch("heads", (b) => b.waitForEvent("wait", "go").then("h", () => "heads"))
        .branch("tails", (b) => b.then("t", () => "tails"))
        .done()
        .build();
      await runner.run(impure, id, null);
      await client.sendEvent(id, "go");

      expect(await runner.resume(impure, id)).toEqual({ status: "completed", output: "heads" });
      expect(decisions).toBe(1);
    });
  });
});
