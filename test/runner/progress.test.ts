import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { encrypted } from "../../src/codec/encrypted-codec.ts";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import type { StatusReport } from "../../src/engine/instance-status.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { Backend } from "../../src/store/backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends, withChanges } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";
import { expectNoneUnhandled } from "../support/unhandled.ts";
import { aborted, codeOf, dyingAt } from "../support/workers.ts";

expectNoneUnhandled();

/** A backend whose progress is answered by `save`. */
function saving(backend: Backend, save: Backend["saveProgress"]): Backend {
  return withChanges(backend, { saveProgress: save });
}

describe.each(await bothBackends())("the progress of a task, on $name", ({ backend, open, database }) => {
  const client = new Client(backend);
  const runner = new Runner(backend, { pollInterval: 10 });

  test("is seen from outside while it runs, and gone when the task is behind", async () => {
    const id = fresh("seen");
    const seen: unknown[] = [];
    const rows: unknown[] = [];
    const look = async (): Promise<void> => {
      const report = await client.status(id);
      if (report.status === "in_progress") seen.push(report.tasks.map(({ taskId, progress }) => [taskId, progress]));
    };
    const long = flow<number>("long")
      .then("copy", async (n, { progress }) => {
        await look();
        await progress({ copied: 1, of: n });
        await look();
        if (database !== null) {
          const sql =
            "SELECT progress, progress_at IS NOT NULL AS timed FROM waymark.positions_now WHERE instance_id = $1";
          rows.push(...(await database.pool.query<object>(sql, [id])).rows);
        }
      })
      .then("next", look)
      .build();

    expect(await runner.run(long, id, 3)).toMatchObject({ status: "completed" });
    expect(seen).toEqual([
      [["copy", undefined]],
      [["copy", { value: { copied: 1, of: 3 }, at: expect.any(Date) as unknown }]],
      [["next", undefined]],
    ]);
    expect(rows).toEqual(database === null ? [] : [{ progress: { copied: 1, of: 3 }, timed: true }]);
    expect((await client.history(id)).map(({ taskId }) => taskId)).toEqual(["copy", "next"]);
  });

  test("is handed to the next attempt, and to who takes over after a crash", async () => {
    const id = fresh("handed");
    const last: unknown[] = [];
    const again: unknown[] = [];
    const clock = new TestClock();
    const own = await open({ clock });
    const { backend: mortal, died } = dyingAt(own, (call, [, taskId]) =>
      call === "saveProgress" && taskId === "copy" && last.length === 2 ? "after" : null,
    );
    const long = flow<number>("long")
      .then(
        "copy",
        async (_, context) => {
          last.push(await context.lastProgress());
          await context.progress(last.length);
          again.push(await context.lastProgress());
          if (context.attempt === 1) throw new Error("again");
          return "copied";
        },
        { retry: { attempts: 3, initialDelay: 0 } },
      )
      .then("other", async (_, context) => void last.push(await context.lastProgress()))
      .build();
    void new Runner(mortal, { workerId: "dies", leaseTtl: 1_000, ports: { clock } }).run(long, id, 1);
    await died;
    clock.advance(1_000);

    await new Runner(own, { workerId: "lives", ports: { clock } }).resume(long, id);
    expect(last).toEqual([undefined, 1, 2, undefined]);
    expect(again).toEqual([1, 3]);
  });

  test("is stored one value at a time; of those that come meanwhile, the last one", async () => {
    const saved: string[] = [];
    const [begun, first] = [new Gate(), new Gate()];
    const slow = saving(backend, async (claim, taskId, value) => {
      saved.push(new TextDecoder().decode(value));
      begun.open();
      if (saved.length === 1) await first.passed;
      return await backend.saveProgress(claim, taskId, value);
    });
    const many = flow<number>("many")
      .then("count", async (n, { progress }) => {
        const all = [progress(0)];
        await begun.passed;
        for (let count = 1; count < n; count++) all.push(progress(count));
        first.open();
        await Promise.all(all);
      })
      .build();

    await new Runner(slow, { pollInterval: 10 }).run(many, fresh("many"), 100);
    expect(saved).toEqual(["0", "99"]);
  });

  test("that nobody has sent when the body ends is dropped", async () => {
    const saved: string[] = [];
    const first = new Gate();
    const slow = saving(backend, async (_, __, value) => {
      saved.push(new TextDecoder().decode(value));
      await first.passed;
      return "saved";
    });
    let left: Promise<void> = Promise.reject(new Error("not set"));
    left.catch(() => undefined);
    const many = flow<number>("many")
      .then("count", async (n, { progress }) => {
        void progress(1);
        await new Promise((resolve) => setImmediate(resolve));
        left = progress(2);
        await Promise.resolve();
        return n;
      })
      .build();

    expect(await new Runner(slow, { pollInterval: 10 }).run(many, fresh("dropped"), 1)).toMatchObject({ output: 1 });
    await left;
    first.open();
    expect(saved).toEqual(["1"]);
  });

  test("is tried again where the row is locked", async () => {
    let tries = 0;
    const busy = saving(backend, async (...args) => (++tries < 3 ? "busy" : await backend.saveProgress(...args)));
    const said = flow<number>("said")
      .then("say", async (n, { progress, lastProgress }) => {
        await progress(n);
        return await lastProgress();
      })
      .build();
    expect(await new Runner(busy, { pollInterval: 10 }).run(said, fresh("busy"), 7)).toMatchObject({ output: 7 });
    expect(tries).toBe(3);
  });

  test("that can't be stored is refused with the reason, and the task goes on", async () => {
    const codes: string[] = [];
    const hostile = flow<number>("hostile")
      .then("say", async (n, { progress }) => {
        for (const value of [() => 1, Symbol("s"), "x".repeat(20_000)])
          await progress(value).catch((error: unknown) => codes.push(codeOf(error)));
        void progress("y".repeat(20_000));
        await progress(undefined);
        return n;
      })
      .build();
    expect(await runner.run(hostile, fresh("hostile"), 1)).toMatchObject({ status: "completed", output: 1 });
    expect(codes).toEqual(["CODEC_ENCODE", "CODEC_ENCODE", "PAYLOAD_TOO_LARGE"]);
  });

  test("tells a task that somebody else has taken over, and changes nothing", async () => {
    const id = fresh("lost");
    const reasons: unknown[] = [];
    const deaf = flow<number>("deaf")
      .then("say", async (_, { progress, signal }) => {
        await backend.terminateInstance(id, {});
        const refused = await progress(1).catch((error: unknown) => error);
        const reason = await aborted(signal);
        reasons.push(refused, reason, (await progress(2).catch((error: unknown) => error)) === reason);
      })
      .build();
    expect(await runner.run(deaf, id, 1)).toMatchObject({ status: "cancelled" });
    expect(reasons).toMatchObject([{ code: "CLAIM_LOST" }, { code: "CLAIM_LOST" }, true]);
  });

  test("is no reason to fail a task where the database is away", async () => {
    const id = fresh("away");
    let isAway = true;
    const failing = saving(backend, async (...args) => {
      if (!isAway) return await backend.saveProgress(...args);
      isAway = false;
      throw Object.assign(new Error("away"), { code: "BACKEND_UNAVAILABLE" });
    });
    const said = flow<number>("said")
      .then("say", async (n, { progress }) => {
        void progress(1);
        await progress(2).catch(() => undefined);
        await progress(3);
        return n;
      })
      .build();
    expect(await new Runner(failing, { pollInterval: 10 }).run(said, id, 5)).toMatchObject({ output: 5 });
  });

  test("is each branch's own, and can be read by nobody without the key", async () => {
    const keys = { currentKeyId: "k1", keys: { k1: new Uint8Array(32).fill(7) } };
    const own = await open({ codec: encrypted(new JsonCodec(), { keys }) });
    const ownClient = new Client(own);
    const id = fresh("branches");
    const reports: StatusReport[] = [];
    const both = new Gate();
    let ready = 0;
    const say = async (_: number, { progress, taskId }: TaskContext): Promise<void> => {
      await progress(`at ${taskId}`);
      if (++ready < 2) return await both.passed;
      reports.push(await ownClient.status(id));
      if (database !== null) reports.push(await client.status(id));
      both.open();
    };
    const two = flow<number>("two")
      .fork([branch("a", (b) => b.then("a", say)), branch("b", (b) => b.then("b", say))])
      .join("end", () => 1)
      .build();

    expect(await new Runner(own, { pollInterval: 10 }).run(two, id, 1)).toMatchObject({ status: "completed" });
    expect(reports[0]).toMatchObject({
      tasks: [
        { taskId: "a", progress: { value: "at a" } },
        { taskId: "b", progress: { value: "at b" } },
      ],
    });
    // In memory, each backend has instances of its own.
    if (database !== null) expect(reports[1]).not.toHaveProperty("tasks[0].progress");
  });
});
