import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { NonRetryableError } from "../../src/errors/task-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { runFlow } from "../../src/run-flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const double = flow<number>("double")
  .then("twice", (n) => n * 2)
  .build();
const failing = flow<number>("failing")
  .then("fail", (): number => {
    throw new TypeError("no such parcel");
  })
  .build();
const holding = flow<number>("holding").waitForEvent<string, "go">("go", "go").build();

describe.each(await bothBackends())("a child on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  const run = async (parent: Flow<number>, id: string, until: "ended" | "parked" = "parked") =>
    await runner.run(parent, id, 3, { until });
  const statusOf = async (id: string): Promise<string> => (await client.status(id)).status;

  test("hands its output on, and has an id, a parent and a history of its own", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p")
      .spawn("start", double)
      .then("end", async (n, context) => [n + 1, await context.output("start")])
      .build();
    expect(await run(parent, id)).toEqual({ status: "completed", output: [7, 6] });
    const { instances } = await client.list({ parent: id });
    expect(instances).toMatchObject([
      { instanceId: `${id}/start`, flow: "double", status: "completed", parent: { instanceId: id, taskId: "start" } },
    ]);
    expect((await client.history(id)).map(({ taskId, kind, output }) => [taskId, kind, output])).toEqual([
      ["start~start", "task", { instanceId: null, input: 3 }],
      ["start", "spawn", 6],
      ["end", "task", [7, 6]],
    ]);
    expect((await client.history(`${id}/start`)).map(({ taskId }) => taskId)).toEqual(["twice"]);
  });

  test("has its parent's deadline, unless it has an earlier one, or goes on without its parent", async () => {
    const id = fresh("parent");
    const soon = flow<number>("soon", { deadline: "1m" }).waitForEvent("go", "go").build();
    const parent = flow<number>("p")
      .spawn("same", holding, { await: false })
      .spawn("sooner", soon, { await: false, input: () => 1 })
      .spawn("free", holding, { await: false, onParentClose: "abandon", input: () => 1 })
      .waitForEvent("stay", "stay")
      .build();
    await client.submit(parent, id, 3, { deadline: "1h" });
    await runner.resume(parent, id, { until: "parked" });

    const [free, same, sooner] = (await client.list({ parent: id })).instances.map(({ deadline }) => deadline);
    expect(free).toBeNull();
    const { deadline } = await client.status(id);
    expect(same).toEqual(deadline);
    expect(sooner?.getTime()).toBeLessThan(deadline?.getTime() ?? 0);
  });

  test("is given an id, an input, a priority, tags and labels", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p")
      .spawn("start", double, {
        instanceId: (n, { instanceId }) => `${instanceId}-child-${n}`,
        input: (n) => n + 1,
        child: { priority: 2, tags: ["b", "a"], labels: { of: "p" } },
      })
      .build();
    expect(await run(parent, id)).toEqual({ status: "completed", output: 8 });
    expect((await client.list({ parent: id })).instances).toMatchObject([
      { instanceId: `${id}-child-3`, priority: 2, tags: ["a", "b"], labels: { of: "p" } },
    ]);
  });

  test("may stand in branches, routes, loops and items", async () => {
    const round = flow<number>("round").spawn("again", double).build();
    const parent = flow<number>("p")
      .fork([branch("a", (b) => b.spawn("left", double)), branch("b", (b) => b.spawn("right", double))])
      .join("both", ({ a, b }) => a + b)
      .route("way", () => "up", ["up"])
      .branch("up", (b) => b.spawn("up", double))
      .done()
      .loop("rounds", round, { until: (n) => n > 50 })
      .map("items", (n) => [n, n + 1, n + 2], round, { concurrency: 2 })
      .build();
    const id = fresh("parent");
    expect(await run(parent, id)).toEqual({ status: "completed", output: [192, 194, 196] });
    expect((await client.list({ parent: id })).instances.map(({ instanceId }) => instanceId.slice(id.length))).toEqual([
      "/items[0]/again",
      "/items[1]/again",
      "/items[2]/again",
      "/left",
      "/right",
      "/rounds[0]/again",
      "/rounds[1]/again",
      "/up",
    ]);
  });

  test("that fails fails the task that started it, which may handle it as it does its own failure", async () => {
    const id = fresh("parent");
    expect(await run(flow<number>("p").spawn("start", failing).build(), id)).toMatchObject({
      status: "failed",
      failure: {
        code: "CHILD_FAILED",
        taskId: "start",
        message: `Child "${id}/start" of task "start" has failed: TypeError: no such parcel.`,
        cause: { name: "TypeError", message: "no such parcel" },
      },
    });
    const hopeless = flow<number>("hopeless")
      .then("never", () => {
        throw new NonRetryableError("never");
      })
      .build();
    expect(await run(flow<number>("p").spawn("start", hopeless).build(), fresh("parent"))).toMatchObject({
      failure: { code: "CHILD_FAILED", retryable: false, cause: { code: "NON_RETRYABLE", retryable: false } },
    });
    const skipping = flow<number>("p")
      .spawn("start", failing, { onFailure: "skip" })
      .then("end", (n) => n ?? "nothing")
      .build();
    expect(await run(skipping, fresh("parent"))).toEqual({ status: "completed", output: "nothing" });
    const jumping = flow<number>("p")
      .spawn("start", failing, { onFailure: { goto: "end" }, input: (n) => n + 1 })
      .then("between", () => -1)
      .then("end", (n) => n)
      .build();
    expect(await run(jumping, fresh("parent"))).toEqual({ status: "completed", output: 3 });
    const falling = flow<number>("p")
      .spawn("start", failing, { onFailure: { fallback: ({ input, failure }) => `${input} ${failure.code ?? ""}` } })
      .build();
    expect(await run(falling, fresh("parent"))).toEqual({ status: "completed", output: "3 CHILD_FAILED" });
  });

  test("that is cancelled or deleted fails the task that started it", async () => {
    const parent = flow<number>("p").spawn("start", holding).build();
    const [cancelled, deleted] = [fresh("parent"), fresh("parent")];
    await Promise.all([run(parent, cancelled), run(parent, deleted)]);
    await client.cancel(`${cancelled}/start`, { reason: "out of stock" });
    await backend.deleteSnapshot(`${deleted}/start`);
    expect(await runner.resume(parent, cancelled)).toMatchObject({
      status: "failed",
      failure: { message: `Child "${cancelled}/start" of task "start" was cancelled: out of stock.` },
    });
    expect(await runner.resume(parent, deleted)).toMatchObject({
      status: "failed",
      failure: { message: `Child "${deleted}/start" of task "start" was deleted.` },
    });
  });

  test("whose id is taken by another instance, or whose input is refused, is not started", async () => {
    const [id, taken] = [fresh("parent"), fresh("taken")];
    await client.submit(holding, taken, 1);
    const parent = flow<number>("p")
      .spawn("start", double, { instanceId: () => taken })
      .build();
    expect(await run(parent, id)).toMatchObject({ status: "failed", failure: { code: "INSTANCE_EXISTS" } });
    expect(await statusOf(taken)).not.toBe("cancelled");
    const picky = flow("picky", { input: refuses })
      .then("x", () => 1)
      .build();
    const other = fresh("parent");
    expect(await run(flow<number>("p").spawn("start", picky).build(), other)).toMatchObject({
      status: "failed",
      failure: { code: "VALIDATION_FAILED", taskId: "start" },
    });
    expect((await client.list({ parent: other })).instances).toEqual([]);
    const bad = flow<number>("p")
      .spawn("start", double, { instanceId: () => "" })
      .build();
    expect(await run(bad, fresh("parent"))).toMatchObject({
      status: "failed",
      failure: { code: "INVALID_ARGUMENT", taskId: "start~start" },
    });
  });

  test.each([
    ["cancel", "cancelled"],
    ["abandon", "in_progress"],
  ] as const)(
    "that is not awaited, with onParentClose %j, is %s when its parent completes",
    async (onParentClose, status) => {
      const id = fresh("parent");
      const parent = flow<number>("p").spawn("start", holding, { await: false, onParentClose }).build();
      expect(await run(parent, id)).toEqual({ status: "completed", output: `${id}/start` });
      expect(await statusOf(`${id}/start`)).toBe(status);
    },
  );

  test('with onParentClose "wait" holds its parent up at the end, and is cancelled with it', async () => {
    const parent = flow<number>("p")
      .spawn("first", holding, { await: false, onParentClose: "wait" })
      .spawn("second", holding, { await: false, onParentClose: "wait", input: () => 1 })
      .then("end", () => "the end")
      .build();
    const [id, other] = [fresh("parent"), fresh("parent")];
    await run(parent, other);
    const children = ["first", "second"].map((taskId) => ({ taskId, instanceId: `${id}/${taskId}` }));
    expect(await run(parent, id)).toEqual({ status: "awaiting_child", children });
    await client.sendEvent(`${id}/second`, "go", "now");
    expect(await runner.resume(parent, id)).toMatchObject({
      status: "awaiting_child",
      children: [{ taskId: "first" }],
    });
    await client.sendEvent(`${id}/first`, "go", "now");
    expect(await runner.resume(parent, id)).toEqual({ status: "completed", output: "the end" });

    await client.cancel(other);
    expect([await statusOf(`${other}/first`), await statusOf(`${other}/second`)]).toEqual(["cancelled", "cancelled"]);
  });

  test.each(["cancel", "terminate", "delete", "fail"] as const)(
    "ends with its parent, and its own children do (%s)",
    async (how) => {
      const middle = flow<number>("middle").spawn("start", holding).build();
      const parent = flow<number>("p")
        .fork([
          branch("child", (b) => b.spawn("start", middle)),
          branch("other", (b) =>
            b.waitForEvent("wait", "fail").then("fail", () => {
              throw new Error("no");
            }),
          ),
        ])
        .join("both", () => 1)
        .build();
      const id = fresh("parent");
      await run(parent, id);
      expect(await statusOf(`${id}/start/start`)).toBe("awaiting_event");
      if (how === "cancel") await client.cancel(id);
      if (how === "terminate") await client.terminate(id);
      if (how === "delete") await backend.deleteSnapshot(id);
      if (how === "fail") {
        await client.sendEvent(id, "fail", null);
        expect(await runner.resume(parent, id)).toMatchObject({ status: "failed", failure: { message: "no" } });
      }
      expect(await client.status(`${id}/start`)).toMatchObject({ status: "cancelled", reason: "its parent has ended" });
      expect(await client.status(`${id}/start/start`)).toMatchObject({
        status: "cancelled",
        reason: "its parent has ended",
      });
      expect(await backend.settleEndings()).toBe(false);
    },
  );

  test("is closed as soon as its parent has been undone and is cancelled", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p")
      .then("charge", (n) => n, { undo: () => 1 })
      .spawn("start", holding, { await: false })
      .delay("rest", "1h")
      .build();
    await run(parent, id);
    expect(await client.cancel(id, { undo: true })).toBe("requested");

    expect(await runner.resume(parent, id, { until: "ended" })).toMatchObject({ status: "cancelled" });
    expect(await statusOf(`${id}/start`)).toBe("cancelled");
  });

  test("is started anew, under a number, when its parent is retried", async () => {
    const id = fresh("parent");
    let isMended = false;
    const fragile = flow<number>("fragile")
      .then("try", (n) => {
        if (!isMended) throw new Error("no");
        return n;
      })
      .build();
    const parent = flow<number>("p")
      .fork([branch("bad", (b) => b.spawn("bad", fragile)), branch("good", (b) => b.spawn("good", holding))])
      .join("both", ({ bad, good }) => [bad, good])
      .build();
    expect(await run(parent, id)).toMatchObject({ status: "failed" });
    expect(await statusOf(`${id}/good`)).toBe("cancelled");
    isMended = true;
    await client.retry(id);
    expect(await runner.resume(parent, id)).toMatchObject({
      status: "awaiting_child",
      children: [{ taskId: "good", instanceId: `${id}/good.2` }],
    });
    await client.sendEvent(`${id}/good.2`, "go", "went");
    expect(await runner.resume(parent, id)).toEqual({ status: "completed", output: [3, "went"] });
    expect(await statusOf(`${id}/bad.2`)).toBe("completed");
  });

  test("that has been retried itself is gone on from when its parent is retried", async () => {
    const id = fresh("parent");
    let isMended = false;
    const fragile = flow<number>("fragile")
      .then("try", (n) => {
        if (!isMended) throw new Error("no");
        return n;
      })
      .build();
    const parent = flow<number>("p").spawn("start", fragile).build();
    await run(parent, id);
    isMended = true;
    await client.retry(`${id}/start`);
    expect(await runner.resume(fragile, `${id}/start`)).toMatchObject({ status: "completed" });
    await client.retry(id);
    expect(await runner.resume(parent, id)).toEqual({ status: "completed", output: 3 });
    expect((await client.list({ parent: id })).instances).toHaveLength(1);
  });

  test("need not be waited for by whoever completes its task by hand", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p")
      .spawn("start", holding)
      .then("end", (text) => text)
      .build();
    expect(await run(parent, id)).toMatchObject({ status: "awaiting_child" });
    await client.completeTask(id, "start", "by hand");
    expect(await runner.resume(parent, id)).toEqual({ status: "completed", output: "by hand" });
    expect(await statusOf(`${id}/start`)).toBe("cancelled");
  });

  test("of a parent that is paused ends, and is taken note of when that goes on", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p").spawn("start", holding).build();
    await run(parent, id);
    await client.pause(id);
    await client.sendEvent(`${id}/start`, "go", "went");
    await runner.resume(holding, `${id}/start`);
    expect(await runner.resume(parent, id)).toMatchObject({ status: "paused" });
    await client.unpause(id);
    expect(await runner.resume(parent, id)).toEqual({ status: "completed", output: "went" });
  });

  test("is another one for a fork of its parent, and for one that takes its parent's id", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p").spawn("start", double).build();
    await run(parent, id);
    await client.fork(parent, id, `${id}-fork`, { at: "start" });
    expect(await runner.resume(parent, `${id}-fork`)).toMatchObject({ status: "completed", output: 6 });
    expect((await client.list({ parent: `${id}-fork` })).instances).toMatchObject([{ instanceId: `${id}-fork/start` }]);

    const again = await runner.run(parent, id, 4, { onConflict: "terminateExisting" });
    expect(again).toEqual({ status: "completed", output: 8 });
    expect((await client.list({ parent: id })).instances.map(({ instanceId }) => instanceId)).toEqual([
      `${id}/start`,
      `${id}/start.2`,
    ]);
  });

  test("can be cancelled with its siblings by a filter", async () => {
    const id = fresh("parent");
    const parent = flow<number>("p")
      .map("items", () => [1, 2], flow<number>("item").spawn("start", holding, { onFailure: "skip" }).build())
      .build();
    await run(parent, id);
    expect(await client.cancelMany({ parent: id })).toMatchObject({ matched: 2 });
    expect(await runner.resume(parent, id)).toEqual({ status: "completed", output: [undefined, undefined] });
  });

  test("can't be impersonated: nobody else may send such events", async () => {
    const id = fresh("parent");
    const refused = { code: "INVALID_ARGUMENT", message: expect.stringContaining('must not start with "$child"') };
    await expect(client.sendEvent(id, "$child:start", 1)).rejects.toMatchObject(refused);
    await expect(backend.sendEvent(id, "$children", new Uint8Array())).rejects.toMatchObject(refused);
    expect(() => flow("p").waitForEvent("w", "$children").build()).toThrow('must not start with "$child"');
  });
});

const refuses = {
  "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [{ message: "never" }] }) },
} as const;

describe("runFlow", () => {
  test("runs children, also those that take their time", async () => {
    const slow = flow<number>("slow").delay("rest", 5).spawn("start", double).build();
    const parent = flow<number>("p")
      .spawn("start", slow)
      .then("end", (n) => n + 1)
      .build();
    expect(await runFlow(parent, 3)).toBe(7);
  });

  test("refuses to wait for a child that waits for what nobody can send", async () => {
    const parent = flow<number>("p").spawn("start", holding).build();
    await expect(runFlow(parent, 3)).rejects.toThrow('waits for an event, "go" in "run-flow/start"');
  });
});
