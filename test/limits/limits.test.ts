import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { limit } from "../../src/flow/limit.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

/** How many run at once, at most: of all, and of each key. */
class Watch {
  most = 0;
  readonly mostOf = new Map<string, number>();
  readonly #running = new Map<string, number>();

  async run(key: string, ms = 5): Promise<string> {
    const count = (this.#running.get(key) ?? 0) + 1;
    this.#running.set(key, count);
    this.mostOf.set(key, Math.max(count, this.mostOf.get(key) ?? 0));
    this.most = Math.max(
      this.most,
      [...this.#running.values()].reduce((sum, n) => sum + n, 0),
    );
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#running.set(key, (this.#running.get(key) ?? 0) - 1);
    return key;
  }
}

describe.each(await bothBackends())("on $name", ({ backend }) => {
  const start = workerStarter();
  const client = new Client(backend);
  const quick = { pollInterval: 20 };

  test("a task's limit holds for all workers, of all keys together and of each", async () => {
    const watch = new Watch();
    const three = limit(fresh("three"), { concurrency: 3, perKey: { concurrency: 1 } });
    const work = task("work", async (key: string) => await watch.run(key), { limit: three, limitKey: (key) => key });
    const limited = flow<string>(fresh("limited"))
      .then("before", (key) => key)
      .then(work)
      .then("after", (key) => key)
      .build();
    start(backend, { ...quick, flows: [limited] });
    start(backend, { ...quick, flows: [limited] });
    const keys = Array.from({ length: 40 }, (_, n) => `key-${n % 5}`);
    const handles = await Promise.all(keys.map(async (key) => await client.submit(limited, fresh("one"), key)));

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(keys);
    expect(watch.most).toBeLessThanOrEqual(3);
    expect([...watch.mostOf.values()]).toEqual([1, 1, 1, 1, 1]);
  });

  test("a flow's limit holds for instances that are retried or forked, too", async () => {
    const watch = new Watch();
    let isBroken = true;
    const one = limit(fresh("one"), { perKey: { concurrency: 1 } });
    const limited = flow<string>(fresh("again"), { limit: one, limitKey: (key) => key })
      .then("first", (key) => key)
      .then("work", async (key) => {
        if (isBroken) throw new TypeError("broken");
        return await watch.run(key, 20);
      })
      .build();
    start(backend, { ...quick, flows: [limited] });
    const ids = ["a", "b", "c"].map((name) => fresh(name));
    const handles = await Promise.all(ids.map(async (id) => await client.submit(limited, id, "acme")));
    await Promise.allSettled(handles.map(async (handle) => await handle.result()));
    isBroken = false;
    const retries = handles.map(async (handle) => await handle.retry());
    const forks = ids.map(async (id) => await client.fork(limited, id, fresh("fork"), { at: "work" }));
    await Promise.all(retries);
    const all = [...handles, ...(await Promise.all(forks))];

    expect(await Promise.all(all.map(async (handle) => await handle.result()))).toEqual(all.map(() => "acme"));
    expect(watch.mostOf.get("acme")).toBe(1);
    expect((await client.limits.get(one.name)).running).toBe(0);
  });

  test("a flow's limit holds from an instance's first step to its end", async () => {
    const running = new Set<string>();
    let most = 0;
    const two = limit(fresh("two"), { concurrency: 2 });
    const limited = flow<string>(fresh("whole"), { limit: two })
      .then("first", (id) => {
        running.add(id);
        most = Math.max(most, running.size);
        return id;
      })
      .delay("rest", 10)
      .fork([
        branch("a", (b) => b.then("a1", (id: string) => id)),
        branch("b", (b) => b.then("b1", (id: string) => id)),
      ])
      .join("last", ({ a }) => {
        running.delete(a);
        return a;
      })
      .build();
    start(backend, { ...quick, flows: [limited] });
    const ids = Array.from({ length: 12 }, () => fresh("whole"));
    const handles = await Promise.all(ids.map(async (id) => await client.submit(limited, id, id)));

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(ids);
    expect(most).toBe(2);
  });

  test("items of a map share a limit", async () => {
    const watch = new Watch();
    const two = limit(fresh("items"), { concurrency: 2 });
    const item = task("item", async (n: number) => Number(await watch.run(`${n}`)), { limit: two });
    const mapped = flow<number>(fresh("mapped"))
      .map("all", (n) => Array.from({ length: n }, (_, index) => index), item)
      .build();

    const report = await new Runner(backend, { pollInterval: 10 }).run(mapped, fresh("mapped"), 9, { until: "ended" });

    expect(report).toEqual({ status: "completed", output: [0, 1, 2, 3, 4, 5, 6, 7, 8] });
    expect(watch.most).toBeLessThanOrEqual(2);
  });

  test("a join's limit holds as that of a task does", async () => {
    const watch = new Watch();
    const one = limit(fresh("join"), { concurrency: 1 });
    const joined = flow<number>(fresh("joined"))
      .fork([branch("a", (b) => b.then("a1", (n: number) => n))])
      .join("join", async ({ a }) => await watch.run(`${a}`), { limit: one })
      .build();
    start(backend, { ...quick, flows: [joined] });
    const handles = await Promise.all([1, 2, 3, 4].map(async (n) => await client.submit(joined, fresh("joined"), n)));

    expect(await Promise.all(handles.map(async (handle) => await handle.result()))).toEqual(["1", "2", "3", "4"]);
    expect(watch.most).toBe(1);
    expect(await client.limits.get(one.name)).toMatchObject({ concurrency: 1 });
  });

  test("a limit of both the flow and its first task holds", async () => {
    const watch = new Watch();
    const [four, one] = [limit(fresh("four"), { concurrency: 4 }), limit(fresh("one"), { concurrency: 1 })];
    const both = flow<string>(fresh("both"), { limit: four })
      .then("work", async (key) => await watch.run(key), { limit: one })
      .build();
    start(backend, { ...quick, flows: [both] });
    const handles = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => await client.submit(both, fresh("both"), `${n}`)),
    );
    await Promise.all(handles.map(async (handle) => await handle.result()));

    expect(watch.most).toBe(1);
  });

  test("a key that can't be made fails the instance, and a submission whose flow needs it is refused", async () => {
    const keyed = limit(fresh("keyed"), { perKey: { concurrency: 1 } });
    const bad = { limit: keyed, limitKey: () => "" };
    const late = flow<string>(fresh("late"))
      .then("before", (text) => text)
      .then("work", (text) => text, bad)
      .build();
    const report = await new Runner(backend).run(late, fresh("late"), "x", { until: "ended" });
    expect(report).toMatchObject({ status: "failed", failure: { code: "LIMIT_KEY_INVALID" } });

    const first = flow<string>(fresh("first"), bad)
      .then("work", (text) => text)
      .build();
    const id = fresh("refused");
    await expect(client.submit(first, id, "x")).rejects.toMatchObject({ code: "LIMIT_KEY_INVALID" });
    expect(await backend.findInstance(id)).toBeNull();
  });

  test("a retry waits for the limit again, and spends no attempt by waiting", async () => {
    const one = limit(fresh("retry"), { concurrency: 1 });
    const attempts: number[] = [];
    const flaky = flow<number>(fresh("flaky"))
      .then(
        "work",
        (n, { attempt }) => {
          attempts.push(attempt);
          if (attempt < 3) throw new Error("not yet");
          return n;
        },
        { limit: one, retry: { attempts: 3, initialDelay: 5, jitter: 0 } },
      )
      .build();

    const report = await new Runner(backend, { pollInterval: 10 }).run(flaky, fresh("flaky"), 7, { until: "ended" });

    expect(report).toEqual({ status: "completed", output: 7 });
    expect(attempts).toEqual([1, 2, 3]);
  });
});
