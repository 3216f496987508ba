import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { getTaskContext } from "../../src/engine/current-task.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const retry = { attempts: 3, initialDelay: 0 };

describe.each(await bothBackends())("the context of a task on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });

  test("says which instance, flow, task and attempt it is", async () => {
    const id = fresh("who");
    const who = flow<null>("who-flow")
      .loop(
        "step",
        (_, { instanceId, flow: name, taskId, attempt }) => {
          if (attempt === 1) throw new Error("once more");
          return LoopResult.done({ instanceId, name, taskId, attempt });
        },
        { retry },
      )
      .build();

    expect(await runner.run(who, id, null)).toEqual({
      status: "completed",
      output: { instanceId: id, name: "who-flow", taskId: "step[0]", attempt: 2 },
    });
  });

  test("has one idempotency key for all attempts of a task, and different ones for all others", async () => {
    const keys = new Map<string, Set<string>>();
    const note = ({ instanceId, taskId, idempotencyKey, attempt }: TaskContext, failures = 0): void => {
      const name = JSON.stringify([instanceId, taskId]);
      keys.set(name, (keys.get(name) ?? new Set()).add(idempotencyKey));
      if (attempt <= failures) throw new Error("once more");
    };
    const charge = flow<number>("charge")
      .then("charge", (n, context) => note(context) ?? n)
      .build();
    const keyed = flow<number>("keyed")
      .then("retried", (n, context) => note(context, 2) ?? n, { retry })
      .loop("looped", (n: number, context) => note(context) ?? (n < 3 ? LoopResult.again(n + 1) : LoopResult.done(n)))
      .thenFlow("payment", charge)
      .thenFlow("a", flow<number>("inner").thenFlow("b", charge).build())
      .build();
    const id = fresh("keyed");

    await runner.run(keyed, id, 1);
    await runner.run(keyed, `${id}/payment`, 1);
    await runner.run(keyed, `${id}/a`, 1);
    await runner.run(charge, `${id}/a/b`, 1);
    await runner.run(charge, `${id}/payment/charge`, 1);

    expect([...keys.values()].every((set) => set.size === 1)).toBe(true);
    const all = [...keys.values()].flatMap((set) => [...set]);
    expect(new Set(all).size).toBe(all.length);
  });

  test("is found by whatever the body calls, however deep and however many run side by side", async () => {
    const deep = async (levels: number): Promise<string> => {
      await new Promise((resolve) => setImmediate(resolve));
      if (levels > 0) return await deep(levels - 1);
      return await new Promise((resolve) => setTimeout(() => resolve(getTaskContext().taskId), 1));
    };
    const names = ["x", "y", "z"];
    const wide = flow<null>("deep")
      .fork(names.map((name) => branch(name, (b) => b.then(name, () => deep(5)))))
      .join("join", (found) => ({ ...found, join: getTaskContext().taskId }))
      .build();

    expect(await runner.run(wide, fresh("deep"), null)).toEqual({
      status: "completed",
      output: { x: "x", y: "y", z: "z", join: "join" },
    });
  });

  test("is not there outside a task, also after one has run", async () => {
    await runner.run(
      flow<null>("nothing")
        .then("a", () => 1)
        .build(),
      fresh("nothing"),
      null,
    );

    expect(() => getTaskContext()).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("gives a logger whose lines say where they come from", async () => {
    const lines: unknown[] = [];
    const line = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message]);
    const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
    const id = fresh("logged");
    const logged = flow<null>("logged")
      .then("say", (_, context) => {
        context.logger.info({ cents: 5 }, "charged");
        context.logger.error({ taskId: "mine" }, "and more");
        return 1;
      })
      .build();

    await new Runner(backend, { pollInterval: 10, logger }).run(logged, id, null);

    const where = { instanceId: id, taskId: "say", attempt: 1 };
    expect(lines).toEqual([
      ["info", { ...where, cents: 5 }, "charged"],
      ["error", { ...where, taskId: "mine" }, "and more"],
    ]);
  });

  test("uses the logger's own children where it has any, as pino does", async () => {
    const lines: unknown[] = [];
    const make = (bound: object): Record<string, (...args: never[]) => unknown> => {
      const write = (fields: object, message: string) => void lines.push([{ ...bound, ...fields }, message]);
      return {
        debug: write,
        info: write,
        warn: write,
        error: write,
        child: (more: object) => make({ ...bound, ...more }),
      };
    };
    const id = fresh("child");
    const logged = flow<null>("child")
      .then("say", (_, { logger }) => logger.warn({ n: 1 }, "hello"))
      .build();

    await new Runner(backend, { pollInterval: 10, logger: make({ app: "shop" }) as never }).run(logged, id, null);

    expect(lines).toEqual([[{ app: "shop", instanceId: id, taskId: "say", attempt: 1, n: 1 }, "hello"]]);
  });

  describe("finds outputs of earlier tasks", () => {
    const asks = async (context: TaskContext, ...ids: readonly string[]): Promise<unknown[]> =>
      await Promise.all(
        ids.map(
          async (id) => await context.output(id).catch((error: unknown) => (error as { code?: string }).code ?? error),
        ),
      );

    test("by id: tasks, joins, branches, routes, waits, delays, loops and their iterations", async () => {
      const id = fresh("outputs");
      const outputs = flow<number>("outputs")
        .then("first", (n) => n + 1)
        .fork([branch("side", (b) => b.then("in-branch", (n: number) => n * 2))])
        .join("joined", ({ side }) => side + 1)
        .route("way", () => "left", ["left"])
        .branch("left")
        .done()
        .delay("rest", 1)
        .loop("poll", (n: number) => (n < 8 ? LoopResult.again(n + 1) : LoopResult.done({ done: n })))
        .waitForEvent<string>("answer", "answer")
        .then("ask", (_, context) =>
          asks(context, "first", "in-branch", "joined", "way", "rest", "poll", "poll[0]", "poll[2]", "answer"),
        )
        .build();
      await new Client(backend).sendEvent(id, "answer", "yes");

      expect(await runner.run(outputs, id, 1, { until: "ended" })).toEqual({
        status: "completed",
        output: [2, 4, 5, "left", 5, { done: 8 }, 6, 8, "yes"],
      });
    });

    test("in an inlined flow: its own first, then those around it", async () => {
      const inner = flow<number>("inner")
        .then("same", (n) => n * 10)
        .then("only-inner", (n) => n + 1)
        .then("ask", (_, context) => asks(context, "same", "only-inner", "only-outer", "box/same"))
        .build();
      const outer = flow<number>("outer")
        .then("same", (n) => n + 1)
        .then("only-outer", (n) => n + 1)
        .thenFlow("box", inner)
        .then("after", async (answers, context) => [answers, await asks(context, "same", "box/same", "only-inner")])
        .build();

      expect(await runner.run(outer, fresh("scopes"), 1)).toEqual({
        status: "completed",
        output: [
          [30, 31, 3, 30],
          [2, 30, "INVALID_ARGUMENT"],
        ],
      });
    });

    test("in a loop: earlier iterations of itself", async () => {
      const fibonacci = flow<number>("fibonacci")
        .loop("next", async (_, context) => {
          const index = Number(/\d+/.exec(context.taskId)?.[0]);
          if (index < 2) return LoopResult.again(1);
          const [before, last] = (await asks(context, `next[${index - 2}]`, "next")) as [number, number];
          return index < 9 ? LoopResult.again(before + last) : LoopResult.done(`the tenth is ${before + last}`);
        })
        .build();

      expect(await runner.run(fibonacci, fresh("fibonacci"), 0)).toEqual({
        status: "completed",
        output: "the tenth is 55",
      });
    });

    test("and says so where there is none: unknown, later, on another branch, or no id at all", async () => {
      const missing = flow<null>("missing")
        .route("way", () => "a", ["a", "b"])
        .branch("a", (b) => b.then("in-a", () => 1))
        .branch("b", (b) => b.then("in-b", () => 2))
        .done()
        .then("ask", (_, context) =>
          asks(
            context,
            "in-a",
            "in-b",
            "later",
            "nowhere",
            "in-a[0]",
            "ask",
            "",
            "a/b/c",
            "__proto__",
            "way/..",
            "x\u0000",
          ),
        )
        .then("later", (answers) => answers)
        .build();

      const none = "INVALID_ARGUMENT";
      expect(await runner.run(missing, fresh("missing"), null)).toEqual({
        status: "completed",
        output: [1, none, none, none, none, none, none, none, none, none, none],
      });
    });
  });
});
