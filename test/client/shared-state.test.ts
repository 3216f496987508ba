import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { merged, type StateOf, state } from "../../src/flow/shared-state.ts";
import { query, update } from "../../src/flow/state-handlers.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { systemTimers } from "../../src/time/timers.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const cart = state({
  open: true,
  items: merged<readonly string[]>([], (current, change) => [...current, ...change]),
  count: merged(0, (current, change) => current + change),
});
const word = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) =>
      typeof value === "string" ? { value: value.trim() } : { issues: [{ message: "is no text" }] },
    types: undefined as { input: string; output: string } | undefined,
  },
} as const;

const itemsOf = query("items", cart, ({ items }) => items.join(" "));
const hasItem = query("has", cart, ({ items }, item: string) => items.includes(item), { input: word });
const add = update(
  "add",
  cart,
  ({ open, items }, item) => {
    if (!open) throw new RangeError("the cart is closed");
    return { change: { items: [item], count: 1 }, reply: items.length + 1 };
  },
  { input: word },
);
const close = update("close", cart, () => ({ change: { open: false }, event: { name: "closed", payload: "now" } }));
const shop = flow<null>("shop", { state: cart })
  .then("begin", (_, context) => context.state.update(cart, { items: ["first"] }))
  .waitForEvent("closed", "closed")
  .then("end", async (payload, context) => [payload, (await context.state.read(cart)).items.join(" ")])
  .build();
const held = { status: "awaiting_event" };

describe.each(await bothBackends())("a state from outside on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  async function atTheWait(): Promise<string> {
    const id = fresh("shop");
    expect(await runner.run(shop, id, null)).toMatchObject(held);
    return id;
  }

  test("is read and asked while the instance runs, and when it has ended", async () => {
    const id = await atTheWait();
    expect(await client.readState(cart, id)).toEqual({ open: true, items: ["first"], count: 0 });
    expect(await client.query(id, itemsOf)).toBe("first");
    expect(await client.handle(id).query(hasItem, " first ")).toBe(true);
    await client.sendEvent(id, "closed", "now");
    await runner.resume(shop, id);
    expect(await client.handle(id).readState(cart)).toEqual({ open: true, items: ["first"], count: 0 });
  });

  test("is changed by a request that is answered, validated and decided on the state as it is", async () => {
    const id = await atTheWait();
    expect(await client.update(id, add, " second ")).toBe(2);
    expect(await client.handle(id).update(add, "third")).toBe(3);
    expect(await client.readState(cart, id)).toEqual({ open: true, items: ["first", "second", "third"], count: 2 });
    await expect(client.update(id, add, 7 as never)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    await client.update(id, close);
    await expect(client.update(id, add, "fourth")).rejects.toThrow(RangeError);
    expect(await runner.resume(shop, id)).toMatchObject({ output: ["now", "first second third"] });
    const history = await client.history(id);
    expect(history.filter(({ kind }) => kind === "update")).toMatchObject([
      { decision: "add", outcome: "noted", output: 2, workerId: null },
      { decision: "add", output: 3 },
      { decision: "close", output: undefined },
    ]);
  });

  test("is changed once by an update with an id, whose reply is repeated, also after the end", async () => {
    const id = await atTheWait();
    expect(await client.update(id, add, "second", { updateId: "u" })).toBe(2);
    expect(await client.update(id, add, "again", { updateId: "u" })).toBe(2);
    expect(await client.query(id, itemsOf)).toBe("first second");
    await expect(client.update(id, close, undefined, { updateId: "u" })).rejects.toThrow(
      'options.updateId was used before, by update "add". Choose another one.',
    );
    await client.terminate(id);
    expect(await client.update(id, add, "again", { updateId: "u" })).toBe(2);
    await expect(client.update(id, add, "late")).rejects.toMatchObject({ code: "INVALID_TRANSITION" });
  });

  test("can be changed while the instance is paused, and is waited with until it goes on", async () => {
    const id = await atTheWait();
    await client.pause(id);
    expect(await client.update(id, add, "second")).toBe(2);
    await client.update(id, close);
    await client.unpause(id);
    expect(await runner.resume(shop, id)).toMatchObject({ output: ["now", "first second"] });
  });

  test("counts every change once, however many are made at a time", async () => {
    const id = await atTheWait();
    const replies = await Promise.all(Array.from({ length: 12 }, (_, index) => client.update(id, add, `i${index}`)));
    expect(replies.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index + 2));
    expect(await client.readState(cart, id)).toMatchObject({ count: 12 });
  });

  test("is changed by one update of a process after the other, each of which decides once and fails alone", async () => {
    const id = await atTheWait();
    let runs = 0;
    const counted = update("counted", cart, ({ count }, n: number) => {
      runs++;
      if (n % 10 === 3) throw new RangeError(`no ${n}`);
      return { change: { count: 1 }, reply: count + 1 };
    });
    const other = new Client(backend);
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const replies = await Promise.allSettled(
      numbers.map(async (n) => await (n % 2 === 0 ? client : other).update(id, counted, n)),
    );

    let count = 0;
    expect(replies).toEqual(
      numbers.map((n) =>
        n % 10 === 3
          ? { status: "rejected", reason: new RangeError(`no ${n}`) }
          : { status: "fulfilled", value: ++count },
      ),
    );
    expect(runs).toBe(50);
    expect(await client.readState(cart, id)).toMatchObject({ count: 45 });
  });

  test("is not kept from others by an update whose handler hangs", async () => {
    const id = await atTheWait();
    const later: (() => void)[] = [];
    const ports = {
      timers: {
        ...systemTimers,
        after: (_: number, callback: () => void) => {
          later.push(callback);
          return { cancel: () => undefined };
        },
      },
    };
    const impatient = new Client(backend, { ports });
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const slow = update("slow", cart, async ({ count }) => {
      await released;
      return { change: { count: 1 }, reply: count };
    });
    const hanging = impatient.update(id, slow);
    const next = client.update(id, add, "next");
    await expect.poll(() => later.length).toBe(1);
    later[0]?.();

    expect(await next).toBe(2);
    release();
    // It has lost the race, and decides again.
    later.length = 0;
    await expect.poll(() => later.length).toBe(1);
    later[0]?.();
    expect(await hanging).toBe(1);
  });

  test("that is changed while a task runs is merged with what the task changes; its body runs once", async () => {
    const id = fresh("meanwhile");
    let runs = 0;
    const order = flow<null>("meanwhile", { state: cart })
      .then("work", async (_, context) => {
        runs++;
        const before = await context.state.read(cart);
        context.state.update(cart, { items: ["task"], count: 10 });
        for (let times = 0; times < 3; times++) await client.update(id, add, `outside-${times}`);
        return before.items.length;
      })
      .then("more", async (_, context) => {
        runs++;
        context.state.update(cart, { count: 100 });
        await client.update(id, add, "last");
      })
      .build();

    expect(await runner.run(order, id, null)).toMatchObject({ status: "completed" });
    expect(runs).toBe(2);
    expect(await client.readState(cart, id)).toEqual({
      open: true,
      items: ["outside-0", "outside-1", "outside-2", "task", "last"],
      count: 114,
    });
  });

  test("that is changed while branches run is seen by them, and stays when they are joined", async () => {
    const id = fresh("branches");
    const order = flow<null>("branches", { state: cart })
      .fork([
        branch("a", (b) =>
          b.then("a1", async (_, context) => {
            context.state.update(cart, { items: ["a"] });
            await client.update(id, add, "outside");
            return (await context.state.read(cart)).items;
          }),
        ),
      ])
      .join("join", ({ a }) => a)
      .build();
    expect(await runner.run(order, id, null)).toMatchObject({ output: ["outside", "a"] });
    expect(await client.query(id, itemsOf)).toBe("outside a");
  });

  test("is that of the point from which a fork begins, and is shown for any point of the past", async () => {
    const id = fresh("past");
    const order = flow<null>("past", { state: cart })
      .then("one", (_, context) => context.state.update(cart, { items: ["one"] }))
      .fork([
        branch("a", (b) => b.then("a1", (_, context) => context.state.update(cart, { items: ["a1"] }))),
        branch("b", (b) => b.then("b1", () => 1)),
      ])
      .join("join", (_, context) => context.state.update(cart, { items: ["join"] }))
      .then("two", (_, context) => context.state.update(cart, { items: ["two"] }))
      .build();
    await runner.run(order, id, null);
    const all = "one a1 join two";
    expect(await client.query(id, itemsOf)).toBe(all);
    const seen: string[] = [];
    for (const { sequence } of await client.history(id)) {
      const past = await client.stateAt(order, id, sequence);
      const { items } = past.state as StateOf<typeof cart>;
      seen.push(items.join(" "));
      if (past.ended !== null) continue;
      const copy = fresh("copy");
      await client.fork(order, id, copy, { at: sequence });
      expect(await runner.resume(order, copy)).toMatchObject({ status: "completed" });
      expect(await client.query(copy, itemsOf)).toBe(all);
    }
    expect([...new Set(seen)]).toEqual(["one", "one a1 join", all]);
    expect((await client.stateAt(order, id, 0n)).state).toEqual({ open: true, items: [], count: 0 });
  });

  test("survives a failure and its retry", async () => {
    const id = fresh("retry");
    let isBroken = true;
    const order = flow<null>("retry", { state: cart })
      .fork([
        branch("a", (b) => b.then("a1", (_, context) => context.state.update(cart, { items: ["a"] }))),
        branch("b", (b) =>
          b
            .then("b1", (_, context) => context.state.update(cart, { items: ["b"] }))
            .then(
              "b2",
              () => {
                if (isBroken) throw new Error("broken");
              },
              { retries: 0 },
            ),
        ),
      ])
      .join("join", () => 1)
      .build();
    expect(await runner.run(order, id, null)).toMatchObject({ status: "failed" });
    expect(await client.query(id, itemsOf)).toBe("");
    isBroken = false;
    await client.retry(id);
    expect(await runner.resume(order, id)).toMatchObject({ status: "completed" });
    expect(await client.query(id, itemsOf)).toBe("a b");
  });

  test("that is encrypted is bound to its instance and version, and can be forked", async () => {
    const keys = { currentKeyId: "k1", keys: { k1: new Uint8Array(32).fill(7) } };
    const secret = await open({ codec: encrypted(new JsonCodec(), { keys }) });
    const [own, run] = [new Client(secret), new Runner(secret, { pollInterval: 10 })];
    const id = fresh("secret");
    await run.run(shop, id, null);
    await own.update(id, add, "second");
    const copy = fresh("secret-copy");
    const last = (await own.history(id)).at(-1)?.sequence ?? 0n;
    await own.fork(shop, id, copy, { at: last });
    expect(await own.query(copy, itemsOf)).toBe("first second");
    const swapped = withChanges(secret, {
      loadStates: async (instanceId, ids) =>
        (await secret.loadStates(instanceId, ids)).map((one) => ({ ...one, version: 1 })),
    });
    await expect(new Client(swapped).readState(cart, id)).rejects.toMatchObject({ code: "CODEC_DECODE" });
  });

  test("refuses what is no argument, and another flow's state, before anything is written", async () => {
    const id = await atTheWait();
    const other = state({ key: 1 });
    flow("other", { state: other })
      .then(task("t", () => 1))
      .build();
    const elsewhere = update("elsewhere", other, () => ({ change: { key: 2 } }));
    const refused = { code: "INVALID_ARGUMENT" };
    await expect(client.readState(other, id)).rejects.toThrow(
      `state is not that of instance "${id}": its flow "shop" declares another one, or none. A flow declares it as flow("shop", { state }).`,
    );
    await expect(client.update(id, elsewhere)).rejects.toMatchObject(refused);
    await expect(client.readState({} as never, id)).rejects.toMatchObject(refused);
    await expect(client.query(id, {} as typeof itemsOf)).rejects.toMatchObject(refused);
    await expect(client.update(id, null as unknown as typeof close)).rejects.toMatchObject(refused);
    await expect(client.update(id, close, undefined, { id: "u" } as never)).rejects.toMatchObject(refused);
    await expect(client.update(id, close, undefined, { updateId: "" })).rejects.toMatchObject(refused);
    await expect(client.update(fresh("nobody"), close)).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    const answering = (answer: unknown) =>
      client.update(
        id,
        update("odd", cart, () => answer as object),
      );
    await expect(answering(undefined)).rejects.toThrow('What update "odd" returned must be an object, not undefined.');
    await expect(answering({ changes: {} })).rejects.toThrow('has an unknown key "changes"; did you mean "change"?');
    await expect(answering({ change: { itms: [] } })).rejects.toThrow(
      'change has an unknown key "itms"; did you mean "items"?',
    );
    await expect(answering({ event: { name: "" } })).rejects.toThrow("event.name must not be empty.");
    await expect(answering({ reply: () => 1 })).rejects.toMatchObject({ code: "CODEC_ENCODE" });
    await expect(answering({ change: { items: ["x".repeat(3_000_000)] } })).rejects.toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      message: expect.stringContaining(`state of instance "${id}"`) as string,
    });
    expect((await client.history(id)).filter(({ kind }) => kind === "update" || kind === "state")).toHaveLength(1);
  });

  test("that goes on changing is given up on in the end", async () => {
    const id = await atTheWait();
    const restless = new Client(withChanges(backend, { applyUpdate: async () => ({ kind: "conflict" }) }), {
      ports: { random: { next: () => 0, uuid: () => fresh("u") } },
    });
    let runs = 0;
    const counted = update("counted", cart, () => {
      runs++;
      return {};
    });
    await expect(restless.update(id, counted)).rejects.toMatchObject({ code: "BACKEND_CONFLICT", retryable: true });
    expect(runs).toBe(100);
  });
});

describe("a transactional task with a state on PostgreSQL", async () => {
  const [, postgres] = await bothBackends();
  const { backend } = postgres ?? {};
  if (backend?.openTransaction === undefined) throw new TypeError("PostgreSQL was expected.");
  const open = backend.openTransaction.bind(backend);

  test("writes both together, and runs again where the state was changed at the last moment", async () => {
    const client = new Client(backend);
    const id = fresh("tx");
    const attempts: number[] = [];
    let isFirst = true;
    // Somebody is faster, between the last look at the state and the commit.
    const late = withChanges(backend, {
      openTransaction: async (request) => {
        const tx = await open(request);
        return {
          handle: tx.handle,
          rollback: async (cause) => await tx.rollback(cause),
          commit: async (...args) => {
            if (isFirst) await client.update(id, add, "outside");
            isFirst = false;
            return await tx.commit(...args);
          },
        };
      },
    });
    const order = flow<null>("tx", { state: cart })
      .then(
        task.transactional("pay", async (tx, _: null, context) => {
          attempts.push(context.attempt);
          await tx.query("SELECT 1");
          context.state.update(cart, { items: ["paid"], count: 5 });
        }),
      )
      .build();
    expect(await new Runner(late, { pollInterval: 10 }).run(order, id, null)).toMatchObject({ status: "completed" });
    expect(attempts).toEqual([1, 1]);
    expect(await client.readState(cart, id)).toEqual({ open: true, items: ["outside", "paid"], count: 6 });
  });
});
