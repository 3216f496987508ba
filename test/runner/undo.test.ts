import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

describe.each(await bothBackends())("on $name, what a failed instance has done is undone", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 20 });
  const client = new Client(backend);

  /** A task that can be undone, and says so. */
  function undoable(id: string, log: string[]) {
    return task(id, (n: number) => n + 1, {
      undo: (output, { taskId }) => void log.push(`${taskId} ${String(output)}`),
    });
  }

  const fails = task("fails", (): never => {
    throw new Error("out of stock");
  });

  test("in the reverse of its order, and it fails with what went wrong", async () => {
    const log: string[] = [];
    const f = flow<number>("saga")
      .then(undoable("book", log))
      .then("look", (n) => n)
      .delay("rest", 1)
      .then(undoable("charge", log))
      .then(fails)
      .build();
    const id = fresh("saga");
    const report = await runner.run(f, id, 1, { until: "ended" });
    expect(report).toMatchObject({ status: "failed", failure: { message: "out of stock", taskId: "fails" } });
    expect(log).toEqual(["charge~undo 3", "book~undo 2"]);
    const history = await client.history(id);
    expect(history.map(({ taskId, outcome }) => `${taskId} ${outcome}`)).toEqual([
      "book completed",
      "look completed",
      "rest completed",
      "charge completed",
      "fails failed",
      "$failed noted",
      "charge~undo completed",
      "book~undo completed",
    ]);
  });

  test("side by side where it was done so, but not what has not been done", async () => {
    const log: string[] = [];
    const f = flow<number>("saga-fork")
      .then(undoable("first", log))
      .fork([
        branch("a", undoable("a", log)),
        branch("b", (b) => b.then(undoable("b", log)).delay("long", "1h").then(undoable("never", log))),
        branch("c", (b) => b.delay("short", 500).then(fails)),
      ])
      .join("all", () => 0)
      .build();
    expect(await runner.run(f, fresh("saga"), 1, { until: "ended" })).toMatchObject({ failure: { taskId: "fails" } });
    expect(log.slice(0, 2).sort()).toEqual(["a~undo 3", "b~undo 3"]);
    expect(log.slice(2)).toEqual(["first~undo 2"]);
  });

  test("in maps, loops over flows, routes and joins, the last first", async () => {
    const log: string[] = [];
    const round = flow<number>("round").then(undoable("step", log)).build();
    const f = flow<number>("saga-deep")
      .map("items", (n) => [n, n + 10], undoable("item", log))
      .then("sum", ([a = 0, b = 0]) => a + b)
      .loop("rounds", round, { until: (n) => n > 15 })
      .route("way", () => "left" as const, ["left"])
      .branch("left", undoable("left", log))
      .done()
      .fork([branch("x", undoable("x", log))])
      .join("both", ({ x }) => x, { undo: (x) => void log.push(`both ${x}`) })
      .then(fails)
      .build();
    await runner.run(f, fresh("saga"), 1, { until: "ended" });
    expect(log.slice(0, 5)).toEqual([
      "both 18",
      "x~undo 18",
      "left~undo 17",
      "rounds[1]/step~undo 16",
      "rounds[0]/step~undo 15",
    ]);
    expect(log.slice(5).sort()).toEqual(["items[0]/item~undo 2", "items[1]/item~undo 12"]);
  });

  test("again after a retry, from where undoing has failed", async () => {
    const log: string[] = [];
    let isBroken = true;
    const f = flow<number>("saga-broken")
      .then(undoable("first", log))
      .then("second", (n) => n, {
        undo: () => {
          if (isBroken) throw new Error("can't be undone");
          log.push("second");
        },
      })
      .then(undoable("third", log))
      .then(fails)
      .build();
    const id = fresh("saga");
    expect(await runner.run(f, id, 1, { until: "ended" })).toMatchObject({
      status: "failed",
      failure: { message: "can't be undone", taskId: "second~undo" },
    });
    isBroken = false;
    await client.retry(id);
    expect(await runner.resume(f, id, { until: "ended" })).toMatchObject({ failure: { message: "out of stock" } });
    expect(log).toEqual(["third~undo 3", "second", "first~undo 2"]);
  });

  test("and once all is undone, a retry is refused: there is nothing to go on from", async () => {
    const log: string[] = [];
    const f = flow<number>("saga-over").then(undoable("first", log)).then(fails).build();
    const id = fresh("saga");
    await runner.run(f, id, 1, { until: "ended" });
    const before = await client.history(id);

    const refused = await client.retry(id).catch((error: unknown) => error);

    expect(refused).toMatchObject({ code: "INVALID_TRANSITION" });
    expect(String(refused)).toContain("has been undone: fork it");
    expect(await client.history(id)).toEqual(before);
    expect(await client.retryMany({ idPrefix: id })).toMatchObject({ changed: 0, refusedCount: 1 });
  });

  test("and then it is not taken back paused either; what is refused says what can be done, and that can be done", async () => {
    const log: string[] = [];
    const item = task(
      "ship",
      (n: number) => {
        if (n > 2) throw new Error("out of stock");
        return n;
      },
      { undo: (n) => void log.push(`undo ${n}`) },
    );
    const f = flow<readonly number[]>("saga-mapped")
      // One after the other: what has not ended by the time the map fails is abandoned, and not undone.
      .map("all", item, { onFailure: { tolerate: 1 }, concurrency: 1 })
      .build();
    const [id, kept, anew] = [fresh("saga"), fresh("saga"), fresh("saga")];
    expect(await runner.run(f, id, [1, 3, 4], { until: "ended" })).toMatchObject({ failure: { code: "ITEMS_FAILED" } });
    expect(log).toEqual(["undo 1"]);

    for (const paused of [false, true]) {
      const refused: unknown = await client.retry(id, { paused }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "INVALID_TRANSITION" });
      expect(String(refused)).toMatch(/has been undone: fork it at "all~list", or start the work anew/);
      expect(String(refused)).not.toContain("by hand");
    }
    expect(await client.status(id)).toMatchObject({ status: "failed" });
    await client.fork(f, id, anew, { at: "all~list", input: [1, 2] });
    expect(await runner.resume(f, anew, { until: "ended" })).toMatchObject({ status: "completed" });

    // Nothing was there that could be undone.
    await runner.run(f, kept, [3, 4], { until: "ended" });
    await expect(client.retry(kept)).rejects.toThrow('complete "all" by hand');
    await client.retry(kept, { paused: true });
    await client.completeTask(kept, "all", []);
    await client.unpause(kept);
    expect(await runner.resume(f, kept)).toMatchObject({ status: "completed", output: [] });
  });

  test("but not where the failure is borne", async () => {
    const log: string[] = [];
    const f = flow<number>("saga-borne")
      .then(undoable("first", log))
      .fork([branch("bad", fails)], { mode: "settled" })
      .join("all", ({ bad }) => bad.ok)
      .build();
    expect(await runner.run(f, fresh("saga"), 1, { until: "ended" })).toMatchObject({ output: false });
    expect(log).toEqual([]);
  });
});
