import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import type { StandardSchema } from "../../src/flow/schema.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

interface Order {
  readonly cents: number;
}

/** From `{ cents: "12" }` to `{ cents: 12 }`, in each of three libraries. */
const libraries: readonly (readonly [string, StandardSchema<unknown, Order>])[] = [
  ["zod", z.object({ cents: z.string().transform(Number) })],
  ["valibot", v.object({ cents: v.pipe(v.string(), v.transform(Number)) })],
  ["arktype", type({ cents: "string.numeric.parse" })],
];

describe.each(await bothBackends())("a schema on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  describe.each(libraries)("made with %s", (_, schema) => {
    test("transforms the flow's input once; what is stored is what came of it", async () => {
      const id = fresh("input");
      const parsed = flow("input", { input: schema })
        .then("first", (order) => order.cents + 1)
        .waitForEvent("pause", "go")
        .build();

      expect(await runner.run(parsed, id, { cents: "12" })).toMatchObject({ status: "awaiting_event" });
      expect((await client.history(id))[0]).toMatchObject({ taskId: "first", output: 13 });
      const stored = (await backend.findInstance(id))?.instance.input;
      expect(JSON.parse(new TextDecoder().decode(stored))).toEqual({ cents: 12 });
    });

    test("refuses an input that doesn't fit, naming where, and writes nothing", async () => {
      const id = fresh("refused");
      const parsed = flow("input", { input: schema })
        .then("first", () => 1)
        .build();

      await expect(runner.run(parsed, id, { cents: true })).rejects.toMatchObject({
        code: "VALIDATION_FAILED",
        subject: 'input of flow "input"',
        issues: [{ path: "$.cents" }],
      });
      expect(await backend.findInstance(id)).toBeNull();
    });

    test("of a task's input gives the body what came of it, and fails the instance where it doesn't fit", async () => {
      const good = flow<unknown>("task-input")
        .then("parse", (order: Order) => order.cents * 2, { input: schema, retry: { attempts: 3, initialDelay: 0 } })
        .build();

      expect(await runner.run(good, fresh("fits"), { cents: "4" })).toEqual({ status: "completed", output: 8 });
      const id = fresh("misfits");
      expect(await runner.run(good, id, { cents: 4 })).toMatchObject({
        status: "failed",
        failure: { code: "VALIDATION_FAILED", taskId: "parse", retryable: false },
      });
      expect(await client.history(id)).toHaveLength(1);
    });

    test("of a task's output records what came of it; one that doesn't fit is tried again", async () => {
      const id = fresh("output");
      const flaky = flow<null>("task-output")
        .then("answer", (_null, { attempt }) => (attempt === 1 ? { cents: 5 } : { cents: "5" }), {
          output: schema,
          retry: { attempts: 2, initialDelay: 0 },
        })
        .then("next", (order) => order.cents + 1)
        .build();

      expect(await runner.run(flaky, id, null)).toEqual({ status: "completed", output: 6 });
      const history = await client.history(id);
      expect(history.map(({ outcome, output }) => [outcome, output])).toEqual([
        ["failed", undefined],
        ["completed", { cents: 5 }],
        ["completed", 6],
      ]);
      expect(history[0]?.failure).toMatchObject({ code: "VALIDATION_FAILED", retryable: true });
    });

    test("of an event's payload hands on what came of it", async () => {
      const id = fresh("event");
      const waiting = flow<null>("event")
        .waitForEvent("paid", "paid", { schema })
        .then("next", (order) => order.cents + 1)
        .build();
      await client.sendEvent(id, "paid", { cents: "41" });

      expect(await runner.run(waiting, id, null)).toEqual({ status: "completed", output: 42 });
    });

    test.each([
      ["sent before the wait", true],
      ["sent during the wait", false],
    ])("of an event's payload fails the instance where it doesn't fit: %s", async (_name, before) => {
      const id = fresh("bad-event");
      const waiting = flow<null>("bad-event")
        .waitForEvent("paid", "paid", { schema })
        .then("never", () => "reached")
        .build();
      if (before) await client.sendEvent(id, "paid", { cents: 41 });
      const first = await runner.run(waiting, id, null);
      if (!before) expect(await client.sendEvent(id, "paid", { cents: 41 })).toBe("delivered");

      const report = before ? first : await runner.resume(waiting, id);

      expect(report).toMatchObject({
        status: "failed",
        failure: { code: "VALIDATION_FAILED", taskId: "paid", retryable: false },
      });
      expect((await backend.findInstance(id))?.positions).toEqual([]);
    });

    test("of an event's payload fails the instance where it doesn't fit and nothing follows", async () => {
      const id = fresh("bad-last-event");
      const waiting = flow<null>("bad-last-event").waitForEvent("paid", "paid", { schema }).build();
      await client.sendEvent(id, "paid", "nothing of the kind");

      expect(await runner.run(waiting, id, null)).toMatchObject({ status: "failed", failure: { taskId: "paid" } });
    });
  });

  test("of an inlined flow is its first step", async () => {
    const id = fresh("inlined");
    const child = flow("child", { input: z.string().transform((text) => text.length) })
      .then("double", (n) => n * 2)
      .build();
    const parent = flow<string>("parent").thenFlow(child).build();

    expect(await runner.run(parent, id, "abc")).toEqual({ status: "completed", output: 6 });
    expect((await client.history(id)).map((item) => item.taskId)).toEqual(["child/_input", "child/double"]);
  });

  test("may be asynchronous", async () => {
    const late = z.string().refine(async (text) => await Promise.resolve(text !== "bad"));
    const checked = flow("late", { input: late })
      .then("echo", (text) => text)
      .build();

    expect(await runner.run(checked, fresh("late"), "good")).toEqual({ status: "completed", output: "good" });
    await expect(runner.run(checked, fresh("late"), "bad")).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  });

  test("that throws is the task's failure where it is a task's", async () => {
    const broken: StandardSchema<unknown, string> = {
      "~standard": {
        version: 1,
        vendor: "broken",
        validate: () => {
          throw new Error("the schema is broken");
        },
      },
    };
    const id = fresh("broken");
    const waiting = flow<null>("broken")
      .then("work", () => "text", { output: broken, retry: { attempts: 2, initialDelay: 0 } })
      .build();

    expect(await runner.run(waiting, id, null)).toMatchObject({
      status: "failed",
      failure: { message: "the schema is broken", taskId: "work" },
    });
    expect(await client.history(id)).toHaveLength(2);
  });
});
