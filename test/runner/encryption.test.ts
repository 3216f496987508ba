import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import type { KeyProvider } from "../../src/codec/key-ring.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

/** A service that gives keys, and fails when it is told to. */
class KeyService implements KeyProvider {
  calls = 0;
  failsAt: (call: number) => boolean = () => false;
  readonly #keys = new Map([
    ["k1", new Uint8Array(32).fill(1)],
    ["k2", new Uint8Array(32).fill(2)],
  ]);
  currentId = "k1";

  async current(): Promise<{ id: string; key: Uint8Array }> {
    this.#answer();
    return { id: this.currentId, key: this.#keys.get(this.currentId)! };
  }

  async find(id: string): Promise<Uint8Array | null> {
    this.#answer();
    return this.#keys.get(id) ?? null;
  }

  forget(id: string): void {
    this.#keys.delete(id);
  }

  restore(id: string, fill: number): void {
    this.#keys.set(id, new Uint8Array(32).fill(fill));
  }

  #answer(): void {
    if (this.failsAt(++this.calls)) throw new Error("503 Service Unavailable");
  }
}

const secret = "the-secret";
const everything = flow<string>("everything")
  .then("first", (text) => `${text} 1`)
  .fork([
    branch("a", (b) => b.then("in-a", (text: string) => `${text} a`).delay("rest", 0)),
    branch("b", (b) => b.waitForEvent<string>("in-b", "news")),
  ])
  .join("join", ({ a, b }) => `${a}, ${b}`)
  .loop("loop", (text: string) => (text.endsWith("!!") ? LoopResult.done(text) : LoopResult.again(`${text}!`)))
  .then(
    "last",
    async (text, context) => {
      if (context.attempt === 1) throw new Error(`${text} is too much`);
      return `${text} after ${await context.output("first")}`;
    },
    { retry: { attempts: 2, initialDelay: 0 } },
  )
  .build();
const output = `${secret} 1 a, ${secret} event!! after ${secret} 1`;

describe.each(await bothBackends())("an encrypted instance on $name", ({ open, database }) => {
  const world = async () => {
    const keys = new KeyService();
    const clock = new TestClock();
    const backend = await open({ codec: encrypted(new JsonCodec(), { keys }), clock });
    const warnings: unknown[] = [];
    const warn = (fields: object) => void warnings.push(fields);
    const silent = (): void => undefined;
    const logger = { debug: silent, info: silent, warn, error: silent };
    const runner = new Runner(backend, { leaseTtl: "1h", pollInterval: 10, logger });
    return { keys, clock, backend, warnings, runner, client: new Client(backend) };
  };
  /** Lets the store's time pass quickly until something has come of a promise. */
  const hurrying = async <T>(clock: TestClock, promise: Promise<T>): Promise<T> => {
    const timer = setInterval(() => clock.advance(1_000), 2);
    return await promise.finally(() => clearInterval(timer));
  };

  test("takes its course, and nothing of it is stored in the clear", async () => {
    const { backend, client, runner } = await world();
    const id = fresh("whole");
    await client.sendEvent(id, "news", `${secret} event`);

    expect(await runner.run(everything, id, secret)).toEqual({ status: "completed", output });
    const { instance } = (await backend.findInstance(id))!;
    const entries = await backend.readHistory(id);
    const stored = [instance.input, instance.output, ...entries.flatMap((entry) => [entry.output, entry.failure])];
    expect(stored.filter((bytes) => bytes !== null).length).toBeGreaterThan(8);
    for (const bytes of stored) expect(Buffer.from(bytes ?? []).includes(secret)).toBe(false);
    expect((await client.history(id)).filter((item) => item.problem !== null)).toEqual([]);
    expect((await client.history(id)).find((item) => item.outcome === "failed")?.failure?.message).toContain(secret);
  });

  test("waits while the key service is down, spends no attempt, and says so in the log", async () => {
    const { keys, clock, client, runner, warnings } = await world();
    const id = fresh("down");
    const two = flow<string>("down")
      .then("a", (text) => {
        keys.failsAt = () => keys.calls < 30;
        return text;
      })
      .then("b", (text, { attempt }) => `${text} ${attempt}`)
      .build();

    const report = await hurrying(clock, runner.run(two, id, secret));

    expect(report).toEqual({ status: "completed", output: `${secret} 1` });
    expect((await client.history(id)).map((item) => [item.taskId, item.attempt, item.outcome])).toEqual([
      ["a", 1, "completed"],
      ["b", 1, "completed"],
    ]);
    expect(warnings.length).toBeGreaterThan(0);
    expect(warnings[0]).toMatchObject({ instanceId: id, taskId: "a", error: { code: "KEY_UNAVAILABLE" } });
  });

  test("comes to the same end whichever call of the key service fails", async () => {
    const { keys, clock, client, runner } = await world();
    const course = async (id: string): Promise<unknown> => {
      for (;;) {
        try {
          if ((await client.history(id).catch(() => [])).length === 0)
            await client.sendEvent(id, "news", `${secret} event`, { dedupKey: "1" });
          return await runner.run(everything, id, secret, { onConflict: "useExisting", until: "ended" });
        } catch (error) {
          expect(error).toMatchObject({ code: "KEY_UNAVAILABLE" });
        }
      }
    };
    await course(fresh("clean"));
    const calls = keys.calls;
    expect(calls).toBeGreaterThan(20);

    for (let failing = 1; failing <= calls; failing++) {
      const id = fresh("failing");
      keys.calls = 0;
      keys.failsAt = (call) => call === failing;
      expect(await hurrying(clock, course(id))).toEqual({ status: "completed", output });
      keys.failsAt = () => false;
      const history = await client.history(id);
      expect(history.map((item) => `${item.taskId} ${item.attempt} ${item.outcome}`).toSorted()).toEqual(
        ["first", "in-a", "rest", "in-b", "join/a", "join", "loop[0]", "loop[1]", "loop[2]"]
          .map((taskId) => `${taskId} 1 completed`)
          .concat("last 1 failed", "last 2 completed")
          .toSorted(),
      );
    }
  });

  test("goes on with its old key when another has become the current one", async () => {
    const { keys, client, runner } = await world();
    const id = fresh("rotated");
    const two = flow<string>("rotated")
      .then("a", (text) => text)
      .waitForEvent("pause", "go")
      .then("b", async (_, context) => await context.output("a"))
      .build();
    await runner.run(two, id, secret);
    keys.currentId = "k2";
    await client.sendEvent(id, "go");

    expect(await runner.resume(two, id)).toEqual({ status: "completed", output: secret });
  });

  test("waits for a key that is not there (any more), and goes on when it is", async () => {
    const { keys, clock, client, runner, warnings } = await world();
    const id = fresh("missing");
    const two = flow<string>("missing")
      .then("a", (text) => text)
      .waitForEvent("pause", "go")
      .then("b", async (_, context) => await context.output("a"))
      .build();
    await runner.run(two, id, secret);
    await client.sendEvent(id, "go");
    keys.currentId = "k2";
    keys.forget("k1");
    const run = hurrying(clock, runner.resume(two, id, { until: "ended" }));
    await expect.poll(() => warnings.length).toBeGreaterThan(2);
    keys.restore("k1", 1);

    expect(await run).toEqual({ status: "completed", output: secret });
  });

  test("fails where another key has the name of its own", async () => {
    const { keys, client, runner } = await world();
    const id = fresh("wrong-key");
    const two = flow<string>("wrong-key").waitForEvent<string>("wait", "go").build();
    await runner.run(two, id, secret);
    await client.sendEvent(id, "go", secret);
    keys.restore("k1", 9);

    expect(await runner.resume(two, id)).toMatchObject({ status: "failed", failure: { code: "CODEC_DECODE" } });
  });

  test("fails where its rows are those of another instance or task, and no other instance does", async () => {
    const { backend, client, runner } = await world();
    const [source, target, other] = [fresh("source"), fresh("target"), fresh("other")];
    const two = flow<string>("swapped")
      .then("a", (text) => text)
      .then("b", (text) => text)
      .waitForEvent("pause", "go")
      .build();
    await runner.run(two, source, secret);
    const [a, b] = await backend.readHistory(source);
    for (const id of [target, other]) await runner.run(two, id, "other", { signal: AbortSignal.abort() });
    await backend.saveTaskResult(target, "a", a!.output!);
    await backend.saveTaskResult(other, "a", b!.output!);

    for (const id of [target, other]) {
      expect(await runner.resume(two, id)).toMatchObject({
        status: "failed",
        failure: { code: "CODEC_DECODE", taskId: "a" },
      });
    }
    expect(await client.status(source)).toMatchObject({ status: "awaiting_event" });
  });

  if (database !== null) {
    test("fails where somebody has swapped its outputs in the database", async () => {
      const { client, runner } = await world();
      const id = fresh("swapped-rows");
      const three = flow<string>("swapped-rows")
        .then("a", () => "a")
        .then("b", () => "b")
        .waitForEvent("pause", "go")
        .then("c", async (_, context) => [await context.output("a"), await context.output("b")])
        .build();
      await runner.run(three, id, secret);
      await client.sendEvent(id, "go");
      await database.pool.query(
        `UPDATE waymark.checkpoints AS c SET output = o.output FROM waymark.checkpoints AS o
         WHERE c.instance_id = $1 AND o.instance_id = $1 AND c.task_id IN ('a', 'b') AND o.task_id IN ('a', 'b') AND c.task_id <> o.task_id`,
        [id],
      );

      expect(await runner.resume(three, id)).toMatchObject({
        status: "failed",
        failure: { code: "CODEC_DECODE", taskId: "c" },
      });
    });
  }
});
