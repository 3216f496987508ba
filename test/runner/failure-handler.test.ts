import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import type { FailedInstance } from "../../src/flow/task-options.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

describe.each(await bothBackends())("on $name, a flow's failure handler", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 20 });
  const client = new Client(backend);
  const ended = { until: "ended" } as const;

  const fails = (): never => {
    throw new Error("out of stock");
  };
  const linesOf = async (id: string): Promise<string[]> =>
    (await client.history(id)).map(({ taskId, attempt, outcome }) => `${taskId}#${attempt} ${outcome}`);

  test("runs before the instance fails, with why and what it began with; what it returns is recorded", async () => {
    const told: unknown[] = [];
    const f = flow<{ sku: string }>("handled", {
      onFailure: ({ input, failure, undoFailure }, { taskId, idempotencyKey }) => {
        told.push([input, failure.message, failure.taskId, undoFailure, taskId, idempotencyKey]);
        return "told";
      },
    })
      .then("order", ({ sku }) => sku)
      .then("pick", fails, { retry: { attempts: 2, initialDelay: 0 } })
      .build();
    const id = fresh("handled");
    const report = await runner.run(f, id, { sku: "w-1" }, ended);

    expect(report).toMatchObject({ status: "failed", failure: { message: "out of stock", taskId: "pick" } });
    expect(told).toEqual([[{ sku: "w-1" }, "out of stock", "pick", null, "$onFailure[0]", `${id}#$onFailure[0]`]]);
    expect(await linesOf(id)).toEqual([
      "order#1 completed",
      "pick#1 failed",
      "pick#2 failed",
      "$failed#1 noted",
      "$onFailure[0]#1 completed",
    ]);
    expect((await client.history(id)).at(-1)).toMatchObject({ output: "told" });
  });

  test("is not run where the instance completes, or is cancelled", async () => {
    const told: string[] = [];
    const f = flow<number>("well", { onFailure: () => void told.push("failed") })
      .then("work", (n) => n)
      .delay("rest", "1h")
      .build();
    const [first, second] = [fresh("well"), fresh("well")];
    await runner.run(f, first, 1);
    await client.completeTask(first, "rest", null);
    expect(await runner.resume(f, first)).toMatchObject({ status: "completed" });
    await runner.run(f, second, 1);
    expect(await client.cancel(second)).toBe("applied");

    expect(told).toEqual([]);
  });

  test("comes after all has been undone", async () => {
    const log: string[] = [];
    const f = flow<number>("last", { onFailure: () => void log.push("handler") })
      .then("book", (n) => n, { undo: () => void log.push("undone") })
      .then("pay", fails)
      .build();
    const id = fresh("last");
    expect(await runner.run(f, id, 1, ended)).toMatchObject({ failure: { taskId: "pay" } });

    expect(log).toEqual(["undone", "handler"]);
  });

  test("is tried again as its policy says; if it fails for good, the instance fails with what it failed with first", async () => {
    let runs = 0;
    const handler = task(
      "tell",
      ({ failure }: FailedInstance<number>): never => {
        runs++;
        throw new Error(`nobody listens: ${failure.message}`);
      },
      { retry: { attempts: 3, initialDelay: 0 } },
    );
    const f = flow<number>("deaf", { onFailure: handler }).then("work", fails).build();
    const id = fresh("deaf");
    expect(await runner.run(f, id, 1, ended)).toMatchObject({ status: "failed", failure: { message: "out of stock" } });

    expect(runs).toBe(3);
    expect((await linesOf(id)).slice(2)).toEqual([
      "$onFailure[0]#1 failed",
      "$onFailure[0]#2 failed",
      "$onFailure[0]#3 tolerated",
    ]);
    expect((await client.history(id)).at(-1)?.failure?.message).toBe("nobody listens: out of stock");
  });

  test("doesn't stand in the way of a retry, which goes on where it failed, and runs it again if that fails", async () => {
    const told: string[] = [];
    let isBroken = true;
    const f = flow<number>("retried", {
      onFailure: ({ failure }, { taskId }) => void told.push(`${taskId} ${failure.message}`),
    })
      .fork([
        branch("a", (b) =>
          b.then("work", (n) => {
            if (isBroken) throw new Error(`broken ${told.length}`);
            return n + 1;
          }),
        ),
        branch("b", (b) => b.waitForEvent<number>("wait", "go")),
      ])
      .join("both", ({ a, b }) => a + b)
      .build();
    const id = fresh("retried");
    expect(await runner.run(f, id, 1, ended)).toMatchObject({ failure: { message: "broken 0" } });
    await client.retry(id);
    expect(await runner.resume(f, id, ended)).toMatchObject({ failure: { message: "broken 1" } });
    isBroken = false;
    await client.retry(id);
    await client.sendEvent(id, "go", 40);
    expect(await runner.resume(f, id, ended)).toEqual({ status: "completed", output: 42 });

    expect(told).toEqual(["$onFailure[0] broken 0", "$onFailure[1] broken 1"]);
    expect((await linesOf(id)).filter((line) => line.startsWith("$failed"))).toEqual([
      "$failed#1 noted",
      "$failed#2 noted",
    ]);
  });

  test("hears what could not be undone; a retry goes on undoing", async () => {
    const told: unknown[] = [];
    let isStuck = true;
    const stuck = (): void => {
      if (isStuck) throw new Error("stuck");
    };
    const f = flow<number>("stuck", {
      onFailure: ({ failure, undoFailure }) => void told.push([failure.message, undoFailure?.message]),
    })
      .fork([
        branch("a", (b) => b.then("left", (n) => n, { undo: stuck })),
        branch("b", (b) => b.then("right", (n) => n, { undo: () => undefined })),
      ])
      .join("both", () => 1)
      .then("work", fails)
      .build();
    const id = fresh("stuck");
    expect(await runner.run(f, id, 1, ended)).toMatchObject({ failure: { message: "stuck", taskId: "left~undo" } });
    isStuck = false;
    await client.retry(id);
    expect(await runner.resume(f, id, ended)).toMatchObject({ failure: { message: "out of stock", taskId: "work" } });

    expect(told).toEqual([
      ["out of stock", "stuck"],
      ["out of stock", undefined],
    ]);
  });

  test("learns of a lost task, of a timeout, and of an input that can't be read", async () => {
    const told: unknown[] = [];
    const f = flow<string>("others", { onFailure: ({ input, failure }) => void told.push([input, failure.code]) })
      .waitForEvent("wait", "never", { timeout: 1 })
      .then("work", (n) => n)
      .build();
    await runner.run(f, fresh("others"), "late", ended);
    const damaged = withChanges(backend, {
      claimPositions: async (request) =>
        (await backend.claimPositions(request)).map((position) => ({ ...position, input: new Uint8Array([255]) })),
      findInstance: async (id) => {
        const state = await backend.findInstance(id);
        return state === null ? null : { ...state, instance: { ...state.instance, input: new Uint8Array([255]) } };
      },
    });
    const g = flow<string>("damaged", { onFailure: ({ input, failure }) => void told.push([input, failure.code]) })
      .then("work", (n) => n)
      .build();
    await new Runner(damaged).run(g, fresh("others"), "x", ended);

    expect(told).toEqual([
      ["late", "EVENT_TIMEOUT"],
      [undefined, "CODEC_DECODE"],
    ]);
  });

  test("can be completed by hand", async () => {
    const f = flow<number>("by-hand", {
      onFailure: task("tell", (): never => fails(), {
        retry: { attempts: 9, initialDelay: "1h" },
      }),
    })
      .then("work", fails)
      .build();
    const id = fresh("by-hand");
    const stop = new AbortController();
    const driven = runner.run(f, id, 1, { until: "ended", signal: stop.signal });
    await expect
      .poll(async () => await linesOf(id).catch(() => []), { timeout: 5_000 })
      .toContain("$onFailure[0]#1 failed");
    expect(await client.status(id)).toMatchObject({
      tasks: [{ taskId: "$onFailure[0]", attempt: 2, state: "retrying" }],
    });
    await client.completeTask(id, "$onFailure[0]", "told by phone");

    expect(await driven).toMatchObject({ status: "failed", failure: { taskId: "work" } });
  });

  test("runs once in a fork that is taken while it is due, also where something was undone before", async () => {
    const told: string[] = [];
    const f = flow<number>("due", {
      onFailure: (_, { instanceId, taskId }) => void told.push(`${instanceId} ${taskId}`),
    })
      .then("book", (n) => n, { undo: () => undefined })
      .then("work", fails)
      .build();
    const id = fresh("due");
    await runner.run(f, id, 1, ended);
    const history = await client.history(id);
    const at = (taskId: string) => history.find((item) => item.taskId === taskId)?.sequence ?? 0n;
    told.length = 0;
    for (const point of [at("$failed"), at("book~undo"), "$onFailure[0]"]) {
      const fork = fresh("due");
      await client.fork(f, id, fork, { at: point });
      const forked = (await client.history(fork)).at(-1)?.sequence ?? 0n;
      expect(await runner.resume(f, fork, ended)).toMatchObject({ status: "failed", failure: { taskId: "work" } });
      expect(told.splice(0)).toEqual([`${fork} $onFailure[1]`]);
      expect((await linesOf(fork)).filter((line) => line.startsWith("$onFailure"))).toEqual([
        "$onFailure[1]#1 completed",
      ]);

      const { positions } = await client.stateAt(f, fork, forked);
      expect(positions.map(({ taskId }) => taskId)).toEqual([point === at("$failed") ? "book~undo" : "$onFailure[1]"]);
      const last = (await client.history(fork)).at(-1)?.sequence ?? 0n;
      expect(await client.stateAt(f, fork, last)).toMatchObject({ ended: "failed" });
    }
  });

  test("is known by its state at every entry, and goes on in a fork", async () => {
    const told: string[] = [];
    const f = flow<number>("past", {
      onFailure: (_, { instanceId, taskId }) => void told.push(`${instanceId} ${taskId}`),
    })
      .then("book", (n) => n + 1)
      .then("pay", (n) => (told.length < 2 ? fails() : n))
      .build();
    const id = fresh("past");
    await runner.run(f, id, 1, ended);
    const history = await client.history(id);
    const states = await Promise.all(history.map(async ({ sequence }) => await client.stateAt(f, id, sequence)));

    expect(
      states.map(({ ended: end, positions }) => [end, positions.map((at) => `${at.taskId}#${at.attempt}`)]),
    ).toEqual([
      [null, ["pay#1"]],
      [null, ["$onFailure[0]#1"]],
      [null, ["$onFailure[0]#1"]],
      ["failed", ["pay#2"]],
    ]);
    const fork = fresh("past");
    await client.fork(f, id, fork, { at: history.at(-1)?.sequence ?? 0n });
    expect(await runner.resume(f, fork, ended)).toMatchObject({ status: "failed" });
    expect(told).toEqual([`${id} $onFailure[0]`, `${fork} $onFailure[1]`]);
    await client.retry(fork);
    expect(await runner.resume(f, fork, ended)).toMatchObject({ status: "completed", output: 2 });
  });
});
