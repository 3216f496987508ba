import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Holder } from "../../src/store/instance-store.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";
import { codeOf, holdersOf, severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const quick = { pollInterval: 10, leaseTtl: "1h" } as const;
const fifty = Array.from({ length: 50 }, (_, n) => n);
const double = flow<number>("double-submit")
  .then("double", (n) => n * 2)
  .build();
const negate = flow<number>("negate-submit")
  .then("negate", (n) => -n)
  .build();

describe.each(await bothBackends())("submit on $name", ({ backend, open }) => {
  const client = new Client(backend);

  describe("an id that is taken", () => {
    test("is refused by default, and the existing instance stays as it is", async () => {
      const id = fresh("taken");
      await client.submit(double, id, 1);
      for (const options of [{}, { onConflict: "fail" }] as const) {
        for (const definition of [double, negate])
          await expect(client.submit(definition, id, 2, options)).rejects.toMatchObject({
            code: "INSTANCE_EXISTS",
            instanceId: id,
          });
      }
      startWorker(backend, { ...quick, flows: [double, negate] });
      expect(await client.result(id)).toBe(2);
      await expect(client.submit(double, id, 2)).rejects.toMatchObject({ code: "INSTANCE_EXISTS" });
    });

    test("gives the existing instance with useExisting, unless it is of another definition", async () => {
      const id = fresh("existing");
      await client.submit(double, id, 1, { onConflict: "useExisting", labels: { who: "first" } });
      const again = await client.submit(double, id, 50, { onConflict: "useExisting", labels: { who: "second" } });
      await expect(client.submit(negate, id, 2, { onConflict: "useExisting" })).rejects.toMatchObject({
        code: "DEFINITION_MISMATCH",
        instanceId: id,
        expectedHash: negate.hash,
        actualHash: double.hash,
      });
      startWorker(backend, { ...quick, flows: [double, negate] });

      expect(await again.result()).toBe(2);
      expect((await client.list({ idPrefix: id })).instances).toMatchObject([{ labels: { who: "first" } }]);
      expect(await (await client.submit(double, id, 9, { onConflict: "useExisting" })).result()).toBe(2);
    });

    test("begins anew with terminateExisting, whatever the old one was and whoever ran it", async () => {
      const [id, gate, probe] = [fresh("anew"), new Gate(), new Probe()];
      const gated = flow<number>("gated-submit")
        .then("work", async (n) => await gate.passed.then(() => n))
        .build();
      const worker = startWorker(backend, { ...quick, flows: [gated, double], observer: probe.observer });
      await client.submit(gated, id, 1);
      await probe.first("task_started");
      const handle = await client.submit(double, id, 21, { onConflict: "terminateExisting" });

      expect(await handle.result()).toBe(42);
      gate.open();
      await expect.poll(() => worker.stats().active, soon).toBe(0);
      expect(await handle.result()).toBe(42);
      expect((await handle.history()).map(({ taskId }) => taskId)).toEqual(["double"]);
      expect(await (await client.submit(double, id, 1, { onConflict: "terminateExisting" })).result()).toBe(2);
    });
  });

  describe("INV-12: fifty submits of one id at once make one instance", () => {
    test("with fail, one of them knows that it is its own", async () => {
      const id = fresh("fifty-fail");
      startWorker(backend, { ...quick, flows: [double], concurrency: 10 });
      const outcomes = await Promise.all(
        fifty.map(async (n) => await client.submit(double, id, n).then(() => n, codeOf)),
      );
      const winners = outcomes.filter((outcome) => typeof outcome === "number");

      expect(winners).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === "INSTANCE_EXISTS")).toHaveLength(49);
      expect(await client.result(id)).toBe(Number(winners[0]) * 2);
      expect(await client.history(id)).toHaveLength(1);
    });

    test("with useExisting, all agree on its result", async () => {
      const id = fresh("fifty-use");
      startWorker(backend, { ...quick, flows: [double], concurrency: 10 });
      const other = new Client(await open({}));
      const handles = await Promise.all(
        fifty.map(async (n) => await client.submit(double, id, n, { onConflict: "useExisting" })),
      );
      const results = await Promise.all(handles.map(async (handle) => await handle.result()));

      expect(new Set(results).size).toBe(1);
      expect(await client.history(id)).toHaveLength(1);
      await expect(other.result(fresh("unknown"))).rejects.toMatchObject({ code: "INSTANCE_NOT_FOUND" });
    });

    test("with terminateExisting, one is left, and it is whole", async () => {
      const id = fresh("fifty-terminate");
      const worker = startWorker(backend, { ...quick, flows: [double], concurrency: 10 });
      const outcomes = await Promise.all(
        fifty.map(
          async (n) => await client.submit(double, id, n, { onConflict: "terminateExisting" }).then(() => "ok", codeOf),
        ),
      );

      expect(new Set(outcomes)).toEqual(new Set(["ok"]));
      expect(Number(await client.result(id)) % 2).toBe(0);
      await expect.poll(() => worker.stats().active, soon).toBe(0);
      expect(await client.history(id)).toHaveLength(1);
      expect((await backend.findInstance(id))?.positions).toEqual([]);
    });

    test("with all policies mixed, nothing is left half made", async () => {
      const id = fresh("fifty-mixed");
      startWorker(backend, { ...quick, flows: [double], concurrency: 10 });
      const policies = ["fail", "useExisting", "terminateExisting"] as const;
      const outcomes = await Promise.all(
        fifty.map(
          async (n) => await client.submit(double, id, n, { onConflict: policies[n % 3]! }).then(() => "ok", codeOf),
        ),
      );

      expect([...new Set(outcomes)].filter((code) => code !== "ok" && code !== "INSTANCE_EXISTS")).toEqual([]);
      expect(Number(await client.result(id)) % 2).toBe(0);
    });
  });

  describe("into a worker of this process", () => {
    const watched = () => {
      const holders: (Holder | undefined)[] = [];
      const store = withChanges(backend, {
        createInstances: async (instances, holder) => {
          holders.push(holder);
          return await backend.createInstances(instances, holder);
        },
      });
      return { store, holders };
    };

    test("with room, is claimed from the start", async () => {
      const { store, holders } = watched();
      const forked = flow<number>("handed-fork")
        .fork([branch("a", (b) => b.then("a", (n: number) => n)), branch("b", (b) => b.then("b", (n: number) => n))])
        .join("join", ({ a, b }) => a + b)
        .build();
      // Gets nothing but what is handed to it.
      const fed = withChanges(store, { claimPositions: () => Promise.resolve([]) });
      const worker = startWorker(fed, { ...quick, flows: [double, forked], workerId: "local", concurrency: 20 });
      const own = new Client(fed);
      expect(await (await own.submit(double, fresh("handed"), 1)).result()).toBe(2);
      expect(await (await own.submit(forked, fresh("handed"), 1)).result()).toBe(2);

      expect(holders).toEqual([1, 2].map(() => ({ workerId: "local", leaseMs: 3_600_000 })));
      expect(worker.stats().claimed).toBe(3);
    });

    test("that is just looking for work, but has room for much more, is claimed from the start", async () => {
      const { store, holders } = watched();
      const [asked, answer] = [new Gate(), new Gate()];
      const looking = withChanges(store, {
        claimPositions: async () => {
          asked.open();
          await answer.passed;
          return [];
        },
      });
      startWorker(looking, { ...quick, flows: [double], workerId: "local", concurrency: 100 });
      await asked.passed;
      const handle = await new Client(looking).submit(double, fresh("handed"), 1);
      answer.open();

      expect(holders).toEqual([{ workerId: "local", leaseMs: 3_600_000 }]);
      expect(await handle.result()).toBe(2);
    });

    test("without room, is left ready, and taken when there is some", async () => {
      const [{ store, holders }, gate, probe] = [watched(), new Gate(), new Probe()];
      const gated = flow<number>("full-submit")
        .then("work", async (n) => await gate.passed.then(() => n))
        .build();
      startWorker(store, { ...quick, flows: [gated], concurrency: 1, observer: probe.observer });
      const own = new Client(store);
      const first = await own.submit(gated, fresh("full"), 1);
      await probe.first("task_started");
      const second = await own.submit(gated, fresh("full"), 2);
      expect(await holdersOf(backend, second.instanceId)).toEqual([null]);
      expect(holders.at(-1)).toBeUndefined();
      gate.open();

      expect(await Promise.all([first.result(), second.result()])).toEqual([1, 2]);
    });

    test("that can't run it, or is to start it later, is left ready", async () => {
      const { store, holders } = watched();
      startWorker(store, { ...quick, flows: [negate] });
      const own = new Client(store);
      const ready = await own.submit(double, fresh("other"), 1);
      const later = await own.submit(negate, fresh("later"), 1, { startAfter: "1h" });
      await severalRoundTrips(backend);

      expect(holders).toEqual([undefined, undefined]);
      for (const { instanceId } of [ready, later]) expect(await holdersOf(backend, instanceId)).toEqual([null]);
      await Promise.all([ready.cancel(), later.cancel()]);
    });

    test("that fails gives the slots back", async () => {
      let isDown = true;
      const store = withChanges(backend, {
        createInstances: async (instances, holder) => {
          if (isDown) throw new Error("the database is away");
          return await backend.createInstances(instances, holder);
        },
      });
      const worker = startWorker(store, { ...quick, flows: [double], concurrency: 2 });
      const own = new Client(store);
      for (const n of fifty) await expect(own.submit(double, fresh("down"), n)).rejects.toThrow("the database is away");
      isDown = false;
      expect(worker.stats().active).toBe(0);
      const handles = await Promise.all(fifty.map(async (n) => await own.submit(double, fresh("up"), n)));

      expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(fifty.map((n) => n * 2));
    });
  });

  describe("what can't be submitted", () => {
    const typed = flow("typed-submit", { input: z.object({ n: z.number() }) })
      .then("work", ({ n }) => n)
      .build();
    const rows: readonly (readonly [string, unknown, object])[] = [
      ["a function", () => 1, { code: "CODEC_ENCODE" }],
      ["a symbol deep inside", { a: [{ b: Symbol("x") }] }, { code: "CODEC_ENCODE", path: "$.a[0].b" }],
      ["too much", "x".repeat(3 * 1024 * 1024), { code: "PAYLOAD_TOO_LARGE" }],
      ["a promise", Promise.resolve(1), { code: "INVALID_ARGUMENT", field: "input" }],
    ];

    test.each(rows)("%s, leaves nothing behind", async (_, input, expected) => {
      const id = fresh("refused");
      await expect(client.submit(double, id, input as number)).rejects.toMatchObject(expected);
      await expect(client.submitMany(double, [{ instanceId: id, input: input as number }])).rejects.toMatchObject(
        expected,
      );
      expect(await backend.findInstance(id)).toBeNull();
    });

    test.each([
      ["onConflict", "replace"],
      ["onConflict", null],
      ["startAfter", -1],
      ["startAfter", "later"],
      ["startAfter", Number.NaN],
      ["priority", 0],
      ["priority", 6],
      ["priority", "1"],
      ["tags", "eu"],
      ["labels", []],
    ])("with %s %j, leaves nothing behind", async (option, value) => {
      const id = fresh("option");
      const options = { [option]: value } as object;
      await expect(client.submit(double, id, 1, options)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        field: `options.${option}`,
      });
      expect(await backend.findInstance(id)).toBeNull();
    });

    test.each([[42], [null], [""], [" x"], ["x\u0000"], ["x\ud800"], ["x".repeat(256)], [["x"]]])(
      "under the id %j",
      async (id) => {
        await expect(client.submit(double, id as string, 1)).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
          field: "instanceId",
        });
      },
    );

    test("because it does not fit the flow's schema, leaves nothing behind", async () => {
      const id = fresh("unfit");
      await expect(client.submit(typed, id, { n: "1" } as never)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
      expect(await backend.findInstance(id)).toBeNull();
    });
  });
});
