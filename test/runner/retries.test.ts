import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { NonRetryableError, RetryAfterError } from "../../src/errors/task-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const atOnce = { attempts: 3, initialDelay: 0 };

function failing(times: number): (attempt: number) => string {
  return (attempt) => {
    if (attempt <= times) throw new Error(`attempt ${attempt} failed`);
    return `attempt ${attempt}`;
  };
}

describe.each(await bothBackends())("a failing task on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test("is tried again with the next attempt number, and each attempt is recorded", async () => {
    const body = failing(2);
    const flaky = flow<null>("flaky")
      .then("flaky", (_, { attempt }) => body(attempt), { retry: atOnce })
      .build();
    const id = fresh("flaky");

    expect(await runner.run(flaky, id, null)).toEqual({ status: "completed", output: "attempt 3" });
    const history = await client.history(id);
    expect(history.map(({ attempt, outcome, failure }) => [attempt, outcome, failure?.message])).toEqual([
      [1, "failed", "attempt 1 failed"],
      [2, "failed", "attempt 2 failed"],
      [3, "completed", undefined],
    ]);
  });

  test("is not tried again unless its flow says so", async () => {
    const id = fresh("once");
    const once = flow<null>("once")
      .then("once", (_, { attempt }) => failing(1)(attempt))
      .build();

    expect(await runner.run(once, id, null)).toMatchObject({ status: "failed" });
    expect(await client.history(id)).toHaveLength(1);
  });

  test("fails its instance when the attempts are used up, with the last error and where it was thrown", async () => {
    const id = fresh("exhausted");
    const exhausted = flow<null>("exhausted")
      .then(
        "charge",
        (_, { attempt }) => {
          throw Object.assign(new RangeError(`no. ${attempt}`, { cause: new Error("below") }), { code: "E_CARD" });
        },
        { retry: atOnce },
      )
      .then("never", () => "reached")
      .build();

    const report = await runner.run(exhausted, id, null);

    expect(report).toMatchObject({
      status: "failed",
      failure: { name: "RangeError", message: "no. 3", code: "E_CARD", taskId: "charge", retryable: true },
    });
    await expect(client.result(id)).rejects.toMatchObject({
      code: "INSTANCE_FAILED",
      instanceId: id,
      failure: { message: "no. 3" },
      cause: { name: "RangeError", message: "no. 3", code: "E_CARD", cause: { message: "below" } },
    });
    expect((await client.history(id)).map((item) => item.taskId)).toEqual(["charge", "charge", "charge"]);
    expect((await backend.findInstance(id))?.positions).toEqual([]);
  });

  test("waits between attempts by the store's clock, longer each time, and is never early", async () => {
    const clock = new TestClock();
    const timed = await open({ clock });
    const probe = new Probe();
    const patient = new Runner(timed, { pollInterval: 10, observer: probe.observer });
    const body = failing(2);
    const slow = flow<null>("slow")
      .then("slow", (_, { attempt }) => body(attempt), { retry: { attempts: 3, initialDelay: 1_000, jitter: 0 } })
      .build();
    const id = fresh("slow");
    const run = patient.run(slow, id, null);
    const claim = { workerId: "eager", leaseMs: 60_000, limit: 1, lanes: [], instanceId: id };

    for (const [index, delayMs] of [1_000, 2_000].entries()) {
      await expect.poll(() => probe.of("task_failed").length).toBe(index + 1);
      expect(probe.of("task_failed")[index]).toMatchObject({ attempt: index + 1, retryAfterMs: delayMs });
      expect(await new Client(timed).status(id)).toEqual({
        status: "in_progress",
        tasks: [
          {
            taskId: "slow",
            attempt: index + 2,
            state: "retrying",
            workerId: null,
            retryAt: new Date(clock.now() + delayMs),
          },
        ],
      });
      clock.advance(delayMs - 1);
      expect(await timed.claimPositions(claim)).toEqual([]);
      clock.advance(1);
    }

    expect(await run).toEqual({ status: "completed", output: "attempt 3" });
  });

  test("is not tried again once that would be too late after the first attempt, by the store's clock", async () => {
    const clock = new TestClock();
    const timed = await open({ clock });
    const probe = new Probe();
    const patient = new Runner(timed, { pollInterval: 10, observer: probe.observer });
    const retry = { attempts: 9, initialDelay: 1_000, jitter: 0, maxElapsed: 5_000 };
    const limited = flow<null>("limited")
      .then("limited", (_, { attempt }) => failing(8)(attempt), { retry })
      .build();
    const run = patient.run(limited, fresh("limited"), null);

    await expect.poll(() => probe.of("task_failed").length).toBe(1);
    // 1 s and 2 s fit; the third wait, of 4 s, would end 7 s after the beginning.
    clock.advance(1_000);
    await expect.poll(() => probe.of("task_failed").length).toBe(2);
    clock.advance(2_000);

    expect(await run).toMatchObject({ status: "failed", failure: { message: "attempt 3 failed" } });
    expect(probe.of("task_failed").map((event) => event.retryAfterMs)).toEqual([1_000, 2_000, null]);
  });

  test("is tried again as its policy says of the error", async () => {
    const errors = [new RangeError("first"), new TypeError("second"), new TypeError("third")];
    const asked: unknown[] = [];
    const picky = flow<null>("picky")
      .then(
        "picky",
        (_, { attempt }) => {
          throw errors[attempt - 1] ?? new Error("one too many");
        },
        {
          retry: {
            attempts: 9,
            initialDelay: "1h",
            rules: [{ for: Error, initialDelay: 0 }],
            retryIf: (error, attempt) => {
              asked.push([error, attempt]);
              return (error as Error).message !== "third";
            },
          },
        },
      )
      .build();

    expect(await runner.run(picky, fresh("picky"), null)).toMatchObject({ failure: { message: "third" } });
    expect(asked).toEqual(errors.map((error, index) => [error, index + 1]));
  });

  test("is given up at once when it throws NonRetryableError", async () => {
    const id = fresh("hopeless");
    const hopeless = flow<null>("hopeless")
      .then(
        "try",
        () => {
          throw new NonRetryableError("the card is stolen");
        },
        { retry: atOnce },
      )
      .build();

    expect(await runner.run(hopeless, id, null)).toMatchObject({
      status: "failed",
      failure: { name: "NonRetryableError", code: "NON_RETRYABLE", message: "the card is stolen", retryable: false },
    });
    expect(await client.history(id)).toHaveLength(1);
  });

  test("is tried again when RetryAfterError says, which spends an attempt", async () => {
    const probe = new Probe();
    const id = fresh("later");
    const later = flow<null>("later")
      .then(
        "try",
        (_, { attempt }) => {
          throw new RetryAfterError("busy", attempt === 1 ? 7 : 0);
        },
        { retry: { attempts: 3, initialDelay: "1h" } },
      )
      .build();

    const report = await new Runner(backend, { pollInterval: 10, observer: probe.observer }).run(later, id, null);

    expect(report).toMatchObject({ status: "failed", failure: { name: "RetryAfterError", message: "busy" } });
    expect(probe.of("task_failed").map((event) => event.retryAfterMs)).toEqual([7, 0, null]);
  });

  test("counts the attempts of each loop iteration, branch, join and route by themselves", async () => {
    const seen: string[] = [];
    const note = (taskId: string, attempt: number, failures: number): void => {
      seen.push(`${taskId} ${attempt}`);
      if (attempt <= failures) throw new Error("not yet");
    };
    const retry = { retry: atOnce };
    const everywhere = flow<number>("everywhere")
      .route(
        "route",
        (_, { taskId, attempt }) => {
          note(taskId, attempt, 1);
          return "on";
        },
        ["on"],
        retry,
      )
      .branch("on")
      .done()
      .fork([
        branch("b", (b) =>
          b.loop(
            "loop",
            (n: number, { taskId, attempt }) => {
              note(taskId, attempt, 1);
              return n < 2 ? LoopResult.again(n + 1) : LoopResult.done(n);
            },
            retry,
          ),
        ),
      ])
      .join(
        "join",
        ({ b }, { taskId, attempt }) => {
          note(taskId, attempt, 2);
          return b;
        },
        retry,
      )
      .build();

    expect(await runner.run(everywhere, fresh("everywhere"), 1)).toEqual({ status: "completed", output: 2 });
    expect(seen).toEqual(
      ["route 1", "route 2", "loop[0] 1", "loop[0] 2", "loop[1] 1", "loop[1] 2"].concat("join 1", "join 2", "join 3"),
    );
  });

  test("in one branch fails the instance, and the bodies of other branches are told", async () => {
    const probe = new Probe();
    const id = fresh("one-fails");
    const reasons: unknown[] = [];
    const together = flow<null>("one-fails")
      .fork([
        branch("bad", (b) =>
          b.then("bad", async () => {
            await probe.first("task_started", "good");
            throw new Error("no good");
          }),
        ),
        branch("good", (b) =>
          b.then("good", async (_, { signal }) => {
            await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
            reasons.push(signal.reason);
            return "too late";
          }),
        ),
      ])
      .join("never", () => "joined")
      .build();

    const report = await new Runner(backend, { leaseTtl: 200, pollInterval: 10, observer: probe.observer }).run(
      together,
      id,
      null,
    );

    expect(report).toMatchObject({ status: "failed", failure: { message: "no good", taskId: "bad" } });
    expect(reasons).toEqual([expect.objectContaining({ code: "CLAIM_LOST" })]);
    expect((await client.history(id)).map((item) => item.taskId)).toEqual(["bad"]);
  });
});
