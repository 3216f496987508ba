import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { MsgpackCodec } from "../../src/codec/msgpack-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const waiting = flow<string>("waiting").waitForEvent("wait", "news").build();
const payloads: readonly (readonly [string, unknown])[] = [
  ["null", null],
  ["undefined", undefined],
  ["false", false],
  ["zero", 0],
  ["minus zero", -0],
  ["an empty text", ""],
  ["an empty object", {}],
  ["something that looks like a timeout", { timedOut: true }],
  ["bytes", new Uint8Array()],
];

describe.each(await bothBackends())("an event on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test("sent before its instance exists is found by it", async () => {
    const id = fresh("before-instance");

    expect(await client.sendEvent(id, "news", "early")).toBe("buffered");
    expect(await runner.run(waiting, id, "x")).toEqual({ status: "completed", output: "early" });
  });

  test("sent before the wait is reached is kept for it", async () => {
    const id = fresh("before-wait");
    const later = flow<null>("before-wait")
      .then("send", async (_, { instanceId }) => await client.sendEvent(instanceId, "news", "during a task"))
      .delay("rest", 5)
      .waitForEvent<string>("wait", "news")
      .build();

    expect(await runner.run(later, id, null, { until: "ended" })).toEqual({
      status: "completed",
      output: "during a task",
    });
  });

  test("sent while the instance waits is delivered, and the instance goes on when somebody runs it", async () => {
    const id = fresh("during");

    expect(await runner.run(waiting, id, "x")).toEqual({
      status: "awaiting_event",
      events: [{ taskId: "wait", name: "news", timeoutAt: null }],
    });
    expect(await client.sendEvent(id, "news", 42)).toBe("delivered");
    expect(await client.status(id)).toMatchObject({ status: "in_progress", tasks: [{ state: "ready" }] });
    expect(await runner.resume(waiting, id)).toEqual({ status: "completed", output: 42 });
  });

  test("sent while a runner stays with the waiting instance moves it on", async () => {
    const probe = new Probe();
    const id = fresh("staying");
    const run = new Runner(backend, { pollInterval: 10, observer: probe.observer }).run(waiting, id, "x", {
      until: "ended",
    });
    await probe.first("parked");
    await client.sendEvent(id, "news", "at last");

    expect(await run).toEqual({ status: "completed", output: "at last" });
  });

  test("of another name, or to another instance, is left alone", async () => {
    const id = fresh("other");
    await client.sendEvent(id, "News", "not this one");
    await client.sendEvent(`${id}x`, "news", "not for this one");

    expect(await runner.run(waiting, id, "x")).toMatchObject({ status: "awaiting_event" });
  });

  test.each(payloads)("hands on its payload as it is: %s", async (_, payload) => {
    const [before, during, continuing] = [fresh("before"), fresh("during"), fresh("continuing")];
    const timed = flow<string>("timed").waitForEvent("wait", "news", { timeout: "1h", onTimeout: "continue" }).build();
    await client.sendEvent(before, "news", payload);
    await runner.run(waiting, during, "x");
    await client.sendEvent(during, "news", payload);
    await client.sendEvent(continuing, "news", payload);

    expect(await runner.run(waiting, before, "x")).toStrictEqual({ status: "completed", output: payload });
    expect(await runner.resume(waiting, during)).toStrictEqual({ status: "completed", output: payload });
    expect(await runner.run(timed, continuing, "x")).toStrictEqual({
      status: "completed",
      output: { timedOut: false, payload },
    });
  });

  test("without a payload has undefined", async () => {
    const id = fresh("no-payload");
    await client.sendEvent(id, "news");

    expect(await runner.run(waiting, id, "x")).toStrictEqual({ status: "completed", output: undefined });
  });

  test("is taken by one wait only: two in a row get two events, in the order in which they were sent", async () => {
    const id = fresh("row");
    const row = flow<null>("row")
      .waitForEvent<number>("one", "n")
      .waitForEvent<number>("two", "n")
      .then("both", async (two, context) => [await context.output("one"), two])
      .build();
    await client.sendEvent(id, "n", 1);

    expect(await runner.run(row, id, null)).toMatchObject({ status: "awaiting_event", events: [{ taskId: "two" }] });
    await client.sendEvent(id, "n", 2);
    await client.sendEvent(id, "n", 3);
    expect(await runner.resume(row, id)).toEqual({ status: "completed", output: [1, 2] });
  });

  test("goes to the branch that has waited longest, each to one", async () => {
    const id = fresh("branches");
    const first = new Gate();
    const fair = flow<null>("branches")
      .fork([
        branch("late", (b) => b.then("hold", () => first.passed).waitForEvent<number>("w-late", "n")),
        branch("early", (b) => b.waitForEvent<number>("w-early", "n")),
      ])
      .join("both", ({ late, early }) => ({ late, early }))
      .build();
    const probe = new Probe();
    const observed = new Runner(backend, { pollInterval: 10, observer: probe.observer });
    const run = observed.run(fair, id, null);
    await probe.first("parked", "w-early");
    first.open();
    await run;

    expect([await client.sendEvent(id, "n", 1), await client.sendEvent(id, "n", 2)]).toEqual([
      "delivered",
      "delivered",
    ]);
    expect(await runner.resume(fair, id)).toEqual({ status: "completed", output: { early: 1, late: 2 } });
  });

  test("is not lost among hundreds, from several senders, each taken once", async () => {
    const id = fresh("many");
    const total = 60;
    let chain = flow<null>("many").then("start", (): number[] => []);
    for (let index = 0; index < total; index++) {
      chain = chain.waitForEvent<number>(`w${index}`, "n").then(`t${index}`, async (n, context) => {
        const before = (await context.output(index === 0 ? "start" : `t${index - 1}`)) as number[];
        return [...before, n];
      });
    }
    const many = chain.build();
    const run = runner.run(many, id, null, { until: "ended" });
    await Promise.all(
      [0, 1, 2].map(async (sender) => {
        for (let n = sender; n < total; n += 3) await client.sendEvent(id, "n", n);
      }),
    );

    const report = await run;
    const output = report.status === "completed" ? report.output : [];
    expect([...output].sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, n) => n));
    for (const sender of [0, 1, 2]) {
      const own = output.filter((n) => n % 3 === sender);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  test("with the dedup key of one that was sent before is dropped, however often", async () => {
    const id = fresh("dedup");
    const options = { dedupKey: "click-1" };
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, async (_, n) => await client.sendEvent(id, "news", n, options)),
    );

    expect(outcomes.toSorted()).toEqual(["buffered", "duplicate", "duplicate", "duplicate", "duplicate"]);
    expect(await client.sendEvent(id, "other", 1, options)).toBe("duplicate");
    expect(await client.sendEvent(id, "news", "second", { dedupKey: "click-2" })).toBe("buffered");
    expect(await runner.run(waiting, id, "x")).toEqual({ status: "completed", output: outcomes.indexOf("buffered") });
  });

  test("to an instance that has ended is refused", async () => {
    const [completed, failed, cancelled] = [fresh("done"), fresh("failed"), fresh("cancelled")];
    const failing = flow<null>("failing")
      .then("fail", () => {
        throw new Error("no");
      })
      .build();
    await client.sendEvent(completed, "news", 1);
    await runner.run(waiting, completed, "x");
    await runner.run(failing, failed, null);
    await runner.run(waiting, cancelled, "x");
    await client.cancel(cancelled);

    for (const [id, from] of [
      [completed, "completed"],
      [failed, "failed"],
      [cancelled, "cancelled"],
    ] as const) {
      await expect(client.sendEvent(id, "news", 2)).rejects.toMatchObject({ code: "INVALID_TRANSITION", from });
    }
  });

  test("that can't be stored, or is too large, is refused and not sent", async () => {
    const id = fresh("unstorable");
    const small = await open({ maxPayloadBytes: 100 });

    await expect(client.sendEvent(id, "news", { at: [() => 1] })).rejects.toMatchObject({
      code: "CODEC_ENCODE",
      path: "$.at[0]",
    });
    await expect(new Client(small).sendEvent(id, "news", "x".repeat(200))).rejects.toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      limitBytes: 100,
    });
    expect(await backend.peekEvent(id, "news")).toBeNull();
  });

  test("that came before its instance in another codec is turned into the instance's", async () => {
    const id = fresh("codecs");
    const codec = new MsgpackCodec();
    // One store, two default codecs: that of the sender, and later that of whoever starts the instance.
    const both = await open({ codec, codecs: [backend.codec] });
    await both.sendEvent(id, "news", codec.encode({ n: 1n }));
    const starter = new Runner(withChanges(both, { codec: backend.codec }), { pollInterval: 10 });

    expect(await starter.run(waiting, id, "x")).toEqual({ status: "completed", output: { n: 1n } });
    expect((await new Client(both).history(id))[0]).toMatchObject({ taskId: "wait", output: { n: 1n }, problem: null });
  });

  describe("that does not come in time", () => {
    const failing = flow<string>("timeout-fails").waitForEvent("wait", "news", { timeout: "1m" }).build();
    const continuing = flow<string>("timeout-continues")
      .waitForEvent<string>("wait", "news", { timeout: "1m", onTimeout: "continue" })
      .then("next", (answer) => (answer.timedOut ? "late" : answer.payload))
      .build();
    const timed = async () => {
      const clock = new TestClock();
      const store = await open({ clock });
      return { clock, client: new Client(store), runner: new Runner(store, { pollInterval: 10 }) };
    };

    test("fails the instance, by the store's clock and not before", async () => {
      const world = await timed();
      const id = fresh("late");
      const timeoutAt = new Date(world.clock.now() + 60_000);

      const parked = { status: "awaiting_event", events: [{ taskId: "wait", name: "news", timeoutAt }] };
      expect(await world.runner.run(failing, id, "x")).toEqual(parked);
      world.clock.advance(59_999);
      expect(await world.runner.resume(failing, id)).toEqual(parked);
      world.clock.advance(1);
      expect(await world.runner.resume(failing, id)).toMatchObject({
        status: "failed",
        failure: { name: "EventTimeoutError", code: "EVENT_TIMEOUT", taskId: "wait" },
      });
    });

    test("is told from every payload, where the flow goes on", async () => {
      const world = await timed();
      const id = fresh("late");
      await world.runner.run(continuing, id, "x");
      world.clock.advance(60_000);

      expect(await world.runner.resume(continuing, id)).toEqual({ status: "completed", output: "late" });
      expect((await world.client.history(id))[0]).toMatchObject({
        taskId: "wait",
        kind: "wait",
        outcome: "timed_out",
        output: undefined,
      });
    });

    test("is told at the end of a branch, and as the flow's output", async () => {
      const world = await timed();
      const [branchId, lastId] = [fresh("late-branch"), fresh("late-last")];
      const wait = { timeout: "1m", onTimeout: "continue" } as const;
      const branched = flow<string>("late-branch")
        .fork([branch("b", (b) => b.waitForEvent<string, "wait">("wait", "news", wait))])
        .join("join", ({ b }) => b)
        .build();
      const last = flow<string>("late-last").waitForEvent<string>("wait", "news", wait).delay("rest", 0).build();
      await world.runner.run(branched, branchId, "x");
      await world.runner.run(last, lastId, "x");
      world.clock.advance(60_000);

      const expected = { status: "completed", output: { timedOut: true } };
      expect(await world.runner.resume(branched, branchId)).toEqual(expected);
      expect(await world.runner.resume(last, lastId)).toEqual(expected);
    });

    test("but before anybody noticed that its time is over, still counts", async () => {
      const world = await timed();
      const id = fresh("just-in-time");
      await world.runner.run(continuing, id, "x");
      world.clock.advance(120_000);

      expect(await world.client.sendEvent(id, "news", "after all")).toBe("delivered");
      expect(await world.runner.resume(continuing, id)).toEqual({ status: "completed", output: "after all" });
    });
  });
});
