import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { job } from "../../src/flow/job.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { soon, workerStarter } from "../support/workers.ts";

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const start = workerStarter();
  const work = () => job(fresh("work"), async (n: number) => n);

  describe("a producer", () => {
    test("is refused while as much waits as it says, and nothing is written", async () => {
      const client = new Client(backend);
      const own = work();
      await client.enqueueMany(own, [1, 2, 3]);
      const backPressure = { maxWaiting: 3 };
      const full = { code: "QUEUE_FULL", flow: own.name, most: 3, retryable: true };
      const id = fresh("refused");
      await expect(client.submit(own, id, 4, { backPressure })).rejects.toMatchObject(full);
      await expect(client.submitMany(own, [{ instanceId: id, input: 4 }], { backPressure })).rejects.toMatchObject(
        full,
      );
      await expect(client.enqueueMany(own, [4], { backPressure })).rejects.toMatchObject(full);
      await expect(client.status(id)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });

      expect(await client.flows.waiting(own)).toBe(3);
      await client.submit(own, id, 4, { backPressure: { maxWaiting: 4 } });
      expect(await client.flows.waiting(own)).toBe(4);
    });

    test("can wait until there is room", async () => {
      const client = new Client(backend);
      const own = work();
      await client.enqueueMany(own, [1, 2, 3]);
      const submitted = client.enqueue(own, 4, { backPressure: { maxWaiting: 1, onFull: "wait" } });
      start(backend, { flows: [own] });

      expect(await (await submitted).result()).toBe(4);
    });

    test("that waits is refused when its time is up", async () => {
      const client = new Client(backend);
      const own = work();
      await client.enqueue(own, 1);
      const backPressure = { maxWaiting: 1, onFull: "wait", timeout: "50ms" } as const;

      await expect(client.enqueue(own, 2, { backPressure })).rejects.toMatchObject({ code: "QUEUE_FULL" });
    });

    test("of many does not count for each of them, and lets through about as many as there may be", async () => {
      let counts = 0;
      const counting = withChanges(backend, {
        countReady: async (hash, atMost) => {
          counts++;
          return await backend.countReady(hash, atMost);
        },
      });
      const client = new Client(counting);
      const own = work();
      const backPressure = { maxWaiting: 50 };
      const calls = Array.from({ length: 200 }, async (_, n) => await client.enqueue(own, n, { backPressure }));
      const done = (await Promise.allSettled(calls)).filter(({ status }) => status === "fulfilled");

      expect(done.length).toBe(50);
      expect(await client.flows.waiting(own)).toBe(50);
      expect(counts).toBeLessThan(100);
    });

    test("is told what is wrong with its options", async () => {
      const client = new Client(backend);
      const wrong: readonly [unknown, string][] = [
        [7, "options.backPressure"],
        [{}, "options.backPressure.maxWaiting"],
        [{ maxWaiting: 0 }, "options.backPressure.maxWaiting"],
        [{ maxWaiting: 1, onFull: "drop" }, "options.backPressure.onFull"],
        [{ maxWaiting: 1, timeout: "1s" }, "options.backPressure.timeout"],
        [{ maxWaiting: 1, onFull: "wait", timeout: "soon" }, "options.backPressure.timeout"],
        [{ maxWaiting: 1, most: 2 }, "options.backPressure"],
      ];
      for (const [backPressure, field] of wrong)
        await expect(client.enqueue(work(), 1, { backPressure: backPressure as never })).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
          field,
        });
    });
  });

  test("a paused flow begins and goes on when it is unpaused, and others are not concerned", async () => {
    const client = new Client(backend);
    const [held, free] = [work(), work()];
    start(backend, { flows: [held, free], pollInterval: 20 });
    expect(await client.flows.pause(held.name, { reason: "the printer is broken", requestedBy: "ada" })).toBe(true);
    const waiting = await client.enqueue(held, 1);
    expect(await (await client.enqueue(free, 2)).result()).toBe(2);
    expect(await client.flows.paused()).toContainEqual(
      expect.objectContaining({ flow: held.name, reason: "the printer is broken", requestedBy: "ada" }),
    );
    expect(await waiting.status()).toMatchObject({ status: "in_progress", tasks: [{ state: "ready" }] });
    expect(await client.flows.waiting(held)).toBe(1);
    expect(await client.flows.unpause(held.name)).toBe(true);

    expect(await waiting.result()).toBe(1);
    await expect.poll(async () => await client.flows.waiting(held), soon).toBe(0);
  });
});
