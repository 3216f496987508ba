import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const HOUR = 3_600_000;
const worked = flow<number>("after-task")
  .then("work", (n) => n + 1)
  .build();
const rested = flow<number>("after-delay")
  .delay("rest", "1h")
  .then("work", (n) => n + 1)
  .build();
const waited = flow<number>("after-wait").waitForEvent<string>("wait", "news").build();
const limited = flow<number>("after-limit")
  .waitForEvent<string>("wait", "news", { timeout: "1h", onTimeout: "continue" })
  .then("tell", (news) => (news.timedOut ? "timed out" : news.payload))
  .build();
const forked = flow<number>("after-fork")
  .fork([
    branch("a", (b) => b.then("a", (n: number) => n + 1)),
    branch("b", (b) => b.waitForEvent<string>("wait-b", "news")),
    branch("c", (b) => b.delay("nap", "1h")),
  ])
  .join("join", ({ a, b }) => [a, b])
  .build();

describe.each(await bothBackends())("an instance on $name that starts an hour later", ({ open }) => {
  const started = async (definition: Flow<number>) => {
    const clock = new TestClock();
    const backend = await open({ clock });
    const worker = startWorker(backend, { pollInterval: 10, leaseTtl: "1000h", flows: [definition] });
    const handle = await new Client(backend).submit(definition, fresh("later"), 1, { startAfter: "1h" });
    const pass = async (ms: number): Promise<void> => {
      clock.advance(ms);
      const { polls } = worker.stats();
      // It has seen what has come due, and done what there was to do.
      await expect.poll(() => worker.stats().polls, soon).toBeGreaterThan(polls + 4);
      await expect.poll(() => worker.stats().active, soon).toBe(0);
    };
    await pass(HOUR - 1_000);
    expect(await handle.history()).toEqual([]);
    return { clock, handle, pass };
  };

  test("with a task runs it then", async () => {
    const { handle, pass } = await started(worked);
    await pass(1_000);

    expect(await handle.result()).toBe(2);
  });

  test("with a delay rests for that long after its start", async () => {
    const { handle, pass } = await started(rested);
    await pass(HOUR);
    expect((await handle.status()).status).toBe("waiting");
    await pass(1_000);

    expect(await handle.result()).toBe(2);
  });

  test("with a wait waits from then on, and takes an event that came before", async () => {
    const [first, second] = [await started(waited), await started(waited)];
    await second.handle.sendEvent("news", "early");
    await second.pass(0);
    // Not before its time, though what it will wait for is there.
    expect(await second.handle.history()).toEqual([]);
    await first.pass(1_000);
    await expect.poll(async () => (await first.handle.status()).status, soon).toBe("awaiting_event");
    await first.pass(100 * HOUR);
    expect((await first.handle.status()).status).toBe("awaiting_event");
    await first.handle.sendEvent("news", "late");
    await second.pass(1_000);

    expect(await first.handle.result()).toBe("late");
    expect(await second.handle.result()).toBe("early");
  });

  test("with a wait that has a time limit counts it from its start", async () => {
    const { handle, pass } = await started(limited);
    await pass(1_000);
    await expect.poll(async () => (await handle.status()).status, soon).toBe("awaiting_event");
    await pass(HOUR - 1_000);
    expect((await handle.status()).status).toBe("awaiting_event");
    await pass(1_000);

    expect(await handle.result()).toBe("timed out");
  });

  test("with a fork starts all its branches then", async () => {
    const { handle, pass } = await started(forked);
    await pass(1_000);
    await expect.poll(async () => (await handle.history()).map(({ taskId }) => taskId), soon).toContain("a");
    await handle.sendEvent("news", "hello");
    await pass(HOUR);

    expect(await handle.result()).toEqual([2, "hello"]);
  });
});
