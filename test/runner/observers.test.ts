import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const kinds = await bothBackends();
let unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => {
  unhandled.push(reason);
};

beforeEach(() => {
  unhandled = [];
  process.on("unhandledRejection", onUnhandled);
});

afterEach(() => {
  process.off("unhandledRejection", onUnhandled);
});

const course = flow<number>("course")
  .then(
    "flaky",
    (n, { attempt }) => {
      if (attempt === 1) throw new TypeError("not yet");
      return n;
    },
    { retry: { attempts: 2, initialDelay: 5, jitter: 0 } },
  )
  .fork([branch("a", (b) => b.then("in-a", (n: number) => n + 1))])
  .join("join", ({ a }) => a)
  .delay("rest", 5)
  .waitForEvent<number>("wait", "news", { timeout: "1h" })
  .then("last", (n) => n)
  .build();

describe.each(kinds)("an observer on $name", ({ backend }) => {
  const client = new Client(backend);

  test("is told what happened, in order, with what was thrown", async () => {
    const [id, probe] = [fresh("told"), new Probe()];
    const runner = new Runner(backend, { pollInterval: 10, workerId: "w", observer: probe.observer });
    const run = runner.run(course, id, 1, { until: "ended" });
    await probe.first("parked", "wait");
    await client.sendEvent(id, "news", 5);

    expect(await run).toEqual({ status: "completed", output: 5 });
    const at = (taskId: string, attempt = 1) => ({ instanceId: id, taskId, attempt });
    const started = (taskId: string, attempt = 1) => ({ kind: "task_started", workerId: "w", ...at(taskId, attempt) });
    const completed = (taskId: string, attempt = 1) => ({
      kind: "task_completed",
      durationMs: expect.any(Number) as unknown,
      ...at(taskId, attempt),
    });
    expect(probe.events).toEqual([
      started("flaky"),
      { kind: "task_failed", error: expect.any(TypeError) as unknown, retryAfterMs: 5, ...at("flaky") },
      { kind: "parked", event: null, wakeAfterMs: 5, ...at("flaky", 2) },
      started("flaky", 2),
      completed("flaky", 2),
      started("in-a"),
      completed("in-a"),
      started("join"),
      completed("join"),
      { kind: "parked", event: null, wakeAfterMs: 5, ...at("rest") },
      completed("rest"),
      { kind: "parked", event: "news", wakeAfterMs: 3_600_000, ...at("wait") },
      { kind: "event_received", event: "news", ...at("wait") },
      started("last"),
      completed("last"),
      { kind: "instance_ended", instanceId: id, status: "completed" },
    ]);
  });

  test("is told of an event once, whether it was sent before the wait, at its beginning or during it", async () => {
    const [before, during] = [fresh("before"), fresh("during")];
    const waiting = flow<null>("waiting").waitForEvent("first", "a").waitForEvent("second", "b").build();
    const probe = new Probe();
    const runner = new Runner(backend, { pollInterval: 10, observer: probe.observer });
    for (const name of ["a", "b"]) await client.sendEvent(before, name);
    await runner.run(waiting, before, null);
    await runner.run(waiting, during, null);
    for (const name of ["a", "b"]) {
      await client.sendEvent(during, name);
      await runner.resume(waiting, during);
    }

    expect(probe.of("event_received").map(({ instanceId, taskId, event }) => [instanceId, taskId, event])).toEqual(
      [before, during].flatMap((id) => [
        [id, "first", "a"],
        [id, "second", "b"],
      ]),
    );
    expect(probe.of("parked").map(({ instanceId, taskId, event }) => [instanceId, taskId, event])).toEqual([
      [during, "first", "a"],
      [during, "second", "b"],
    ]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("the exporter is broken");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("the exporter is broken");
      },
    ],
  ])("that %s at every event harms nothing", async (_, observer) => {
    const id = fresh("broken");
    await client.sendEvent(id, "news", 5);
    const runner = new Runner(backend, { pollInterval: 10, observer });

    expect(await runner.run(course, id, 1, { until: "ended" })).toEqual({ status: "completed", output: 5 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });

  test("that controls the instance it is told of may do so", async () => {
    const id = fresh("cancels");
    const runner = new Runner(backend, {
      leaseTtl: 150,
      pollInterval: 10,
      observer: (event) => {
        if (event.kind === "task_completed" && event.taskId === "join") void client.cancel(id);
      },
    });

    expect(await runner.run(course, id, 1, { until: "ended" })).toEqual({ status: "cancelled", reason: null });
  });
});

describe.each(kinds)("a logger on $name", ({ backend }) => {
  const broken = (): never => {
    throw new Error("the disk is full");
  };

  test("that throws harms neither bodies that log nor the renewing of leases", async () => {
    const [id, gate] = [fresh("broken"), new Gate()];
    let renewals = 0;
    const flaky = withChanges(backend, {
      renewClaims: async (claims, leaseMs) => {
        renewals++;
        if (renewals === 3) gate.open();
        if (renewals === 1)
          throw new BackendError("BACKEND_UNAVAILABLE", { queryName: "test", problem: "No connection" });
        return await backend.renewClaims(claims, leaseMs);
      },
    });
    const logging = flow<null>("logging")
      .then("log", async (_, { logger }) => {
        logger.info({ n: 1 }, "before");
        await gate.passed;
        return "logged";
      })
      .build();
    const logger = { debug: broken, info: broken, warn: broken, error: broken, child: broken };

    expect(await new Runner(flaky, { leaseTtl: 300, pollInterval: 10, logger }).run(logging, id, null)).toEqual({
      status: "completed",
      output: "logged",
    });
    expect(unhandled).toEqual([]);
  });
});
