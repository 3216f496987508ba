import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { BackendError } from "../../src/errors/backend-errors.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { expectNoneUnhandled } from "../support/unhandled.ts";
import { aborted } from "../support/workers.ts";

const retry = { attempts: 3, initialDelay: 0 };

expectNoneUnhandled();

async function later(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 30));
}

describe.each(await bothBackends())("a step inside a task on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test("is run once, however often its task is tried", async () => {
    const ran: string[] = [];
    const id = fresh("once");
    const saga = flow<number>("saga")
      .then(
        "order",
        async (cents, { step, attempt }) => {
          const paid = await step("charge", () => {
            ran.push(`charge ${attempt}`);
            return { cents, at: new Date(0) };
          });
          const shipped = await step("ship", async () => {
            ran.push(`ship ${attempt}`);
            if (attempt < 3) throw new Error("no lorry");
            return "shipped";
          });
          return { ...paid, shipped };
        },
        { retry },
      )
      .build();

    expect(await runner.run(saga, id, 5)).toEqual({
      status: "completed",
      output: { cents: 5, at: new Date(0), shipped: "shipped" },
    });
    expect(ran).toEqual(["charge 1", "ship 1", "ship 2", "ship 3"]);
    expect(
      (await client.history(id)).map(({ taskId, kind, attempt, outcome }) => [taskId, kind, attempt, outcome]),
    ).toEqual([
      ["order>charge", "step", 1, "completed"],
      ["order", "task", 1, "failed"],
      ["order", "task", 2, "failed"],
      ["order>ship", "step", 1, "completed"],
      ["order", "task", 3, "completed"],
    ]);
  });

  test("has a history entry with its output, and how long it took", async () => {
    const id = fresh("entry");
    const one = flow<null>("one-step")
      .then("work", async (_, { step }) => await step("inner", () => [1, 2]))
      .build();
    await runner.run(one, id, null);

    expect(await client.history(id)).toMatchObject([
      { taskId: "work>inner", kind: "step", output: [1, 2], durationMs: expect.any(Number) as unknown },
      { taskId: "work", output: [1, 2] },
    ]);
  });

  test("gives back what is recorded, not what was returned", async () => {
    const made = { cents: 5, also: undefined };
    const plain = flow<null>("plain")
      .then("work", async (_, { step }) => {
        const money = await step("money", () => made);
        return [money === made, money, await step("nothing", () => undefined)];
      })
      .build();

    expect(await runner.run(plain, fresh("plain"), null)).toEqual({
      status: "completed",
      output: [false, made, undefined],
    });
  });

  test("is run once behind a wait, too, whose end is on record before its position has moved on", async () => {
    const ran: string[] = [];
    const id = fresh("after-wait");
    const stop = new AbortController();
    const waiting = flow<null>("after-wait")
      .waitForEvent("wait", "go")
      .then("work", async (_, { step, signal }) => {
        await step("a", () => void ran.push("a"));
        return await step("b", async () => {
          ran.push("b");
          if (stop.signal.aborted) return "done";
          stop.abort();
          throw await aborted(signal);
        });
      })
      .build();
    await client.sendEvent(id, "go", 1);
    await runner.run(waiting, id, null, { signal: stop.signal });

    expect(await runner.resume(waiting, id)).toEqual({ status: "completed", output: "done" });
    expect(ran).toEqual(["a", "b", "b"]);
  });

  test("has an idempotency key of its own, the same in each attempt", async () => {
    const keys: string[] = [];
    const id = fresh("keys");
    const keyed = flow<null>("keyed-steps")
      .then(
        "work",
        async (_, { step, attempt, idempotencyKey }) => {
          keys.push(idempotencyKey);
          await step("a", (context) => {
            keys.push(context.idempotencyKey);
            if (attempt === 1) throw new Error("once more");
          });
        },
        { retry },
      )
      .build();
    await runner.run(keyed, id, null);

    expect(keys).toEqual([`${id}#work`, `${id}#work>a`, `${id}#work`, `${id}#work>a`]);
  });

  test("may run beside others, in branches, loops, joins and inlined flows", async () => {
    const id = fresh("everywhere");
    const inner = flow<number>("inner")
      .then("sum", async (n, { step }) =>
        (await Promise.all([1, 2, 3].map((i) => step(`add-${i}`, () => i)))).reduce((a, b) => a + b, n),
      )
      .build();
    const everywhere = flow<number>("everywhere-steps")
      .loop("again", async (n: number, { step, taskId }) => {
        const next = await step("next", () => n + 1);
        return taskId === "again[1]" ? LoopResult.done(next) : LoopResult.again(next);
      })
      .fork([
        branch("left", (b) => b.thenFlow("in", inner)),
        branch("right", (b) => b.then("r", (n, { step }) => step("left", () => n))),
      ])
      .join("both", ({ left, right }, { step }) => step("left", () => left + right))
      .build();

    expect(await runner.run(everywhere, id, 0)).toEqual({ status: "completed", output: 10 });
    const steps = (await client.history(id)).filter(({ kind }) => kind === "step").map(({ taskId }) => taskId);
    expect(steps.sort()).toEqual(
      ["again[0]>next", "again[1]>next", "both>left", "in/sum>add-1", "in/sum>add-2", "in/sum>add-3", "r>left"].sort(),
    );
  });

  test.each<[string, unknown, unknown, RegExp]>([
    ["without a name", "", () => 1, /step must not be empty/],
    ["with a name that is none", "a>b", () => 1, /step "a>b" may contain only/],
    ["with a number for a name", 5, () => 1, /step must be a string/],
    ["without a function", "a", "b", /body must be a function, not a string/],
    ["of a name that was used", "used", () => 2, /step "used" is there twice in one run of the task/],
    ["whose result can't be stored", "a", () => () => 1, /output of task "work>a"/],
  ])("%s is refused", async (_, name, body, message) => {
    const bad = flow<null>("bad-step")
      .then("work", async (_input, { step }) => {
        await step("used", () => 1);
        await step(name as string, body as () => number);
      })
      .build();

    expect(await runner.run(bad, fresh("bad"), null)).toMatchObject({
      status: "failed",
      failure: { message: expect.stringMatching(message) as unknown },
    });
  });

  test("does not run any more when its task has been told to stop", async () => {
    const id = fresh("late");
    let late: Promise<unknown> = Promise.resolve();
    const slow = flow<null>("slow-step")
      .then(
        "work",
        async (_, { step, signal }) => {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          late = step("late", () => "done");
          await late;
        },
        { timeout: 20 },
      )
      .build();

    expect(await runner.run(slow, id, null)).toMatchObject({ status: "failed", failure: { code: "TASK_TIMEOUT" } });
    await expect(late).rejects.toMatchObject({ code: "TASK_TIMEOUT" });
    expect((await client.history(id)).map(({ taskId }) => taskId)).toEqual(["work"]);
  });

  test.each<[string, (step: TaskContext["step"]) => unknown]>([
    ["at once", (step) => void step("slow", later)],
    [
      "after a while",
      async (step) => {
        void step("slow", async () => {
          await later();
          void step("follows", later);
        });
        await step("quick", () => 1);
      },
    ],
  ])("that nobody has awaited when its task returns (%s) is awaited, and recorded before the task", async (_, body) => {
    const id = fresh("unawaited");
    const hasty = flow<null>("hasty")
      .then("work", (_input, { step }) => body(step))
      .then("next", () => "done")
      .build();

    expect(await runner.run(hasty, id, null)).toEqual({ status: "completed", output: "done" });
    const ids = (await client.history(id)).map(({ taskId }) => taskId);
    expect(ids).toContain("work>slow");
    expect(ids.filter((taskId) => !taskId.includes(">"))).toEqual(["work", "next"]);
    expect(ids.indexOf("work")).toBe(ids.length - 2);
  });

  test.each<[string, (step: TaskContext["step"], fail: () => Promise<never>) => unknown]>([
    ["when its task returns", (step, fail) => void step("slow", fail)],
    [
      "long before its task returns",
      async (step, fail) => {
        void step("early", fail);
        await later();
        await later();
      },
    ],
  ])("that nobody awaits, and that fails %s, fails the attempt", async (_, body) => {
    const id = fresh("unheard");
    const fail = async (): Promise<never> => {
      await later();
      throw new Error("no lorry");
    };
    const careless = flow<null>("careless")
      .then("work", async (_input, { step }) => await body(step, fail), { retry: { attempts: 2, initialDelay: 0 } })
      .build();

    expect(await runner.run(careless, id, null)).toMatchObject({ status: "failed", failure: { message: "no lorry" } });
    expect((await client.history(id)).map(({ outcome }) => outcome)).toEqual(["failed", "failed"]);
  });

  test("whose failure its task has handled, or has not waited for, fails nothing", async () => {
    const fail = async (): Promise<never> => {
      await later();
      throw new Error("no lorry");
    };
    const calm = flow<null>("calm")
      .then("caught", async (_, { step }) => {
        const caught = step("a", fail).catch(() => "caught");
        return [await caught, await Promise.race([step("b", fail), step("c", () => "first")])];
      })
      .build();

    expect(await runner.run(calm, fresh("calm"), null)).toEqual({ status: "completed", output: ["caught", "first"] });
  });

  test("that outlasts its task's function is part of the task's time", async () => {
    const id = fresh("outlasting");
    const endless = flow<null>("endless")
      .then("work", (_, { step }) => void step("a", async ({ signal }) => await aborted(signal)), { timeout: 50 })
      .build();

    expect(await runner.run(endless, id, null)).toMatchObject({ status: "failed", failure: { code: "TASK_TIMEOUT" } });
  });

  test("and an output that nobody awaits, of a task that fails or is over, end no process", async () => {
    const own = Object.assign(new Error("the task's own"), { code: "OWN" });
    const failing = flow<null>("failing-step")
      .then("work", (_, { step, output, lastProgress }) => {
        void step("a", later);
        void output("nowhere");
        void lastProgress();
        setTimeout(() => void step("b", later), 10);
        throw own;
      })
      .build();

    expect(await runner.run(failing, fresh("failing"), null)).toMatchObject({ failure: { message: own.message } });
    await later();
  });

  test("whose record can't be written for now spends no attempt", async () => {
    const id = fresh("away");
    let isAway = true;
    const failing = new Proxy(backend, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (key !== "commitCheckpoints" || typeof value !== "function") {
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        }
        return async (checkpoints: readonly { readonly move: { readonly kind: string } }[], holder: unknown) => {
          if (isAway && checkpoints.some(({ move }) => move.kind === "note")) {
            isAway = false;
            throw new BackendError("BACKEND_UNAVAILABLE", { queryName: "checkpoint-note", problem: "away" });
          }
          return (await Reflect.apply(value, target, [checkpoints, holder])) as unknown;
        };
      },
    });
    const attempts: number[] = [];
    const patient = flow<null>("patient-step")
      .then("work", async (_, { step, attempt }) => {
        attempts.push(attempt);
        return await step("a", () => "done");
      })
      .build();
    const own = new Runner(failing, { pollInterval: 10, leaseTtl: 200 });
    await own.run(patient, id, null).catch(() => undefined);

    await expect
      .poll(async () => (await own.resume(patient, id, { until: "ended" }).catch(() => null))?.status, {
        timeout: 5_000,
      })
      .toBe("completed");
    expect(attempts).toEqual([1, 1]);
  });
});
