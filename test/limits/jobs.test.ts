import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { job } from "../../src/flow/job.ts";
import { limit } from "../../src/flow/limit.ts";
import { task } from "../../src/flow/task.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const start = workerStarter();
  const client = new Client(backend);

  describe("a job", () => {
    test("is run like a flow of one task, under ids of its own", async () => {
      const double = job(fresh("double"), async (n: number) => n * 2, { retries: 1 });
      start(backend, { flows: [double] });

      const first = await client.enqueue(double, 21);
      const ids = await client.enqueueMany(double, [1, 2, 3], { priority: 4, labels: { of: "three" } });

      expect(await first.result()).toBe(42);
      expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual([2, 4, 6]);
      expect(new Set([first.instanceId, ...ids]).size).toBe(4);
      for (const id of ids) expect(id.startsWith(double.name)).toBe(true);
      const { instances } = await client.list({ flow: double.name, labels: { of: "three" } });
      expect(instances.map(({ priority }) => priority)).toEqual([4, 4, 4]);
    });

    test("whose attempts are used up stays with its input and the reason, and can be sent off again with all others", async () => {
      let isBroken = true;
      const fragile = job(fresh("fragile"), async (n: number) => {
        if (isBroken) throw new TypeError("no such printer");
        return n;
      });
      start(backend, { flows: [fragile] });
      const ids = await client.enqueueMany(fragile, [1, 2, 3]);
      await Promise.allSettled(ids.map(async (id) => await client.result(id)));

      const dead = await client.list({ flow: fragile.name, status: ["failed"] });
      expect(dead.instances.map(({ instanceId }) => instanceId).sort()).toEqual(ids.toSorted());
      expect(await client.status(ids[0] ?? "")).toMatchObject({ failure: { message: "no such printer" } });
      isBroken = false;
      expect(await client.retryMany({ flow: fragile.name })).toMatchObject({ changed: 3 });
      expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual([1, 2, 3]);
    });

    test("is refused with all that is wrong with it, and with options that are none of a job", async () => {
      expect(() => job("a job", async () => 1, { retries: -1 })).toThrow(/retries/);
      const good = job(fresh("good"), async (n: number) => n);
      await expect(client.enqueue(good, 1, { onConflict: "fail" } as never)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
      await expect(client.enqueueMany(good, 7 as never)).rejects.toMatchObject({ field: "inputs" });
      await expect(client.enqueue("good" as never, 1)).rejects.toMatchObject({ field: "flow" });
    });
  });

  describe("client.limits", () => {
    test("shows what runs and waits, changes it for all at once, and gives it back to the code", async () => {
      const [name, key] = [fresh("shown"), "acme"];
      const one = limit(name, { concurrency: 1, perKey: { concurrency: 1 } });
      const gates = new Map<string, () => void>();
      const held = job(
        fresh("held"),
        async (id: string) => await new Promise<void>((resolve) => void gates.set(id, resolve)),
        { limit: one, limitKey: () => key },
      );
      start(backend, { flows: [held], pollInterval: 20 });
      const ids = await client.enqueueMany(held, ["a", "b", "c"]);
      await expect.poll(() => gates.size).toBe(1);
      const states = await Promise.all(ids.map(async (id) => await client.status(id)));
      expect(states).toContainEqual({
        status: "in_progress",
        tasks: [expect.objectContaining({ state: "ready", limit: { name, key } })],
      });

      expect(await client.limits.get(name)).toMatchObject({ concurrency: 1, running: 1, waiting: 2, isChanged: false });
      expect(await client.limits.keys(name)).toMatchObject({ keys: [{ key, running: 1, waiting: 2 }], next: null });
      await client.limits.change(name, {
        concurrency: 2,
        perKey: { concurrency: null, rate: { count: 5, per: "1s" } },
      });
      expect(await client.limits.get(name)).toMatchObject({
        ...{ concurrency: 2, isChanged: true },
        perKey: { concurrency: null, rate: { count: 5, perMs: 1_000, burst: 1 } },
      });
      await expect.poll(() => gates.size).toBe(2);
      await client.limits.pause(name, { key });
      for (const pass of gates.values()) pass();
      await expect.poll(async () => (await client.limits.get(name)).running).toBe(0);
      expect((await client.limits.get(name)).waiting).toBe(1);
      await client.limits.unpause(name, { key });
      await expect.poll(() => gates.size, { timeout: 10_000 }).toBe(3);
      for (const pass of gates.values()) pass();
      await client.limits.weigh(name, key, 3);
      expect((await client.limits.keys(name)).keys).toMatchObject([{ key, weight: 3 }]);
      await client.limits.reset(name);
      expect(await client.limits.get(name)).toMatchObject({ concurrency: 2, isChanged: false });
    });

    test("says what is wrong, and changes nothing then", async () => {
      const { limits } = client;
      const name = fresh("strict");
      await backend.declareLimits([limit(name, { concurrency: 3 })]);
      await expect(limits.get("none")).rejects.toMatchObject({ code: "LIMIT_NOT_FOUND", limit: "none" });
      await expect(limits.pause("none")).rejects.toMatchObject({ code: "LIMIT_NOT_FOUND" });
      const wrong: readonly [object, string][] = [
        [{ concurrency: 0 }, "changes.concurrency"],
        [{ rate: { count: 1 } }, "changes.rate.per"],
        [{ perKey: { concurrency: 1.5 } }, "changes.perKey.concurrency"],
        [{ perkey: {} }, "changes"],
        [{}, "changes"],
      ];
      for (const [changes, field] of wrong)
        await expect(limits.change(name, changes as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", field });
      expect(await limits.get(name)).toMatchObject({ concurrency: 3, isChanged: false });
    });
  });

  test("a limit that code does not name any more goes on holding back what waits for it, until that is through", async () => {
    const [name, two] = [fresh("dropped"), limit(fresh("two"), { concurrency: 2 })];
    const limited = flow<number>(name)
      .then("work", (n) => n, { limit: two })
      .build();
    const ids = await client.enqueueMany(limited, [1, 2, 3, 4]);
    const free = flow<number>(name)
      .then("work", (n) => n)
      .build();
    expect(free.hash).toBe(limited.hash);
    start(backend, { flows: [free], pollInterval: 20 });

    expect(await Promise.all(ids.map(async (id) => await client.result(id)))).toEqual([1, 2, 3, 4]);
  });
});

describe("limit() and its options are refused with what is wrong", () => {
  test.each([
    ["a b", { concurrency: 1 }, "name"],
    ["ok", {}, "options"],
    ["ok", { concurrency: 0 }, "options"],
    ["ok", { rate: { count: 1, per: 0 } }, "options"],
    ["ok", { rate: { count: 1, per: "1s", burst: 2 } }, "options"],
    ["ok", { perKey: { concurency: 1 } }, "options"],
    ["ok", 7, "options"],
  ])("%s, %j", (name, options, field) => {
    expect(() => limit(name, options as never)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", field }));
  });

  test("in a flow, with all others", () => {
    const keyed = limit("keyed", { perKey: { concurrency: 1 } });
    const build = (): unknown =>
      flow<number>("bad", { limit: keyed } as never)
        .then("a", (n) => n, { limit: "keyed" } as never)
        .then("b", (n) => n, { limitKey: (n: number) => `${n}` })
        .build();
    expect(build).toThrow(/say with limitKey what the key is[^]*must be what limit\(\) has made[^]*give limit, too/);
    const some = { limit: limit("some", { concurrency: 1 }) };
    const forked = (): unknown =>
      flow<number>("forked", some)
        .fork([branch("a", (b) => b.then("one", (n: number) => n))])
        .join("join", () => 1)
        .build();
    expect(forked).toThrow(/begins with a fork; put a task before it/);
    const mapped = (): unknown =>
      flow<number>("mapped", some)
        .map(
          "all",
          () => [1],
          task("one", (n: number) => n),
        )
        .build();
    expect(mapped).not.toThrow();
  });
});
