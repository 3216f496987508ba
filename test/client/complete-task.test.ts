import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { task } from "../../src/flow/task.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const start = workerStarter();

describe.each(await bothBackends())("completeTask on $name", ({ backend }) => {
  const client = new Client(backend);

  async function stuck<Output>(definition: Flow<number, Output>, status: string) {
    start(backend, { flows: [definition], pollInterval: 20 });
    const handle = await client.submit(definition, fresh(definition.name), 1);
    await expect.poll(async () => (await handle.status()).status, soon).toBe(status);
    return handle;
  }

  test("lets an instance go on whose task keeps failing", async () => {
    const failing = flow<number>("failing")
      .then(
        "call",
        (): number => {
          throw new Error("nobody answers");
        },
        { retry: { attempts: 9, initialDelay: "1h" } },
      )
      .then("next", (n) => n + 1)
      .build();
    const handle = await stuck(failing, "in_progress");
    await expect.poll(async () => await handle.status(), soon).toMatchObject({ tasks: [{ state: "retrying" }] });

    await handle.completeTask("call", 41);
    expect(await handle.result()).toBe(42);
    expect((await handle.history()).map(({ taskId, attempt, outcome }) => [taskId, attempt, outcome])).toEqual([
      ["call", 1, "failed"],
      ["call", 2, "completed"],
      ["next", 1, "completed"],
    ]);
  });

  test("stands for an event, ends a delay, decides a route, and ends a loop", async () => {
    const waiting = flow<number>("waiting")
      .waitForEvent<string>("wait", "paid", { timeout: "1h", onTimeout: "continue" })
      .then("tell", (event) => (event.timedOut ? "late" : event.payload))
      .build();
    const event = await stuck(waiting, "awaiting_event");
    await event.completeTask("wait", "by hand");
    expect(await event.result()).toBe("by hand");

    const slow = await stuck(
      flow<number>("slow")
        .delay("rest", "1h")
        .then("after", (n) => n + 1)
        .build(),
      "waiting",
    );
    await slow.completeTask("rest", "not used");
    expect(await slow.result()).toBe(2);

    const again = { retry: { attempts: 2, initialDelay: "1h" } };
    const fails = (): never => {
      throw new Error("no");
    };
    const deciding = flow<number>("deciding")
      .route("which", (): "a" | "b" => fails(), ["a", "b"], again)
      .branch("a", (b) => b.then("in-a", () => "a"))
      .branch("b", (b) => b.then("in-b", () => "b"))
      .done()
      .loop("poll", (letter: string) => (letter === "" ? LoopResult.again("x") : fails()), again)
      .build();
    const decided = await stuck(deciding, "in_progress");
    const standsAt = async (taskId: string): Promise<void> => {
      await expect
        .poll(async () => await decided.status(), soon)
        .toMatchObject({ tasks: [{ taskId, state: "retrying" }] });
    };
    await standsAt("which");
    await decided.completeTask("which", "b");
    await standsAt("poll[0]");
    await decided.completeTask("poll[0]", "enough");
    expect(await decided.result()).toBe("enough");
  });

  test("comes before a body that is running: its result is dropped", async () => {
    const gate = new Gate();
    const begun = new Gate();
    const running = flow<number>("running")
      .then("work", async () => {
        begun.open();
        await gate.passed;
        return "by its body";
      })
      .build();
    start(backend, { flows: [running], pollInterval: 20 });
    const handle = await client.submit(running, fresh("running"), 1);
    await begun.passed;

    await handle.completeTask("work", "by hand");
    gate.open();
    expect(await handle.result()).toBe("by hand");
    await expect(handle.completeTask("work", "again")).rejects.toMatchObject({ code: "INVALID_TRANSITION" });
  });

  test("is possible in a failed instance once it is taken back, as the refusal says", async () => {
    const failing = flow<number>("failing-task")
      .then("work", () => Promise.reject(new Error("no")), { retries: 0 })
      .build();
    start(backend, { flows: [failing], pollInterval: 20 });
    const handle = await client.submit(failing, fresh("failed"), 1);
    await expect(handle.result()).rejects.toMatchObject({ code: "INSTANCE_FAILED" });

    await expect(handle.completeTask("work", "by hand")).rejects.toThrow("with retry({ paused: true }); then complete");
    await client.retry(handle.instanceId, { paused: true });
    await handle.completeTask("work", "by hand");
    await client.unpause(handle.instanceId);
    expect(await handle.result()).toBe("by hand");
  });

  test("finds the first task of a map's item in its first attempt, by the name that the status tells", async () => {
    const late = new Gate();
    const each = flow<number>("each")
      .map(
        "items",
        () => [1, 2],
        task("work", async (n: number) => {
          if (n === 2) await late.passed;
          return n;
        }),
      )
      .build();
    const handle = await stuck(each, "in_progress");
    await expect
      .poll(async () => await handle.status(), soon)
      .toMatchObject({
        tasks: [{ taskId: "items[1]/work", attempt: 1, state: "running" }],
      });
    await handle.completeTask("items[1]/work", 20);
    late.open();

    expect(await handle.result()).toEqual([1, 20]);
  });

  test("refuses tasks at which the instance doesn't stand, and values that can't be stored", async () => {
    const forked = flow<number>("forked")
      .fork([branch("x", (b) => b.delay("rest", "1h")), branch("y", (b) => b.waitForEvent("wait", "paid"))])
      .join("both", () => 1)
      .build();
    const handle = await stuck(forked, "awaiting_event");

    for (const taskId of ["both", "unknown"]) {
      await expect(handle.completeTask(taskId, 1)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(
          /is not where the instance stands; that is "(rest|wait)", "(rest|wait)"/,
        ) as unknown,
      });
    }
    await expect(handle.completeTask("wait", () => 1)).rejects.toMatchObject({ code: "CODEC_ENCODE" });
    await expect(client.completeTask("nowhere", "wait", 1)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    expect((await handle.status()).status).toBe("awaiting_event");
    await handle.cancel();
  });
});
