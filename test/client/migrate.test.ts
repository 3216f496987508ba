import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/test-clock.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";
import { workerStarter } from "../support/workers.ts";

const start = workerStarter();
const one = (n: number): number => n + 1;
const before = flow<number>("order").then("a", one).waitForEvent<number>("paid", "paid").then("ship", one).build();
const after = flow<number>("order")
  .then("a", one)
  .waitForEvent<number>("paid", "paid")
  .then("check", (n: number) => n * 10)
  .then("ship", one, { tags: ["gpu"] })
  .build();

describe.each(await bothBackends())("migration on $name", ({ backend, open }) => {
  const client = new Client(backend);
  const runner = new Runner(backend);

  test("lets instances go on by another definition where they stand, and others alone", async () => {
    const prefix = fresh("moves");
    const other = flow<number>("order").then("other", one).waitForEvent<number>("paid", "paid").build();
    for (const id of ["1", "2", "3"]) await runner.run(before, prefix + id, 1);
    await runner.run(other, `${prefix}4`, 1);
    await client.pause(`${prefix}3`);

    const dry = await client.migrateMany(before, after, { idPrefix: prefix }, { dryRun: true });
    expect(dry).toMatchObject({ matched: 4, changed: 0, refused: [], dryRun: true });
    expect(await client.migrateMany(before, after, { idPrefix: prefix })).toMatchObject({ changed: 3, refused: [] });
    expect(await client.migrateMany(before, after, { idPrefix: prefix })).toMatchObject({ changed: 0, refused: [] });
    expect(await client.status(`${prefix}3`)).toMatchObject({ status: "paused" });
    expect((await client.history(`${prefix}1`)).map(({ taskId }) => taskId)).toEqual(["a", "$migrate"]);
    await client.unpause(`${prefix}3`);

    start(backend, { flows: [after], tags: ["gpu"], pollInterval: 20 });
    for (const id of ["1", "2", "3"]) {
      await client.sendEvent(prefix + id, "paid", 5);
      await expect(client.result(prefix + id, { timeout: "10s" })).resolves.toBe(51);
    }
    await expect(runner.resume(before, `${prefix}1`)).rejects.toMatchObject({ code: "DEFINITION_MISMATCH" });
    const [, , paid] = await client.history(`${prefix}1`);
    expect((await client.stateAt(after, `${prefix}1`, paid?.sequence ?? -1n)).positions).toMatchObject([
      { taskId: "check" },
    ]);
    expect(await client.status(`${prefix}4`)).toMatchObject({ status: "awaiting_event" });
  });

  const wait = "news";
  const forked = (then: string) =>
    flow<number>("forked")
      .fork([
        branch("x", (b) => b.then("in-x", one).waitForEvent<number>("wait", wait)),
        branch("y", (b) => b.then(then, one)),
      ])
      .join("both", ({ y }) => y)
      .build();

  test.each([
    ["a task that it has run is gone", flow<number>("order").waitForEvent<number>("paid", "paid").build(), /"a"/],
    [
      "a task stands before what it has run",
      flow<number>("order").then("new", one).then("a", one).waitForEvent<number>("paid", "paid").build(),
      /nothing stood at "a"/,
    ],
    [
      "it waits for something else",
      flow<number>("order").then("a", one).waitForEvent<number>("paid", "cash").build(),
      /for "paid".*for "cash"/,
    ],
    ["it would stand elsewhere", flow<number>("order").then("a", one).then("b", one).build(), /"b"/],
    ["it would have ended", flow<number>("order").then("a", one).build(), /nothing else/],
  ])("refuses an instance where %s", async (_, to, problem) => {
    const id = fresh("refused");
    await runner.run(before, id, 1);
    for (const dryRun of [true, false]) {
      const result = await client.migrateMany(before, to, { idPrefix: id }, { dryRun });
      expect(result).toMatchObject({ changed: 0, refusedCount: 1 });
      expect(result.refused[0]).toMatchObject({ instanceId: id, code: "MIGRATION_REFUSED" });
      expect(result.refused[0]?.message).toMatch(problem);
    }
    expect((await client.history(id)).map(({ taskId }) => taskId)).toEqual(["a"]);
  });

  test("goes by where each branch stands", async () => {
    const id = fresh("branches");
    await runner.run(forked("in-y"), id, 1);
    const refused = await client.migrateMany(forked("in-y"), forked("in-z"), { idPrefix: id });
    expect(refused.refused).toMatchObject([{ code: "MIGRATION_REFUSED" }]);
    const longer = flow<number>("forked")
      .fork([
        branch("x", (b) => b.then("in-x", one).waitForEvent<number>("wait", wait).then("more", one)),
        branch("y", (b) => b.then("in-y", one)),
      ])
      .join("both", ({ x, y }) => [x, y])
      .then("last", (list) => list)
      .build();
    expect(await client.migrateMany(forked("in-y"), longer, { idPrefix: id })).toMatchObject({ changed: 1 });
    await client.sendEvent(id, wait, 7);
    expect(await runner.resume(longer, id)).toEqual({ status: "completed", output: [8, 2] });
  });

  test("refuses what somebody is running, and fences a holder whose lease has expired", async () => {
    const clock = new TestClock();
    const slow = await open({ clock });
    const id = fresh("held");
    const slowly = new Client(slow);
    await slowly.submit(before, id, 1);
    const [state] = [await slow.findInstance(id)];
    const lanes = [{ flow: "order", definitionHash: before.hash, codec: slow.codec.id, tags: [] }];
    const [claim] = await slow.claimPositions({ workerId: "w", leaseMs: 1_000, limit: 1, lanes, instanceId: id });
    expect(state?.positions).toHaveLength(1);
    const running = await slowly.migrateMany(before, after, { idPrefix: id });
    expect(running.refused).toMatchObject([{ code: "INVALID_TRANSITION", instanceId: id }]);

    clock.advance(1_001);
    expect(await slowly.migrateMany(before, after, { idPrefix: id })).toMatchObject({ changed: 1 });
    if (claim === undefined) throw new Error("Nothing was claimed.");
    const { instanceId, path, token } = claim;
    const [fate] = await slow.commitCheckpoints(
      [{ claim: { instanceId, path, token }, entries: [], move: { kind: "note" }, consumes: null }],
      { workerId: "w", leaseMs: 1_000 },
    );
    expect(fate).toEqual({ kind: "fenced" });
    await slowly.sendEvent(id, "paid", 1);
    expect(await new Runner(slow).resume(after, id)).toEqual({ status: "completed", output: 11 });
    await slow.close();
  });

  test("refuses what are no two definitions", async () => {
    await expect(client.migrateMany(before, before, { idPrefix: "x" })).rejects.toMatchObject({ field: "to" });
    await expect(client.migrateMany({} as never, after, { idPrefix: "x" })).rejects.toMatchObject({ field: "from" });
    await expect(client.migrateMany(before, after, { status: ["failed"] })).rejects.toMatchObject({
      field: "filter.status",
    });
  });
});
