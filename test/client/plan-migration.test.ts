import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const one = (n: number): number => n + 1;
const before = flow<number>("order").then("a", one).waitForEvent<number>("paid", "paid").then("ship", one).build();
const longer = flow<number>("order")
  .then("a", one)
  .waitForEvent<number>("paid", "paid")
  .then("check", (n: number) => n * 10)
  .then("ship", one)
  .build();
const renamed = flow<number>("order-2")
  .then("quote", one)
  .waitForEvent<number>("payment", "paid")
  .then("ship", async (n: number, { output }) => n + (await output("quote")))
  .build();

const rich = flow<number>("rich")
  .then("a", async (n, { step }) => await step("double", () => n * 2))
  .map("each", (n) => [n, n + 1], task("size", one))
  .fork([
    branch("left", (b) => b.then("l", (list) => list.length)),
    branch("right", (b) => b.waitForEvent<number>("wait", "go")),
  ])
  .join("both", ({ left, right }) => left + right)
  .then("end", (n) => n)
  .build();
const richToo = flow<number>("rich")
  .then("first", async (n, { step }) => await step("double", () => n * 2))
  .map("every", (n) => [n, n + 1], task("measure", one))
  .fork([
    branch("west", (b) => b.then("w", (list) => list.length)),
    branch("right", (b) => b.waitForEvent<number>("hold", "go")),
  ])
  .join("both", ({ west, right }) => west + right)
  .then("end", async (n, { output }) => [n, await output("first")] as const)
  .build();
const richNames = {
  a: "first",
  each: "every",
  "each/size": "every/measure",
  l: "w",
  wait: "hold",
  "both/left": "both/west",
};

describe.each(await bothBackends())("on $name", ({ backend, open }) => {
  const client = new Client(backend);
  const runner = new Runner(backend);

  describe("planMigration", () => {
    test("says of each live instance whether it can be moved, where it stands and would stand, and why not", async () => {
      const id = fresh("plan");
      await runner.run(before, `${id}-1`, 1);
      await client.submit(before, `${id}-2`, 1);
      await runner.run(before, `${id}-3`, 1);
      await client.cancel(`${id}-3`);
      await client.submit(longer, `${id}-4`, 1);
      const shorter = flow<number>("order").waitForEvent<number>("paid", "paid").build();

      const [a] = await client.history(`${id}-1`);
      const waits = { path: "", taskId: "paid", attempt: 1, kind: "wait" };
      const begins = { path: "", taskId: "a", attempt: 1, kind: "task" };
      expect(await client.planMigration(before, longer, { idPrefix: id })).toEqual({
        instances: [
          {
            ...{ instanceId: `${id}-1`, way: "move", sequence: a?.sequence },
            ...{ stands: [waits], wouldStand: [waits], obstacle: null },
          },
          {
            ...{ instanceId: `${id}-2`, way: "move", sequence: 0n },
            ...{ stands: [begins], wouldStand: [begins], obstacle: null },
          },
        ],
        next: null,
      });
      const others = await client.planMigration(before, shorter, { idPrefix: id });
      expect(others.instances).toMatchObject([
        { way: "none", wouldStand: null, obstacle: { kind: "history", sequence: a?.sequence, taskId: "a" } },
        {
          way: "none",
          wouldStand: [waits],
          obstacle: { kind: "place", message: expect.stringMatching(/"a".*"paid"/) as unknown },
        },
      ]);
      expect((await client.history(`${id}-1`)).length).toBe(1);
      const moved = await client.migrateMany(before, longer, { idPrefix: id });
      expect(moved.changed).toBe(2);
    });

    test("goes page by page", async () => {
      const id = fresh("pages");
      for (let i = 0; i < 5; i++) await client.submit(before, `${id}-${i}`, 1);
      const seen: string[] = [];
      for (let after: string | null = id; after !== null; ) {
        const page = await client.planMigration(before, longer, { idPrefix: id, after, limit: 2 });
        seen.push(...page.instances.map(({ instanceId }) => instanceId));
        after = page.next;
      }
      expect(seen).toEqual([0, 1, 2, 3, 4].map((i) => `${id}-${i}`));
    });

    test("tells what somebody holds, and what was saved from outside", async () => {
      const id = fresh("held");
      await client.submit(before, `${id}-1`, 1);
      await backend.claimPositions({ workerId: "w", leaseMs: 60_000, limit: 1, lanes: [], instanceId: `${id}-1` });
      await runner.run(before, `${id}-2`, 1);
      await backend.saveSnapshot({ ...(await backend.loadSnapshot(`${id}-2`)), labels: { by: "hand" } });

      const { instances } = await client.planMigration(before, longer, { idPrefix: id });
      expect(instances).toMatchObject([
        { way: "none", stands: [{ taskId: "a" }], wouldStand: [{ taskId: "a" }], obstacle: { kind: "held" } },
        {
          way: "none",
          stands: [{ taskId: "paid" }],
          wouldStand: null,
          obstacle: { kind: "unreadable", code: "STATE_UNKNOWN" },
        },
      ]);
    });

    test("says what can be forked under other names, and what those names don't help", async () => {
      const id = fresh("names");
      await client.submit(before, `${id}-1`, 1);
      await runner.run(before, `${id}-2`, 1);
      const plan = await client.planMigration(
        before,
        renamed,
        { idPrefix: id },
        { map: { a: "quote", paid: "payment" } },
      );
      expect(plan.instances).toMatchObject([
        { way: "fork", wouldStand: [{ taskId: "quote" }], obstacle: { kind: "renamed" } },
        { way: "fork", wouldStand: [{ taskId: "payment", kind: "wait" }], obstacle: { kind: "renamed" } },
      ]);
      const half = await client.planMigration(before, renamed, { idPrefix: id }, { map: { a: "quote" } });
      expect(half.instances).toMatchObject([{ way: "fork" }, { way: "none", obstacle: { kind: "place" } }]);
      const wrong = flow<number>("order").then("b", one).then("a", one).waitForEvent<number>("paid", "paid").build();
      const two = await client.planMigration(before, wrong, { idPrefix: id }, { map: { a: "b", paid: "a" } });
      expect(two.instances.at(-1)).toMatchObject({ way: "none" });
    });

    test("refuses what is not acceptable", async () => {
      const plan = client.planMigration.bind(client);
      await expect(plan(before, before)).rejects.toMatchObject({ field: "to" });
      await expect(plan({} as never, before)).rejects.toMatchObject({ field: "from" });
      await expect(plan(before, longer, { status: ["failed"] })).rejects.toMatchObject({ field: "filter.status" });
      await expect(plan(before, longer, { limit: 0 })).rejects.toMatchObject({ field: "filter.limit" });
      await expect(plan(before, longer, { who: 1 } as never)).rejects.toMatchObject({ field: "filter" });
      await expect(plan(before, longer, {}, { map: { b: "a" } })).rejects.toMatchObject({ field: 'options.map["b"]' });
      await expect(plan(before, longer, {}, { map: null as never })).rejects.toMatchObject({ field: "options.map" });
      await expect(plan(before, longer, {}, { maps: {} } as never)).rejects.toMatchObject({ field: "options" });
    });
  });

  describe("fork to another definition", () => {
    test("goes on from where the other one stands, under the new names, and leaves that as it is", async () => {
      const [id, copy] = [fresh("source"), fresh("copy")];
      await runner.run(before, id, 1);
      const history = await client.history(id);
      const at = history.at(-1)?.sequence ?? 0n;
      const handle = await client.fork(before, id, copy, {
        ...{ at, to: renamed, map: { a: "quote", paid: "payment" } },
        outputs: { a: 100 },
      });
      expect(await handle.status()).toMatchObject({
        status: "in_progress",
        tasks: [{ taskId: "payment" }],
        forkedFrom: { instanceId: id, sequence: at },
      });
      await client.sendEvent(copy, "paid", 7);

      expect(await runner.resume(renamed, copy, { until: "ended" })).toMatchObject({ output: 107 });
      expect((await handle.history()).map(({ taskId }) => taskId)).toEqual(["quote", "$fork", "payment", "ship"]);
      const [, , paid] = await handle.history();
      expect((await client.stateAt(renamed, copy, paid?.sequence ?? 0n)).outputs).toEqual(
        new Map<string, unknown>([
          ["quote", 100],
          ["payment", 7],
        ]),
      );
      expect(await client.history(id)).toEqual(history);
      await expect(client.fork(before, copy, fresh("again"), { at: 0n })).rejects.toMatchObject({
        code: "DEFINITION_MISMATCH",
      });
    });

    test("renames steps, items, branches and what they refer to, also where payloads are bound to their names", async () => {
      const keys = { currentKeyId: "one", keys: { one: Buffer.alloc(32, 1) } };
      const codec = encrypted(new JsonCodec(), { keys });
      for (const store of [backend, await open({ codec })]) {
        const [ours, running] = [new Client(store), new Runner(store)];
        const [id, copy] = [fresh("rich"), fresh("rich-copy")];
        await running.run(rich, id, 4);
        const at = (await ours.history(id)).at(-1)?.sequence ?? 0n;
        await ours.fork(rich, id, copy, { at, to: richToo, map: richNames });
        expect((await ours.history(copy)).map(({ taskId }) => taskId)).toEqual([
          ...["first>double", "first", "every~list", "every[0]~item", "every[1]~item"],
          ...["every[0]/measure", "every[1]/measure", "every", "w", "$fork"],
        ]);
        await ours.sendEvent(copy, "go", 3);
        expect(await running.resume(richToo, copy, { until: "ended" })).toMatchObject({ output: [5, 8] });
        const [problem] = (await ours.history(copy)).flatMap(({ problem: one }) => one ?? []);
        expect(problem).toBeUndefined();
      }
    });

    test("is the way out for what stands behind a place that has changed: from before that place", async () => {
      const checked = flow<number>("order")
        .then("a", one)
        .then("limit", (n: number) => Math.min(n, 5))
        .waitForEvent<number>("paid", "paid")
        .then("ship", one)
        .build();
      const [id, copy] = [fresh("behind"), fresh("out")];
      await runner.run(before, id, 1);
      const last = (await client.history(id)).at(-1)?.sequence ?? 0n;
      await expect(client.fork(before, id, copy, { at: last, to: checked })).rejects.toMatchObject({
        code: "MIGRATION_REFUSED",
        message: expect.stringContaining('"limit"') as unknown,
      });
      expect(await backend.findInstance(copy)).toBeNull();
      await client.fork(before, id, copy, { at: "a", to: checked });
      await client.sendEvent(copy, "paid", 3);
      expect(await runner.resume(checked, copy, { until: "ended" })).toMatchObject({ output: 4 });
    });

    test("refuses names that don't fit", async () => {
      const [id, copy] = [fresh("wrong"), fresh("never")];
      await runner.run(before, id, 1);
      const at = 0n;
      await expect(client.fork(before, id, copy, { at, map: {} })).rejects.toMatchObject({ field: "options.map" });
      await expect(client.fork(before, id, copy, { at, to: {} as never })).rejects.toMatchObject({
        field: "options.to",
      });
      await expect(client.fork(before, id, copy, { at, to: renamed, map: { b: "quote" } })).rejects.toMatchObject({
        field: 'options.map["b"]',
      });
      expect(await backend.findInstance(copy)).toBeNull();
    });
  });
});
