import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const start = workerStarter();

describe.each(await bothBackends())("on $name, a cancel that asks for undoing", ({ backend }) => {
  const client = new Client(backend);
  const runner = new Runner(backend, { pollInterval: 20 });
  const ended = { until: "ended" } as const;
  const undo = { undo: true, reason: "changed my mind" } as const;
  const linesOf = async (id: string): Promise<string[]> =>
    (await client.history(id)).map(({ taskId, attempt, outcome }) => `${taskId}#${attempt} ${outcome}`);

  function undoable(id: string, log: string[]) {
    return task(id, (n: number) => n + 1, { undo: (_, { taskId }) => void log.push(taskId) });
  }

  /** Booked and charged, and sleeping for long. */
  function sleepy(log: string[], onFailure?: () => void): Flow<number> {
    return flow<number>("sleepy", onFailure === undefined ? {} : { onFailure })
      .then(undoable("book", log))
      .then(undoable("charge", log))
      .delay("rest", "1h")
      .then(undoable("never", log))
      .build();
  }

  test("undoes what was done, the last first, and ends as cancelled, with its reason; the failure handler is not run", async () => {
    const log: string[] = [];
    const f = sleepy(log, () => void log.push("handler"));
    const id = fresh("sleepy");
    await runner.run(f, id, 1);

    expect(await client.cancel(id, undo)).toBe("requested");
    expect(await client.status(id)).toMatchObject({
      status: "waiting",
      cancelRequested: { reason: "changed my mind", undo: true },
    });
    expect(await runner.resume(f, id, ended)).toEqual({ status: "cancelled", reason: "changed my mind" });
    expect(log).toEqual(["charge~undo", "book~undo"]);
    expect((await linesOf(id)).slice(2)).toEqual([
      "$cancelling#1 noted",
      "charge~undo#1 completed",
      "book~undo#1 completed",
      "$cancel#1 noted",
    ]);
    const begun = (await client.history(id)).find(({ taskId }) => taskId === "$cancelling");
    expect(begun).toMatchObject({ outputRef: "rest", failure: { code: "INSTANCE_CANCELLED" } });
  });

  test("is acted on by a worker, at once", async () => {
    const log: string[] = [];
    const f = sleepy(log);
    const handle = await client.submit(f, fresh("sleepy"), 1);
    start(backend, { flows: [f], pollInterval: 20 });
    await expect.poll(async () => (await handle.status()).status, { timeout: 5_000 }).toBe("waiting");
    await handle.cancel(undo);

    await expect(handle.result()).rejects.toMatchObject({ code: "INSTANCE_CANCELLED", reason: "changed my mind" });
    expect(log).toEqual(["charge~undo", "book~undo"]);
  });

  test("aborts what runs, which is not undone, and undoes the other branches", async () => {
    const log: string[] = [];
    const running = new Gate();
    const f = flow<number>("running")
      .then(undoable("first", log))
      .fork([
        branch("slow", (b) =>
          b.then(
            "slow",
            async (_, { signal }) => {
              running.open();
              await new Promise((_resolve, reject) =>
                signal.addEventListener("abort", () => reject(new Error("stopped"))),
              );
              return 1;
            },
            { undo: () => void log.push("slow~undo") },
          ),
        ),
        branch("quick", undoable("quick", log)),
      ])
      .join("both", () => 1)
      .build();
    const handle = await client.submit(f, fresh("running"), 1);
    start(backend, { flows: [f], pollInterval: 20 });
    await running.passed;
    await expect.poll(async () => await linesOf(handle.instanceId), { timeout: 5_000 }).toContain("quick#1 completed");
    expect(await client.cancel(handle.instanceId, undo)).toBe("requested");

    await expect(handle.result()).rejects.toMatchObject({ code: "INSTANCE_CANCELLED" });
    expect(log).toEqual(["quick~undo", "first~undo"]);
  });

  test("is acted on by the first of several positions that come up for it at the same time", async () => {
    const log: string[] = [];
    const asleep = (id: string) =>
      branch(id, (b) =>
        b.then(`book-${id}`, () => 1, { undo: () => void log.push(`book-${id}~undo`) }).delay(`rest-${id}`, "1h"),
      );
    const f = flow<number>("two")
      .fork([asleep("a"), asleep("b"), asleep("c")])
      .join("all", () => 1)
      .build();
    const id = fresh("two");
    await runner.run(f, id, 1);
    await client.cancel(id, undo);

    expect(await runner.resume(f, id, ended)).toMatchObject({ status: "cancelled" });
    expect(log.toSorted()).toEqual(["book-a~undo", "book-b~undo", "book-c~undo"]);
  });

  test("is an ordinary cancel where nothing can be undone", async () => {
    const f = flow<number>("plain").delay("rest", "1h").build();
    const id = fresh("plain");
    await runner.run(f, id, 1);
    await client.cancel(id, undo);

    expect(await runner.resume(f, id, ended)).toEqual({ status: "cancelled", reason: "changed my mind" });
    expect(await linesOf(id)).toEqual(["$cancel#1 noted"]);
  });

  test("takes an instance out of its pause", async () => {
    const log: string[] = [];
    const f = sleepy(log);
    const id = fresh("sleepy");
    await runner.run(f, id, 1);
    await client.pause(id);
    await client.cancel(id, undo);

    expect(await runner.resume(f, id, ended)).toMatchObject({ status: "cancelled" });
    expect(log).toEqual(["charge~undo", "book~undo"]);
  });

  test("is not taken back by one that doesn't ask; terminate ends it at once", async () => {
    const log: string[] = [];
    const f = sleepy(log);
    const [first, second] = [fresh("sleepy"), fresh("sleepy")];
    for (const id of [first, second]) {
      await runner.run(f, id, 1);
      await client.cancel(id, undo);
    }
    expect(await client.cancel(first)).toBe("requested");
    expect(await client.cancel(first, { reason: "too late to say why" })).toBe("requested");
    expect(await runner.resume(f, first, ended)).toEqual({ status: "cancelled", reason: "changed my mind" });
    expect(log).toEqual(["charge~undo", "book~undo"]);

    expect(await client.terminate(second)).toBe("applied");
    expect(await runner.resume(f, second, ended)).toEqual({ status: "cancelled", reason: null });
    expect(log).toHaveLength(2);
  });

  test("goes on through a pause, a second cancel, and the failure of an undo, which a retry mends", async () => {
    const log: string[] = [];
    let isStuck = true;
    const undoing = new Gate();
    const f = flow<number>("stuck")
      .then(undoable("first", log))
      .then("second", (n) => n, {
        undo: async () => {
          undoing.open();
          if (isStuck) throw new Error("stuck");
        },
      })
      .then(undoable("third", log))
      .delay("rest", "1h")
      .build();
    const id = fresh("stuck");
    await runner.run(f, id, 1);
    await client.cancel(id, undo);
    expect(await runner.resume(f, id, ended)).toMatchObject({
      status: "failed",
      failure: { message: "stuck", taskId: "second~undo" },
    });
    isStuck = false;
    await client.retry(id, { paused: true });
    expect(await client.cancel(id)).toBe("requested");
    expect(await client.cancel(id, undo)).toBe("requested");
    expect(await runner.resume(f, id)).toMatchObject({ status: "paused" });
    await client.unpause(id);

    expect(await runner.resume(f, id, ended)).toEqual({ status: "cancelled", reason: "changed my mind" });
    expect(log).toEqual(["third~undo", "first~undo"]);
    expect((await linesOf(id)).filter((line) => line.startsWith("$cancel"))).toEqual([
      "$cancelling#1 noted",
      "$cancel#1 noted",
    ]);
  });

  test.each([
    ["", null],
    [", whose deadline is looked at for it, too", "1d"],
  ])("leaves an instance alone that is being undone because it has failed%s", async (_, deadline) => {
    const log: string[] = [];
    let hasFailed = false;
    const f = flow<number>("failing")
      .then("first", (n) => n, {
        undo: task(
          "take-back",
          () => {
            if (hasFailed) return void log.push("undone");
            hasFailed = true;
            throw new Error("not yet");
          },
          { retry: { attempts: 2, initialDelay: 300 } },
        ),
      })
      .then("second", (): never => {
        throw new Error("no");
      })
      .build();
    const id = fresh("failing");
    const slow = withChanges(backend, {
      clearSignal: async (...args) => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        await backend.clearSignal(...args);
      },
    });
    const driven = new Runner(slow, { pollInterval: 20 }).run(f, id, 1, { ...ended, deadline });
    await expect
      .poll(async () => await linesOf(id).catch(() => []), { timeout: 5_000 })
      .toContain("first~undo#1 failed");
    await client.cancel(id, undo);

    expect(await driven).toMatchObject({ status: "failed", failure: { message: "no" } });
    expect(log).toEqual(["undone"]);
    expect(await linesOf(id)).not.toContain("$cancelling#1 noted");
  });

  test("tells its state at every entry of the history, and can be forked from before it", async () => {
    const log: string[] = [];
    const f = sleepy(log);
    const id = fresh("sleepy");
    await runner.run(f, id, 1);
    await client.cancel(id, undo);
    await runner.resume(f, id, ended);
    const history = await client.history(id);
    const states = await Promise.all(history.map(async ({ sequence }) => await client.stateAt(f, id, sequence)));

    expect(states.map(({ ended: end, positions }) => [end, positions.map(({ taskId }) => taskId)])).toEqual([
      [null, ["charge"]],
      [null, ["rest"]],
      [null, ["charge~undo"]],
      [null, ["book~undo"]],
      [null, ["$undo"]],
      ["cancelled", ["$undo"]],
    ]);
    const fork = fresh("sleepy");
    await client.fork(f, id, fork, { at: history[1]?.sequence ?? 0n });
    await client.completeTask(fork, "rest", null);
    expect(await runner.resume(f, fork, ended)).toMatchObject({ status: "completed" });
  });

  test("can be asked for of many, and only of a cancel", async () => {
    const log: string[] = [];
    const f = sleepy(log);
    const prefix = fresh("many");
    const ids = ["a", "b"].map((one) => `${prefix}-${one}`);
    for (const id of ids) await runner.run(f, id, 1);
    expect(await client.cancelMany({ idPrefix: prefix }, undo)).toMatchObject({ matched: 2, changed: 2 });
    for (const id of ids) expect(await runner.resume(f, id, ended)).toMatchObject({ status: "cancelled" });
    expect(log).toHaveLength(4);

    const invalid = { code: "INVALID_ARGUMENT" };
    await expect(client.pause("x", { undo: true } as never)).rejects.toMatchObject(invalid);
    await expect(client.terminate("x", { undo: true } as never)).rejects.toMatchObject(invalid);
    await expect(client.cancel("x", { undo: "yes" } as never)).rejects.toMatchObject(invalid);
    await expect(client.pauseMany({ idPrefix: "x" }, { undo: true } as never)).rejects.toMatchObject(invalid);
    await expect(backend.requestControl("x", "pause", { undo: true })).rejects.toMatchObject({
      ...invalid,
      message: expect.stringContaining("request.undo") as string,
    });
  });
});
