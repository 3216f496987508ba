import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const isNumber = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) => (typeof value === "number" ? { value } : { issues: [{ message: "is no number" }] }),
  },
} as const;

describe.each(await bothBackends())("an instance that continues as new on $name", ({ backend, database }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  /** Runs so often, and then ends. */
  const counting = (keys: string[] = []) =>
    flow<{ left: number }>("counting")
      .then("look", (input, { idempotencyKey }) => {
        keys.push(idempotencyKey);
        return input;
      })
      .route("way", ({ left }) => (left > 0 ? "on" : "stop"), ["on", "stop"])
      .branch("on", (b) => b.continueAsNew("again", ({ left }) => ({ left: left - 1 })))
      .branch("stop", (b) => b.then("end", ({ left }) => `${left} left`))
      .done()
      .build();

  test("begins with its next input, and a history of its own", async () => {
    const keys: string[] = [];
    const id = fresh("counting");
    expect(await runner.run(counting(keys), id, { left: 2 }, { labels: { kind: "endless" }, tags: ["t"] })).toEqual({
      status: "completed",
      output: "0 left",
    });

    expect(keys).toEqual([`${id}#look`, `${id}#look@2`, `${id}#look@3`]);
    const history = await client.history(id);
    expect(history.map(({ taskId, attempt }) => [taskId, attempt])).toEqual([
      ["$continue", 2],
      ["look", 1],
      ["way", 1],
      ["end", 1],
    ]);
    const { instances } = await client.list({ idPrefix: id });
    expect(instances).toMatchObject([{ run: 3, labels: { kind: "endless" }, tags: ["t"] }]);
  });

  test("has as much in its tables after two thousand runs as after two", { timeout: 180_000 }, async () => {
    const id = fresh("memory");
    expect(await runner.run(counting(), id, { left: 2_000 })).toMatchObject({ status: "completed" });
    expect(await client.history(id, { limit: 1_000 })).toHaveLength(4);
    if (database === null) return;
    const count = async (table: string) =>
      (await database.pool.query(`SELECT count(*)::int AS n FROM waymark.${table} WHERE instance_id = $1`, [id]))
        .rows[0].n;
    expect([await count("checkpoints"), await count("positions"), await count("instances")]).toEqual([4, 0, 1]);
  });

  test("has children of its own in each run", async () => {
    const double = flow<number>("double")
      .then("twice", (n) => n * 2)
      .build();
    const doubling = (instanceId?: (n: number) => string) =>
      flow<number>("doubling")
        .spawn("child", double, instanceId === undefined ? {} : { instanceId })
        .route("way", (n) => (n < 10 ? "on" : "stop"), ["on", "stop"])
        .branch("on", (b) => b.continueAsNew("again", (n) => n))
        .branch("stop")
        .done()
        .build();
    const id = fresh("doubling");
    expect(await runner.run(doubling(), id, 2)).toEqual({ status: "completed", output: 16 });
    const { instances } = await client.list({ parent: id });
    expect(instances.map(({ instanceId, parent }) => [instanceId, parent?.run])).toEqual([
      [`${id}/child`, 1],
      [`${id}/child@2`, 2],
      [`${id}/child@3`, 3],
    ]);

    const sameId = fresh("same-child");
    expect(
      await runner.run(
        doubling(() => `${sameId}-child`),
        sameId,
        2,
      ),
    ).toMatchObject({
      status: "failed",
      failure: { code: "INSTANCE_EXISTS", taskId: "child" },
    });
  });

  test("goes on with the events that were sent in an earlier run, each taken once, in order", async () => {
    const adding = flow<number[]>("adding")
      .waitForEvent<number, "next">("next", "amount")
      .then("add", (amount) => amount)
      .route("way", (amount) => (amount < 0 ? "stop" : "on"), ["on", "stop"])
      .branch("on", (b) => b.then("sum", (n) => n).continueAsNew("again", (n) => [n]))
      .branch("stop")
      .done()
      .build();
    const id = fresh("adding");
    const seen: unknown[] = [];
    await client.sendEvent(id, "amount", 1, { dedupKey: "one" });
    for (const n of [2, 3]) await client.sendEvent(id, "amount", n);
    const report = await runner.run(adding, id, []);
    expect(report).toMatchObject({ status: "awaiting_event" });
    expect(await client.sendEvent(id, "amount", 1, { dedupKey: "one" })).toBe("duplicate");
    seen.push((await backend.findInstance(id))?.instance.run);
    await client.sendEvent(id, "amount", -1);
    expect(await runner.resume(adding, id)).toEqual({ status: "completed", output: -1 });
    expect(seen).toEqual([4]);
  });

  test("may begin with a fork, a delay or a wait", async () => {
    const forked = flow<number>("forked")
      .fork([branch("a", (b) => b.then("a", (n) => n + 1)), branch("b", (b) => b.delay("rest", 1).then("b", (n) => n))])
      .join("sum", ({ a, b }) => a + b)
      .route("way", (n) => (n > 50 ? "stop" : "on"), ["on", "stop"])
      .branch("on", (b) => b.continueAsNew("again", (n) => n))
      .branch("stop")
      .done()
      .build();
    expect(await runner.run(forked, fresh("forked"), 1, { until: "ended" })).toEqual({
      status: "completed",
      output: 63,
    });
    const delayed = flow<number>("delayed")
      .delay("rest", 1)
      .route("way", (n) => (n > 3 ? "stop" : "on"), ["on", "stop"])
      .branch("on", (b) => b.continueAsNew("again", (n) => n + 1))
      .branch("stop")
      .done()
      .build();
    expect(await runner.run(delayed, fresh("delayed"), 1, { until: "ended" })).toEqual({
      status: "completed",
      output: 4,
    });
  });

  test("stops where a request was pending: paused at the start of the next run, or cancelled there", async () => {
    const make = (request: "pause" | "cancel") =>
      flow<number>(`asked-${request}`)
        .then("ask", async (n, { instanceId }) => {
          if (n === 1) await client[request](instanceId);
          return n;
        })
        .route("way", (n) => (n > 2 ? "stop" : "on"), ["on", "stop"])
        .branch("on", (b) => b.continueAsNew("again", (n) => n + 1))
        .branch("stop")
        .done()
        .build();
    const [paused, cancelled] = [fresh("paused"), fresh("cancelled")];
    expect(await runner.run(make("pause"), paused, 1)).toMatchObject({ status: "paused" });
    await client.unpause(paused);
    expect(await runner.resume(make("pause"), paused)).toEqual({ status: "completed", output: 3 });
    expect(await runner.run(make("cancel"), cancelled, 1)).toMatchObject({ status: "cancelled" });
  });

  test("is asked to stop while the next input is worked out", async () => {
    const f = flow<number>("asked-late")
      .then("start", (n) => n)
      .continueAsNew("again", async (n, { instanceId }) => {
        if (n === 1) await client.pause(instanceId);
        if (n === 2) await client.cancel(instanceId);
        return n + 1;
      })
      .build();
    const id = fresh("asked-late");
    expect(await runner.run(f, id, 1)).toMatchObject({ status: "paused" });
    const state = await backend.findInstance(id);
    expect(state?.instance.run).toBe(2);
    expect(state?.positions).toMatchObject([{ path: "", taskId: "start", attempt: 1, inputRef: null, claim: null }]);
    await client.unpause(id);
    expect(await runner.resume(f, id)).toMatchObject({ status: "cancelled" });
    expect((await client.history(id)).map(({ taskId, attempt }) => [taskId, attempt])).toEqual([
      ["$continue", 2],
      ["$cancel", 1],
    ]);
  });

  test("has its next input checked as the first one, and tried again as the policy says", async () => {
    const typed = flow("typed", { input: isNumber })
      .then("look", (n) => n)
      .continueAsNew("again", () => JSON.parse('"two"'))
      .build();
    expect(await runner.run(typed, fresh("typed"), 1)).toMatchObject({
      status: "failed",
      failure: { code: "VALIDATION_FAILED", taskId: "again" },
    });
    const flaky = flow<number>("flaky")
      .route("way", (n) => (n > 1 ? "stop" : "on"), ["on", "stop"])
      .branch("on", (b) =>
        b.continueAsNew(
          "again",
          (n, { attempt }) => {
            if (attempt < 3) throw new Error("not yet");
            return n + 1;
          },
          { retry: { attempts: 3, initialDelay: 0 } },
        ),
      )
      .branch("stop")
      .done()
      .build();
    expect(await runner.run(flaky, fresh("flaky"), 1)).toEqual({ status: "completed", output: 2 });
  });

  test("is looked back at, and forked, from the run that it is in", async () => {
    const [id, other] = [fresh("past"), fresh("past")];
    const f = counting();
    await runner.run(f, id, { left: 3 });
    const history = await client.history(id);
    const look = history.find(({ taskId }) => taskId === "look");
    const past = await client.stateAt(f, id, look?.sequence ?? 0n);
    expect(past.positions).toMatchObject([{ taskId: "way" }]);
    expect(past.outputs).toEqual(new Map([["look", { left: 0 }]]));
    expect((await client.stateAt(f, id, 0n)).positions).toMatchObject([{ taskId: "look" }]);
    await client.fork(f, id, other, { at: "look", input: { left: 1 } });
    expect(await runner.resume(f, other)).toMatchObject({ status: "completed", output: "0 left" });
  });

  test("is undone as far as its last run goes", async () => {
    const undone: string[] = [];
    const f = flow<number>("undone")
      .then("book", (n) => n, { undo: (n) => void undone.push(`run ${n}`) })
      .route("way", (n) => (n > 2 ? "stop" : "on"), ["on", "stop"])
      .branch("on", (b) => b.continueAsNew("again", (n) => n + 1))
      .branch("stop", (b) =>
        b.then("fail", (): number => {
          throw new Error("no");
        }),
      )
      .done()
      .build();
    expect(await runner.run(f, fresh("undone"), 1)).toMatchObject({ status: "failed", failure: { message: "no" } });
    expect(undone).toEqual(["run 3"]);
  });

  test("begins its next run with the output that is recorded by hand for its last function", async () => {
    const f = flow("by-hand", { input: isNumber })
      .waitForEvent("wait", "go")
      .continueAsNew("again", (): number => {
        throw new Error("broken");
      })
      .build();
    const id = fresh("by-hand");
    await runner.run(f, id, 1);
    for (const next of [2, 3]) {
      await client.sendEvent(id, "go", null);
      expect(await runner.resume(f, id)).toMatchObject({ status: "failed" });
      await client.retry(id, { paused: true });
      await client.completeTask(id, "again", next);
      expect((await client.stateAt(f, id, 1_000_000_000n)).positions).toMatchObject([{ taskId: "again" }]);
      await client.unpause(id);
      expect(await runner.resume(f, id)).toMatchObject({ status: "awaiting_event" });
      const state = await backend.findInstance(id);
      expect([state?.instance.run, state?.instance.input]).toEqual([next, new TextEncoder().encode(`${next}`)]);
    }
    expect((await client.history(id)).map(({ taskId }) => taskId)).toEqual(["$continue"]);

    await client.sendEvent(id, "go", null);
    await runner.resume(f, id);
    await client.retry(id, { paused: true });
    await client.completeTask(id, "again", "four");
    await client.unpause(id);
    expect(await runner.resume(f, id)).toMatchObject({
      status: "failed",
      failure: { code: "VALIDATION_FAILED", taskId: "again" },
    });
  });

  test("begins with what is recorded by hand while its last function runs, not with what that gives", async () => {
    const f = flow<number>("meanwhile")
      .then("look", (n) => n)
      .waitForEvent("wait", "go")
      .then("number", () => 8)
      .continueAsNew("again", async (n, { instanceId }) => {
        await client.completeTask(instanceId, "again", 7);
        return n;
      })
      .build();
    const id = fresh("meanwhile");
    await runner.run(f, id, 1);
    await client.sendEvent(id, "go", null);
    expect(await runner.resume(f, id)).toMatchObject({ status: "awaiting_event" });
    expect(await client.history(id)).toMatchObject([{ taskId: "$continue" }, { taskId: "look", output: 7 }]);
  });
});
