import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { TaskTimeoutError } from "../../src/errors/task-errors.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";

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

/** After the microtasks and the checks for unhandled rejections of what has happened so far. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe.each(kinds)("a task with a timeout, on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test("that takes longer fails, and its signal aborts with the reason", async () => {
    const id = fresh("slow");
    let reason: unknown;
    const slow = flow<null>("slow")
      .then(
        "sleep",
        async (_, { signal }) =>
          await new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => {
              reason = signal.reason;
              reject(new Error("stopped by the signal"));
            });
          }),
        { timeout: 20 },
      )
      .build();

    const report = await runner.run(slow, id, null);

    expect(report).toMatchObject({
      status: "failed",
      failure: { name: "TaskTimeoutError", code: "TASK_TIMEOUT", taskId: "sleep", retryable: true },
    });
    expect(reason).toBeInstanceOf(TaskTimeoutError);
    expect(reason).toMatchObject({ taskId: "sleep", timeoutMs: 20 });
    expect(await client.history(id)).toHaveLength(1);
  });

  test("that ends in time is not disturbed, and hears afterwards that nobody waits for it", async () => {
    let signal: AbortSignal | undefined;
    let abortedMeanwhile: boolean | undefined;
    const quick = flow<null>("quick")
      .then(
        "work",
        async (_, context) => {
          ({ signal } = context);
          await nextTurn();
          abortedMeanwhile = signal.aborted;
          return "done";
        },
        { timeout: "1h" },
      )
      .build();

    expect(await runner.run(quick, fresh("quick"), null)).toEqual({ status: "completed", output: "done" });
    expect(abortedMeanwhile).toBe(false);
    expect(signal?.aborted).toBe(true);
  });

  test("is tried again while its late first attempt still runs; the late result is dropped", async () => {
    const id = fresh("late-result");
    const late = new Gate();
    const lateEnded = new Gate();
    const flaky = flow<null>("late-result")
      .then(
        "work",
        async (_, { attempt }) => {
          if (attempt > 1) return "second";
          await late.passed;
          lateEnded.open();
          return "first, too late";
        },
        { timeout: 20, retry: { attempts: 2, initialDelay: 0 } },
      )
      .then("next", async (value) => {
        late.open();
        await lateEnded.passed;
        await nextTurn();
        return value;
      })
      .build();

    expect(await runner.run(flaky, id, null)).toEqual({ status: "completed", output: "second" });
    const history = await client.history(id);
    expect(history.map(({ taskId, attempt, outcome, output }) => [taskId, attempt, outcome, output])).toEqual([
      ["work", 1, "failed", undefined],
      ["work", 2, "completed", "second"],
      ["next", 1, "completed", "second"],
    ]);
  });

  test("whose late attempt rejects after all causes no unhandled rejection", async () => {
    const late = new Gate();
    const rejecting = flow<null>("late-rejection")
      .then(
        "work",
        async () => {
          await late.passed;
          throw new Error("nobody listens any more");
        },
        { timeout: 20 },
      )
      .build();

    expect(await runner.run(rejecting, fresh("late-rejection"), null)).toMatchObject({
      failure: { code: "TASK_TIMEOUT" },
    });
    late.open();
    await nextTurn();
    expect(unhandled).toEqual([]);
  });

  test("counts from the start of each attempt", async () => {
    const id = fresh("each");
    const each = flow<null>("each")
      .then("work", () => new Promise(() => undefined), { timeout: 15, retry: { attempts: 3, initialDelay: 0 } })
      .build();

    expect(await runner.run(each, id, null)).toMatchObject({ status: "failed", failure: { code: "TASK_TIMEOUT" } });
    const history = await client.history(id);
    expect(history.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, "failed"],
      [2, "failed"],
      [3, "failed"],
    ]);
    for (const { durationMs } of history) expect(durationMs).toBeGreaterThanOrEqual(14);
  });

  test("longer than Node's timers can count does not fire at once", async () => {
    const patient = flow<null>("patient")
      .then("work", () => nextTurn().then(() => "done"), { timeout: "60d" })
      .build();

    expect(await runner.run(patient, fresh("patient"), null)).toEqual({ status: "completed", output: "done" });
  });
});
