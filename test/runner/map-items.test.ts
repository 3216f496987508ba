import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { MAX_ITEMS } from "../../src/flow/validate.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { Probe } from "../support/probe.ts";

const double = task("double", (n: number) => n * 2);
/** Keys from a service, so that encoding takes a while. */
const keys = {
  current: async () => ({ id: "k", key: new Uint8Array(32).fill(7) }),
  find: async () => new Uint8Array(32).fill(7),
};
const again = { retry: { attempts: 3, initialDelay: 0 } };

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index);
}

describe.each(await bothBackends())("the list of a map on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test.each<[string, unknown, RegExp]>([
    ["an object", { length: 2 }, /^The list of map "items" must be an array, not an object/],
    ["undefined", undefined, /must be an array, not undefined/],
    ["a text", "ab", /must be an array, not a string/],
    ["a set", new Set([1]), /must be an array, not /],
    ["bytes", new Uint8Array(3), /must be an array, not /],
    ["too long", Array.from({ length: MAX_ITEMS + 1 }, () => 0), /has 100001 items; the limit is 100000/],
  ])("that is %s is a failure of the task that makes it", async (_, list, message) => {
    const id = fresh("no-list");
    const f = flow<null>("no-list")
      .map("items", () => list as number[], double, again)
      .build();
    expect(await runner.run(f, id, null, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { code: "INVALID_ARGUMENT", taskId: "items~list", message: expect.stringMatching(message) },
    });
    // No other attempt would mend it.
    expect((await client.history(id)).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([[1, "failed"]]);
  });

  test("that holds what can't be stored is a failure that names the item; nothing of it is stored", async () => {
    const id = fresh("unstorable");
    const f = flow<null>("unstorable")
      .map("items", () => [1, () => 2] as number[], double, again)
      .build();
    expect(await runner.run(f, id, null, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { code: "CODEC_ENCODE", taskId: "items~list", message: expect.stringContaining('"items[1]~item"') },
    });
    expect((await client.history(id)).map(({ taskId, outcome }) => [taskId, outcome])).toEqual([
      ["items~list", "failed"],
    ]);
  });

  test("that rejects is tried again; what counts is the list of the attempt that was recorded", async () => {
    const id = fresh("rejects");
    const f = flow<null>("rejects")
      .map(
        "items",
        async (_, { attempt }) => {
          if (attempt < 3) throw new Error("not yet");
          return upTo(attempt);
        },
        double,
        again,
      )
      .build();
    expect(await runner.run(f, id, null, { until: "ended" })).toEqual({ status: "completed", output: [0, 2, 4] });
  });

  test("is taken as it was when it was returned, whatever becomes of it while it is stored", async () => {
    const store = await open({ codec: encrypted(new JsonCodec(), { keys }) });
    const list = [1, 2, 3];
    const f = flow<null>("mutated")
      .map(
        "items",
        () => {
          queueMicrotask(() => list.push(4, 5));
          return list;
        },
        double,
      )
      .build();
    expect(await new Runner(store, { pollInterval: 10 }).run(f, fresh("mutated"), null, { until: "ended" })).toEqual({
      status: "completed",
      output: [2, 4, 6],
    });
  });

  test("may have holes, which are undefined", async () => {
    const holes: (number | undefined)[] = [1];
    holes[2] = 3;
    const say = task("say", (n: number | undefined) => n ?? "hole");
    const f = flow<null>("holes")
      .map("items", () => holes, say)
      .build();
    expect(await runner.run(f, fresh("holes"), null, { until: "ended" })).toMatchObject({ output: [1, "hole", 3] });
  });

  test("that is empty goes on at once, also into what forks", async () => {
    const f = flow<null>("empty")
      .map("items", () => [], double)
      .fork([branch("a", (b) => b.then("a", (all) => all.length)), branch("b", (b) => b.map("more", double))])
      .join("both", ({ a, b }) => [a, b])
      .build();
    expect(await runner.run(f, fresh("empty"), null, { until: "ended" })).toMatchObject({ output: [0, []] });
  });
});

describe.each(await bothBackends())("items on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test("that sleep until they are tried again are under way: with concurrency 1 no other begins", async () => {
    const order: string[] = [];
    const flaky = task(
      "flaky",
      (n: number, { attempt }) => {
        order.push(`${n}.${attempt}`);
        if (attempt < 3 && n !== 1) throw new Error("not yet");
        return n;
      },
      { retry: { attempts: 3, initialDelay: 5 } },
    );
    const f = flow<number>("one-by-one").map("items", upTo, flaky, { concurrency: 1 }).build();
    expect(await runner.run(f, fresh("one-by-one"), 3, { until: "ended" })).toMatchObject({ output: [0, 1, 2] });
    expect(order).toEqual(["0.1", "0.2", "0.3", "1.1", "2.1", "2.2", "2.3"]);
  });

  test("all begin though the limit was taken away while some were under way", async () => {
    const gate = new Gate();
    const probe = new Probe();
    const slow = task("slow", async (n: number) => {
      await gate.passed;
      return n * 2;
    });
    const limited = flow<number>("limit").map("items", upTo, slow, { concurrency: 2 }).build();
    const unlimited = flow<number>("limit").map("items", upTo, slow).build();
    expect(unlimited.hash).toBe(limited.hash);
    const id = fresh("limit");
    const stopping = new AbortController();
    const observed = new Runner(backend, { pollInterval: 10, leaseTtl: 200, observer: probe.observer });
    const first = observed.run(limited, id, 5, { signal: stopping.signal }).catch(() => null);
    await probe.first("task_started");
    stopping.abort();
    gate.open();
    await first;

    expect(await runner.resume(unlimited, id, { until: "ended" })).toMatchObject({ output: [0, 2, 4, 6, 8] });
  });

  test("record the steps of their tasks under their own ids", async () => {
    const calls: string[] = [];
    const stepping = task(
      "work",
      async (n: number, { step, attempt, taskId }) => {
        const one = await step("one", () => {
          calls.push(`${taskId} one`);
          return n + 1;
        });
        if (attempt === 1) throw new Error("again");
        return one;
      },
      { retry: { attempts: 2, initialDelay: 0 } },
    );
    const id = fresh("steps");
    const f = flow<number>("steps").map("items", upTo, stepping, { concurrency: 2 }).build();
    expect(await runner.run(f, id, 3, { until: "ended" })).toMatchObject({ output: [1, 2, 3] });
    expect(calls.sort()).toEqual(["items[0]/work one", "items[1]/work one", "items[2]/work one"]);
    expect((await client.history(id)).map(({ taskId }) => taskId)).toContain("items[1]/work>one");
  });

  test("find outputs in their own scope first, then around it", async () => {
    const inner = flow<number>("inner")
      .then("mine", (n) => n * 10)
      .then("tell", async (_, { output }) => [
        await output("mine"),
        await output("start"),
        await output("items[0]/mine"),
      ])
      .build();
    const f = flow<number>("scopes")
      .then("start", (n) => n)
      .map("items", upTo, inner, { concurrency: 1 })
      .then("end", async (_, { output }) => [await output("items"), await output("items[1]/mine")])
      .build();
    expect(await runner.run(f, fresh("scopes"), 2, { until: "ended" })).toMatchObject({
      output: [
        [
          [0, 2, 0],
          [10, 2, 0],
        ],
        10,
      ],
    });
  });

  test("do not find outputs of what has not run, or of other items by their bare ids", async () => {
    const inner = flow<number>("inner")
      .then("first", async (_, { output }) => {
        const asked = ["later", "items", "items[1]/later", "items~list~", "nowhere"];
        const codes = asked.map(
          async (id) =>
            await output(id).then(
              () => "found",
              (error: unknown) => (error as { code: string }).code,
            ),
        );
        return await Promise.all(codes);
      })
      .then("later", (codes) => codes)
      .build();
    const f = flow<number>("blind").map("items", upTo, inner, { concurrency: 1 }).build();
    const none = Array.from({ length: 5 }, () => "INVALID_ARGUMENT");
    expect(await runner.run(f, fresh("blind"), 1, { until: "ended" })).toMatchObject({ output: [none] });
  });

  test("are told of to observers, each under its own id", async () => {
    const probe = new Probe();
    const observed = new Runner(backend, { pollInterval: 10, observer: probe.observer });
    const id = fresh("observed");
    const check = task("check", (n: number) => {
      if (n === 1) throw new Error("odd");
      return n;
    });
    const f = flow<number>("observed").map("items", upTo, check, { concurrency: 1, onFailure: "collect" }).build();
    await observed.run(f, id, 3, { until: "ended" });

    expect(probe.of("task_started").map(({ taskId }) => taskId)).toEqual([
      "items~list",
      "items[0]/check",
      "items[1]/check",
      "items[2]/check",
      "items",
    ]);
    expect(probe.of("task_failed").map(({ taskId, retryAfterMs }) => [taskId, retryAfterMs])).toEqual([
      ["items[1]/check", null],
    ]);
    expect(probe.of("task_completed").map(({ taskId }) => taskId)).toEqual([
      "items~list",
      "items[0]/check",
      "items[2]/check",
      "items",
    ]);
    expect(probe.of("instance_ended")).toMatchObject([{ status: "completed" }]);
  });

  test("run with a codec that binds what it encrypts to where it stands", async () => {
    const store = await open({ codec: encrypted(new JsonCodec(), { keys }) });
    const inner = flow<number>("inner")
      .fork([branch("a", double), branch("b", (b) => b.delay("rest", 1))], { mode: "settled" })
      .join("both", ({ a, b }) => (a.ok ? a.value : 0) + (b.ok ? b.value : 0))
      .build();
    const f = flow<number>("secret")
      .map("items", upTo, inner, { concurrency: 2 })
      .map("again", double, { onFailure: "collect" })
      .race("first", [branch("x", (b) => b.then("count", (all) => all.length)), branch("y", (b) => b.delay("h", "1h"))])
      .then("won", (first) => first.branch)
      .loop("rounds", flow<"x" | "y">("round").delay("d", 1).build(), { until: () => true })
      .build();
    expect(await new Runner(store, { pollInterval: 10 }).run(f, fresh("secret"), 3, { until: "ended" })).toEqual({
      status: "completed",
      output: "x",
    });
  });
});
