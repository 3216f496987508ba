import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { flow } from "../../src/flow/flow.ts";
import type { StartPolicyOptions } from "../../src/flow/start-policy.ts";
import type { Backend } from "../../src/store/backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

interface Sync {
  readonly account: string;
  readonly version: number;
}

function sync(policy: StartPolicyOptions<Sync>) {
  return flow<Sync>(fresh("sync"), policy)
    .then("work", ({ version }) => version)
    .build();
}

const account = ({ account: key }: Sync): string => key;

describe.each(await bothBackends())("on $name", ({ backend, open, database }) => {
  const start = workerStarter();
  const client = new Client(backend);

  /** One whose time is moved by hand, and how its instances stand. */
  async function atRest(): Promise<{ readonly clock: TestClock; readonly client: Client; readonly backend: Backend }> {
    const clock = new TestClock(Date.UTC(2026, 0, 1));
    const own = await open({ clock });
    return { clock, client: new Client(own), backend: own };
  }

  async function startsInMs({ backend: own }: { readonly backend: Backend }, id: string): Promise<number> {
    const state = await own.findInstance(id);
    return (state?.positions[0]?.availableAt ?? Number.NaN) - (state?.now ?? 0);
  }

  async function inputOf({ backend: own }: { readonly backend: Backend }, id: string): Promise<unknown> {
    const input = (await own.findInstance(id))?.instance.input;
    return input === undefined ? undefined : await new JsonCodec().decode(input);
  }

  describe("a singleton", () => {
    test("that rejects lets one of each key live, and names it", async () => {
      const one = sync({ singleton: { key: account } });
      const [first, second, third] = [fresh("first"), fresh("second"), fresh("third")];
      await client.submit(one, first, { account: "a", version: 1 });
      await client.submit(one, fresh("other"), { account: "b", version: 1 });
      const refusal = { code: "START_REFUSED", flow: one.name, key: "a", instanceId: first, retryAfterMs: null };
      await expect(client.submit(one, second, { account: "a", version: 2 })).rejects.toMatchObject(refusal);
      await expect(client.status(second)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
      const existing = await client.submit(one, second, { account: "a", version: 2 }, { onConflict: "useExisting" });
      expect(existing.instanceId).toBe(first);
      await client.cancel(first);

      expect((await client.submit(one, third, { account: "a", version: 3 })).instanceId).toBe(third);
    });

    test("that replaces cancels the one that lives", async () => {
      const last = sync({ singleton: { key: account, onConflict: "replace" } });
      const [first, second] = [fresh("first"), fresh("second")];
      await client.submit(last, first, { account: "a", version: 1 });
      await client.submit(last, second, { account: "a", version: 2 });
      expect(await client.status(first)).toMatchObject({ status: "cancelled", reason: `replaced by ${second}` });
      start(backend, { flows: [last] });

      expect(await client.result(second)).toBe(2);
    });

    test("that queues lets them begin one after the other", async () => {
      let running = 0;
      let most = 0;
      const order: number[] = [];
      const queued = flow<Sync>(fresh("queued"), { singleton: { key: account, onConflict: "queue" } })
        .then("work", async ({ version }) => {
          most = Math.max(most, ++running);
          order.push(version);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running--;
        })
        .build();
      const ids = await client.enqueueMany(
        queued,
        [1, 2, 3, 4].map((version) => ({ account: "a", version })),
      );
      start(backend, { flows: [queued], pollInterval: 20 });
      await Promise.all(ids.map(async (id) => await client.result(id)));

      expect(most).toBe(1);
      expect(order).toEqual([1, 2, 3, 4]);
    });

    test("of a key that many submit at once is one", async () => {
      const one = sync({ singleton: { key: account } });
      const handles = await Promise.all(
        Array.from({ length: 20 }, async (_, version) => {
          return await client.submit(one, fresh("many"), { account: "a", version }, { onConflict: "useExisting" });
        }),
      );

      expect(new Set(handles.map(({ instanceId }) => instanceId)).size).toBe(1);
      expect((await client.list({ flow: one.name })).instances).toHaveLength(1);
    });

    test("that is submitted again under its id is the one that it was", async () => {
      const one = sync({ singleton: {} });
      const id = fresh("again");
      await client.submit(one, id, { account: "a", version: 1 });
      const again = client.submit(one, id, { account: "b", version: 2 });
      await expect(again).rejects.toMatchObject({ code: "INSTANCE_EXISTS" });
      const same = await client.submit(one, id, { account: "b", version: 2 }, { onConflict: "useExisting" });

      expect(same.instanceId).toBe(id);
    });

    test("can't be retried while another one lives under its key", async () => {
      let isBroken = true;
      const fragile = flow<Sync>(fresh("fragile"), { singleton: { key: account } })
        .then("work", ({ version }) => {
          if (isBroken) throw new TypeError("broken");
          return version;
        })
        .build();
      start(backend, { flows: [fragile] });
      const [first, second] = [fresh("first"), fresh("second")];
      await (await client.submit(fragile, first, { account: "a", version: 1 })).result().catch(() => undefined);
      isBroken = false;
      await client.submit(fragile, second, { account: "a", version: 2 }, { startAfter: "1h" });
      await expect(client.retry(first)).rejects.toMatchObject({ code: "INVALID_TRANSITION" });
      await client.cancel(second);
      await client.retry(first);

      expect(await client.result(first)).toBe(1);
    });
  });

  describe("a debounced flow", () => {
    test("begins once nothing more has come for a while, with the last input", async () => {
      const rest = await atRest();
      const calm = sync({ debounce: { key: account, wait: "5s" } });
      const ids = new Set<string>();
      for (const version of [1, 2, 3]) {
        const { instanceId } = await rest.client.enqueue(calm, { account: "a", version });
        ids.add(instanceId);
        rest.clock.advance(4_000);
      }
      const [id = ""] = ids;
      expect(ids.size).toBe(1);
      expect(await startsInMs(rest, id)).toBe(1_000);
      expect(await inputOf(rest, id)).toEqual({ account: "a", version: 3 });
      rest.clock.advance(1_000);

      // It has begun, by the time at least: what comes now is another one.
      expect((await rest.client.enqueue(calm, { account: "a", version: 4 })).instanceId).not.toBe(id);
      expect(await inputOf(rest, id)).toEqual({ account: "a", version: 3 });
    });

    test("begins at the latest when that is said, however much comes", async () => {
      const rest = await atRest();
      const calm = sync({ debounce: { wait: "5s", maxWait: "12s" } });
      const left: number[] = [];
      let id = "";
      for (const version of [1, 2, 3, 4]) {
        id = (await rest.client.enqueue(calm, { account: "a", version })).instanceId;
        left.push(await startsInMs(rest, id));
        rest.clock.advance(3_000);
      }

      expect(left).toEqual([5_000, 5_000, 5_000, 3_000]);
      expect(await startsInMs(rest, id)).toBe(0);
    });

    test("runs, and is told its last input though that is bound to its instance", async () => {
      const codec = encrypted(new JsonCodec(), {
        keys: { currentKeyId: "k", keys: { k: new Uint8Array(32).fill(7) } },
      });
      const secret = await open({ codec });
      const calm = sync({ debounce: { key: account, wait: 150 } });
      const sender = new Client(secret);
      const first = await sender.enqueue(calm, { account: "a", version: 1 });
      const second = await sender.enqueue(calm, { account: "a", version: 2 });
      start(secret, { flows: [calm], pollInterval: 20 });

      expect(second.instanceId).toBe(first.instanceId);
      expect(await first.result()).toBe(2);
    });

    test("keeps other keys apart", async () => {
      const rest = await atRest();
      const calm = sync({ debounce: { key: account, wait: "5s" } });
      const a = await rest.client.enqueue(calm, { account: "a", version: 1 });
      const b = await rest.client.enqueue(calm, { account: "b", version: 2 });

      expect(a.instanceId).not.toBe(b.instanceId);
    });
  });

  test("a throttled flow begins at once, and then once in a while, with the last input", async () => {
    const rest = await atRest();
    const slow = sync({ throttle: { key: account, per: "1m" } });
    const submitted: [string, number][] = [];
    for (const version of [1, 2, 3]) {
      const { instanceId } = await rest.client.enqueue(slow, { account: "a", version });
      submitted.push([instanceId, await startsInMs(rest, instanceId)]);
      rest.clock.advance(10_000);
    }
    const [first = "", second = ""] = [...new Set(submitted.map(([id]) => id))];
    expect(submitted).toEqual([
      [first, 0],
      [second, 50_000],
      [second, 40_000],
    ]);
    expect(await inputOf(rest, second)).toEqual({ account: "a", version: 3 });
    rest.clock.advance(40_000);
    const { instanceId: third } = await rest.client.enqueue(slow, { account: "a", version: 4 });

    // The second began 10 s ago.
    expect(await startsInMs(rest, third)).toBe(50_000);
  });

  test("a flow with a rateLimit refuses what is too much, and says for how long", async () => {
    const rest = await atRest();
    const scarce = sync({ rateLimit: { key: account, count: 2, per: "10s" } });
    const once = async (version: number) => await rest.client.enqueue(scarce, { account: "a", version });
    await once(1);
    await once(2);
    const refusal = { code: "START_REFUSED", instanceId: null, retryAfterMs: 5_000, retryable: true };
    await expect(once(3)).rejects.toMatchObject(refusal);
    await rest.client.enqueue(scarce, { account: "b", version: 1 });
    rest.clock.advance(5_000);
    await once(4);
    await expect(once(5)).rejects.toMatchObject({ code: "START_REFUSED" });
    const submissions = ["x", "y"].map((name) => ({ instanceId: fresh(name), input: { account: name, version: 1 } }));
    const more = { instanceId: fresh("z"), input: { account: "a", version: 1 } };

    expect((await rest.client.submitMany(scarce, [...submissions, more])).map(({ outcome }) => outcome)).toEqual([
      "created",
      "created",
      "refused",
    ]);
  });

  describe("a batch", () => {
    const sum = (policy: { size: number; wait: number | "10s" | "1h"; key?: (n: number) => string }) =>
      flow<readonly number[]>(fresh("sum"), { batch: policy })
        .then("work", (all) => all.reduce((one, other) => one + other, 0))
        .build();

    test("begins when it is full, or its time has come", async () => {
      const rest = await atRest();
      const three = sum({ size: 3, wait: "10s" });
      const ids: string[] = [];
      for (const n of [1, 2, 3, 4]) {
        ids.push((await rest.client.addToBatch(three, n)).instanceId);
        rest.clock.advance(1_000);
      }
      const [full = "", open = ""] = [...new Set(ids)];
      expect(ids).toEqual([full, full, full, open]);
      expect(await startsInMs(rest, full)).toBeLessThanOrEqual(0);
      expect(await startsInMs(rest, open)).toBe(9_000);
      expect(await inputOf(rest, full)).toEqual([1, 2, 3]);
      rest.clock.advance(8_000);
      expect((await rest.client.addToBatch(three, 5)).instanceId).toBe(open);
      expect(await startsInMs(rest, open)).toBe(1_000);
      rest.clock.advance(1_000);

      expect((await rest.client.addToBatch(three, 6)).instanceId).not.toBe(open);
    });

    test("gets each item once, however many add at the same time from different places", async () => {
      const some = sum({ size: 7, wait: 100, key: (n) => `key-${n % 2}` });
      const others = [client, new Client(backend)];
      start(backend, { flows: [some], pollInterval: 20 });
      const handles = await Promise.all(
        Array.from({ length: 60 }, async (_, n) => await others[n % 2]?.addToBatch(some, n + 1)),
      );
      const ids = [...new Set(handles.map((handle) => handle?.instanceId ?? ""))];
      const sums = await Promise.all(ids.map(async (id) => Number(await client.result(id))));

      expect(sums.reduce((all, one) => all + one, 0)).toBe((60 * 61) / 2);
      expect(ids.length).toBeGreaterThanOrEqual(10);
    });

    test("does not take what would be too large together, and refuses what is too large by itself", async () => {
      const small = await open({ maxPayloadBytes: 100 });
      const sender = new Client(small);
      const texts = flow<readonly string[]>(fresh("texts"), { batch: { size: 10, wait: "1h" } })
        .then("work", (all) => all.length)
        .build();
      const first = await sender.addToBatch(texts, "x".repeat(60));
      const second = await sender.addToBatch(texts, "y".repeat(60));
      const third = await sender.addToBatch(texts, "z");
      await expect(sender.addToBatch(texts, "x".repeat(200))).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });

      expect(second.instanceId).not.toBe(first.instanceId);
      expect(third.instanceId).toBe(second.instanceId);
    });

    test("can be submitted as a whole, too", async () => {
      const some = sum({ size: 5, wait: "1h" });
      start(backend, { flows: [some] });

      expect(await (await client.submit(some, fresh("whole"), [1, 2, 3])).result()).toBe(6);
    });
  });

  test("what can't be decided is refused, before anything is written", async () => {
    const calm = sync({ debounce: { key: account, wait: "5s" } });
    const input = { account: "a", version: 1 };
    const wrong: readonly [object, string][] = [
      [{ onConflict: "terminateExisting" }, "options.onConflict"],
      [{ startAfter: "1s" }, "options.startAfter"],
      [{ priority: 9 }, "options.priority"],
    ];
    for (const [options, field] of wrong)
      await expect(client.submit(calm, fresh("wrong"), input, options)).rejects.toMatchObject({ field });
    for (const key of [
      () => "",
      () => 7 as never,
      () => {
        throw new TypeError("no key");
      },
    ]) {
      const keyless = sync({ debounce: { key, wait: "5s" } });
      const call = client.submit(keyless, fresh("keyless"), input);
      await expect(call).rejects.toMatchObject({ code: "START_KEY_INVALID", flow: keyless.name });
    }
    await expect(client.enqueueMany(calm, [input])).rejects.toMatchObject({ field: "flow" });
    await expect(client.addToBatch(calm as never, input as never)).rejects.toMatchObject({ field: "flow" });

    expect((await client.list({ flow: calm.name })).instances).toEqual([]);
  });

  test.skipIf(database === null)("of a transaction, a submission counts if that is committed", async () => {
    const one = sync({ singleton: { key: account } });
    const [first, second] = [fresh("first"), fresh("second")];
    const tx = await database?.pool.connect();
    if (tx === undefined) return;
    try {
      await tx.query("BEGIN");
      await client.submit(one, first, { account: "a", version: 1 }, { tx });
      await tx.query("ROLLBACK");
      await tx.query("BEGIN");
      await client.submit(one, second, { account: "a", version: 1 }, { tx });
      await tx.query("COMMIT");
    } finally {
      tx.release();
    }
    const third = client.submit(one, fresh("third"), { account: "a", version: 1 });

    await expect(third).rejects.toMatchObject({ code: "START_REFUSED", instanceId: second });
  });

  test.skipIf(database === null)("SQL is told that it can't do it", async () => {
    const calm = sync({ debounce: { key: account, wait: "5s" } });
    await client.publish([calm]);
    const call = database?.pool.query("SELECT waymark.submit($1, 'by-sql', '{}')", [calm.name]);

    await expect(call).rejects.toMatchObject({
      code: "0A000",
      message: expect.stringContaining("debounce") as unknown,
    });
  });
});
