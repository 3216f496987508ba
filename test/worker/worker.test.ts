import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";
import { HeadCount, holdersOf, severalRoundTrips, soon, workerStarter } from "../support/workers.ts";

const startWorker = workerStarter();
const quick = { pollInterval: 10 };

function ids(name: string, count: number): string[] {
  return Array.from({ length: count }, () => fresh(name));
}

/** Work that takes long enough for others to come in between. */
async function someTime<T>(value: T): Promise<T> {
  await new Promise((resolve) => setTimeout(resolve, 15));
  return value;
}

const inner = flow<number>("inner")
  .then("square", (n) => n * n)
  .build();
const everything = flow<number>("everything")
  .then("start", (n) => n + 1)
  .fork([
    branch("left", (b) => b.then("l", (n: number) => n * 10, { retry: { attempts: 2, initialDelay: 1 } })),
    branch("right", (b) => b.delay("nap", 3).thenFlow(inner)),
  ])
  .join("sum", ({ left, right }) => left + right)
  .route("parity", (n: number) => (n % 2 === 0 ? "even" : "odd"), ["even", "odd"])
  .branch("even", (b) => b.then("halve", (n) => n / 2))
  .branch("odd")
  .done()
  .loop("up", (n: number) => (n >= 1_000 ? LoopResult.done(n) : LoopResult.again(n + 400)))
  .delay("rest", 2)
  .waitForEvent<string>("wait", "news")
  .then("end", async (news, context) => ({ news, up: await context.output("sum") }))
  .build();

describe.each(await bothBackends())("Worker on $name", ({ backend, open }) => {
  const client = new Client(backend);

  describe("runs what was submitted", () => {
    test("through every kind of node, each instance with its own values", async () => {
      startWorker(backend, { ...quick, flows: [everything], concurrency: 7 });
      const all = ids("everything", 25);
      const handles = await Promise.all(all.map(async (id, n) => await client.submit(everything, id, n)));
      await Promise.all(all.map(async (id, n) => await client.sendEvent(id, "news", `news ${n}`)));

      const results = await Promise.all(handles.map(async (handle) => await handle.result()));
      expect(results).toEqual(all.map((_, n) => ({ news: `news ${n}`, up: (n + 1) * 10 + (n + 1) ** 2 })));
      for (const id of all) {
        const history = await client.history(id);
        const recorded = history.map((item) => item.taskId);
        expect(new Set(recorded).size).toBe(recorded.length);
      }
    });

    test("before it was started", async () => {
      const early = flow<number>("early")
        .then("work", (n) => n + 1)
        .build();
      const handle = await client.submit(early, fresh("early"), 1);
      startWorker(backend, { ...quick, flows: [early] });

      expect(await handle.result()).toBe(2);
    });

    test("with several flows and several workers, each instance by one of them at a time", async () => {
      const ran: string[] = [];
      const flows = ["a", "b", "c"].map((name) =>
        flow<number>(`several-${name}`)
          .then("one", someTime)
          .then("two", (n, { instanceId }) => {
            ran.push(instanceId);
            return `${name}${n}`;
          })
          .build(),
      );
      for (const [index] of [1, 2, 3].entries()) {
        startWorker(backend, { ...quick, flows: flows.filter((_, it) => it !== index), concurrency: 3 });
      }
      const all = ids("several", 30);
      const handles = await Promise.all(all.map(async (id, n) => await client.submit(flows[n % 3]!, id, n)));

      const results = await Promise.all(handles.map(async (handle) => await handle.result()));
      expect(results).toEqual(all.map((_, n) => `${"abc".charAt(n % 3)}${n}`));
      expect(ran.toSorted()).toEqual(all.toSorted());
    });

    test("and records failures as they are, without harm to the others", async () => {
      const moody = flow<number>("moody")
        .then("work", (n) => {
          if (n % 3 === 0) throw Object.assign(new Error(`bad ${n}`), { code: "E_BAD" });
          return n;
        })
        .build();
      const worker = startWorker(backend, { ...quick, flows: [moody], concurrency: 4 });
      const all = ids("moody", 12);
      const handles = await Promise.all(all.map(async (id, n) => await client.submit(moody, id, n)));
      const results = await Promise.all(
        handles.map(async (handle) => await handle.result().catch((error: unknown) => error)),
      );

      for (const [n, result] of results.entries()) {
        if (n % 3 !== 0) expect(result).toBe(n);
        else expect(result).toMatchObject({ code: "INSTANCE_FAILED", cause: { message: `bad ${n}`, code: "E_BAD" } });
      }
      await expect.poll(() => worker.stats(), soon).toMatchObject({ completedTasks: 8, failedAttempts: 4, active: 0 });
    });
  });

  describe("keeps to its concurrency", () => {
    test("with linear instances, handed over and polled for", async () => {
      const count = new HeadCount();
      const linear = flow<number>("linear-heads")
        .then("one", (n) => count.during(() => someTime(n)))
        .then("two", (n) => count.during(() => someTime(n)))
        .build();
      const all = ids("linear", 40);
      const early = all.slice(0, 20).map(async (id, n) => await client.submit(linear, id, n));
      await Promise.all(early);
      startWorker(backend, { ...quick, flows: [linear], concurrency: 4 });
      const late = all.slice(20).map(async (id, n) => await client.submit(linear, id, n));
      const handles = await Promise.all([...early, ...late]);
      await Promise.all(handles.map(async (handle) => await handle.result()));

      expect(count.most).toBe(4);
    });

    test("with many forks that begin at the same time", async () => {
      const [count, gate, probe] = [new HeadCount(), new Gate(), new Probe()];
      const names = Array.from({ length: 8 }, (_, index) => `b${index}`);
      const wide = flow<number>("wide-heads")
        .then("start", async () => await gate.passed)
        .fork(names.map((name) => branch(name, (b) => b.then(name, () => count.during(() => someTime(1))))))
        .join("join", (outputs) => count.during(() => someTime(Object.keys(outputs).length)))
        .build();
      startWorker(backend, { ...quick, flows: [wide], concurrency: 12, observer: probe.observer });
      const handles = await Promise.all(ids("wide", 6).map(async (id, n) => await client.submit(wide, id, n)));
      await expect.poll(() => probe.of("task_started", "start").length, soon).toBe(6);
      gate.open();
      const results = await Promise.all(handles.map(async (handle) => await handle.result()));

      expect(results).toEqual(handles.map(() => names.length));
      expect(count.most).toBeLessThanOrEqual(12);
    });

    test("with an instance that is handed over while a claim is on its way", async () => {
      const [count, gate] = [new HeadCount(), new Gate()];
      const single = flow<number>("single-head")
        .then("work", async (n) => await count.during(() => gate.passed.then(() => n)))
        .build();
      const isAsked = new Gate();
      const late = withChanges(backend, {
        claimPositions: async (request) => {
          const claimed = await backend.claimPositions(request);
          if (claimed.length === 0) return claimed;
          isAsked.open();
          await severalRoundTrips(backend);
          return claimed;
        },
      });
      const first = await new Client(late).submit(single, fresh("first"), 1);
      startWorker(late, { ...quick, flows: [single], concurrency: 1 });
      await isAsked.passed;
      const second = await new Client(late).submit(single, fresh("second"), 2);
      await expect.poll(() => count.now, soon).toBeGreaterThan(0);
      await severalRoundTrips(backend);
      gate.open();

      expect(await Promise.all([first.result(), second.result()])).toEqual([1, 2]);
      expect(count.most).toBe(1);
    });
  });

  describe("leaves alone", () => {
    test("instances of definitions that it does not know, which others take", async () => {
      const known = flow<number>("known")
        .then("work", (n) => n)
        .build();
      const unknown = flow<number>("unknown")
        .then("work", (n) => -n)
        .build();
      startWorker(backend, { ...quick, flows: [known] });
      const strangers = await Promise.all(ids("unknown", 5).map(async (id) => await client.submit(unknown, id, 1)));
      const others = await Promise.all(ids("known", 5).map(async (id) => await client.submit(known, id, 1)));
      await Promise.all(others.map(async (handle) => await handle.result()));

      for (const handle of strangers) {
        const [position] = (await backend.findInstance(handle.instanceId))?.positions ?? [];
        expect(position).toMatchObject({ taskId: "work", attempt: 1, lost: 0, claim: null, ready: true });
      }
      startWorker(backend, { ...quick, flows: [unknown] });
      expect(await Promise.all(strangers.map(async (handle) => await handle.result()))).toEqual([-1, -1, -1, -1, -1]);
    });

    test("instances in a codec that it lacks, which others take", async () => {
      const spoken = flow<Date>("spoken")
        .then("work", (date) => new Date(date.getTime() + 1))
        .build();
      const rich = await open({ codec: new MsgpackCodec(), codecs: [new JsonCodec()] });
      const json = new JsonCodec();
      const poor = withChanges(rich, {
        codec: json,
        codecIds: [json.id],
        findCodec: (id) => (id === json.id ? json : null),
      });
      startWorker(poor, { ...quick, flows: [spoken] });
      const packed = await new Client(rich).submit(spoken, fresh("packed"), new Date(0));
      const plain = await new Client(poor).submit(spoken, fresh("plain"), new Date(0));
      expect(await plain.result()).toEqual(new Date(1));
      expect(await holdersOf(rich, packed.instanceId)).toEqual([null]);

      startWorker(rich, { ...quick, flows: [spoken] });
      expect(await packed.result()).toEqual(new Date(1));
    });

    test("tasks whose tags it lacks, which are run by the worker that has them, within one instance", async () => {
      const [some, all] = [new Probe(), new Probe()];
      const tagged = flow<number>("tagged")
        .then("plain", (n) => n + 1)
        .then("render", (n) => n * 10, { tags: ["gpu", "eu"] })
        .fork([
          branch("a", (b) => b.then("cpu", (n: number) => n, { tags: ["cpu"] })),
          branch("b", (b) => b.then("draw", (n: number) => n, { tags: ["gpu"] })),
        ])
        .join("end", ({ a, b }) => a + b)
        .build();
      const cpu = { ...quick, flows: [tagged], tags: ["cpu"], workerId: "has-cpu" };
      startWorker(backend, { ...cpu, observer: some.observer });
      const handles = await Promise.all(ids("tagged", 8).map(async (id, n) => await client.submit(tagged, id, n)));
      await expect.poll(() => some.of("task_completed", "plain").length, soon).toBe(8);
      await severalRoundTrips(backend);
      for (const handle of handles) {
        expect(await handle.status()).toMatchObject({ tasks: [{ taskId: "render", state: "ready", attempt: 1 }] });
      }
      const gpu = { ...quick, flows: [tagged], tags: ["eu", "gpu"], workerId: "has-gpu" };
      startWorker(backend, { ...gpu, observer: all.observer });

      const results = await Promise.all(handles.map(async (handle) => await handle.result()));
      expect(results).toEqual(handles.map((_, n) => (n + 1) * 20));
      const ranBy = (probe: Probe): Set<string> => new Set(probe.of("task_started").map(({ taskId }) => taskId));
      expect([...ranBy(some)].filter((task) => task === "render" || task === "draw")).toEqual([]);
      expect(ranBy(all)).not.toContain("cpu");
      expect(all.of("task_started", "render")).toHaveLength(8);
    });
  });

  test("starts urgent instances before others that have waited as long", async () => {
    const [gate, order] = [new Gate(), [] as number[]];
    const queued = flow<number>("queued")
      .then("work", async (n) => {
        if (n === 0) await gate.passed;
        else order.push(n);
      })
      .build();
    const worker = startWorker(backend, { ...quick, flows: [queued], concurrency: 1 });
    const blocking = await client.submit(queued, fresh("blocking"), 0);
    await expect.poll(() => worker.stats().active).toBe(1);
    const handles = [];
    for (const priority of [5, 3, 1, 4, 2])
      handles.push(await client.submit(queued, fresh("queued"), priority, { priority }));
    gate.open();
    await Promise.all([blocking, ...handles].map(async (handle) => await handle.result()));

    expect(order).toEqual([1, 2, 3, 4, 5]);
  });

  test("starts an instance that was submitted for later when its time has come, not before", async () => {
    const clock = new TestClock();
    const timed = await open({ clock });
    const order: string[] = [];
    const later = flow<string>("later-worker")
      .then("work", (name) => order.push(name))
      .build();
    startWorker(timed, { ...quick, flows: [later] });
    const other = new Client(timed);
    const handle = await other.submit(later, fresh("later"), "later", { startAfter: "1h" });
    await (await other.submit(later, fresh("now"), "now")).result();
    clock.advance(3_599_000);
    await (await other.submit(later, fresh("soon"), "soon")).result();
    await severalRoundTrips(timed);
    expect(order).toEqual(["now", "soon"]);
    expect(await holdersOf(timed, handle.instanceId)).toEqual([null]);
    clock.advance(1_000);

    await handle.result();
    expect(order).toEqual(["now", "soon", "later"]);
  });
});
