import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { Runner } from "../../src/runner/runner.ts";
import { TestClock } from "../../src/testing/index.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const number = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) =>
      typeof value === "number" ? { value: value * 10 } : { issues: [{ message: "is no number" }] },
  },
} as const;

describe.each(await bothBackends())("several events on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  const votes = flow<string>("votes").waitForEvents<number, "votes">("votes", "voted", { count: 3 }).build();
  const timed = async () => {
    const clock = new TestClock();
    const store = await open({ clock });
    return { clock, client: new Client(store), runner: new Runner(store, { pollInterval: 10 }) };
  };

  test("are handed on in the order in which they were sent, before and while they are waited for", async () => {
    const id = fresh("votes");
    await client.sendEvent(id, "voted", 1);

    expect(await runner.run(votes, id, "x")).toEqual({
      status: "awaiting_event",
      events: [{ taskId: "votes[1]", name: "voted", timeoutAt: null }],
    });
    expect(await client.sendEvent(id, "voted", 2)).toBe("delivered");
    expect(await client.sendEvent(id, "voted", 3)).toBe("buffered");
    expect(await client.sendEvent(id, "voted", 4)).toBe("buffered");
    expect(await runner.resume(votes, id)).toEqual({ status: "completed", output: [1, 2, 3] });
    const history = await client.history(id);
    expect(history.map(({ taskId, kind, output }) => [taskId, kind, output])).toEqual([
      ["votes[0]", "wait", 1],
      ["votes[1]", "wait", 2],
      ["votes[2]", "wait", 3],
      ["votes", "join", [1, 2, 3]],
    ]);
    expect(await backend.peekEvent(id, "voted")).not.toBeNull();
  });

  test("are as many as a function says, once; also none", async () => {
    const calls: number[] = [];
    const quorum = flow<{ voters: number }>("quorum")
      .waitForEvents<string, "votes">("votes", "voted", {
        count: async ({ voters }) => {
          calls.push(voters);
          return voters;
        },
      })
      .then("end", async (all, context) => ({ all, first: await context.output("votes").then(([one]) => one) }))
      .build();
    const id = fresh("quorum");
    expect(await runner.run(quorum, id, { voters: 2 })).toMatchObject({ events: [{ taskId: "votes[0]" }] });
    await client.sendEvent(id, "voted", "a");
    expect(await runner.resume(quorum, id)).toMatchObject({ events: [{ taskId: "votes[1]" }] });
    await client.sendEvent(id, "voted", "b");

    expect(await runner.resume(quorum, id)).toEqual({ status: "completed", output: { all: ["a", "b"], first: "a" } });
    expect(calls).toEqual([2]);
    expect(await runner.run(quorum, fresh("quorum"), { voters: 0 })).toEqual({
      status: "completed",
      output: { all: [], first: undefined },
    });
  });

  test.each([-1, 1.5, 10_001, Number.NaN, "2", null])("a function can't say %j", async (count) => {
    const wrong = flow<null>("wrong")
      .waitForEvents("votes", "voted", { count: () => count as number })
      .build();

    expect(await runner.run(wrong, fresh("wrong"), null)).toMatchObject({
      status: "failed",
      failure: { code: "INVALID_ARGUMENT", taskId: "votes~count" },
    });
  });

  test("have one time limit, from when the first is waited for, however many have come", async () => {
    const world = await timed();
    const id = fresh("limit");
    const limited = flow<null>("limit")
      .waitForEvents<number>("votes", "voted", { count: 3, timeout: "1h", onTimeout: "continue" })
      .build();
    const timeoutAt = new Date(world.clock.now() + 3_600_000);
    await world.runner.run(limited, id, null);
    world.clock.advance(1_800_000);
    await world.client.sendEvent(id, "voted", 1);
    expect(await world.runner.resume(limited, id)).toMatchObject({ events: [{ taskId: "votes[1]", timeoutAt }] });
    world.clock.advance(1_799_999);
    expect(await world.runner.resume(limited, id)).toMatchObject({ events: [{ taskId: "votes[1]", timeoutAt }] });
    world.clock.advance(1);

    expect(await world.runner.resume(limited, id)).toEqual({
      status: "completed",
      output: { timedOut: true, payloads: [1] },
    });
  });

  test("have one time limit where some are there at the start", async () => {
    const world = await timed();
    const id = fresh("early");
    const limited = flow<null>("early").waitForEvents("votes", "voted", { count: 3, timeout: "1h" }).build();
    await world.client.sendEvent(id, "voted", 1);
    await world.client.sendEvent(id, "voted", 2);
    const timeoutAt = new Date(world.clock.now() + 3_600_000);

    expect(await world.runner.run(limited, id, null)).toMatchObject({ events: [{ taskId: "votes[2]", timeoutAt }] });
    world.clock.advance(3_600_000);
    expect(await world.runner.resume(limited, id)).toMatchObject({
      status: "failed",
      failure: { code: "EVENT_TIMEOUT", taskId: "votes[2]" },
    });
    // What is tried again has the time anew.
    await world.client.retry(id);
    await world.client.sendEvent(id, "voted", 3);
    expect(await world.runner.resume(limited, id)).toEqual({ status: "completed", output: [1, 2, 3] });
  });

  test("whose time limit leads into a branch say that all came, and what came otherwise", async () => {
    const world = await timed();
    const branching = flow<string>("branching")
      .waitForEvents<string, "votes">("votes", "voted", {
        count: 2,
        timeout: "1h",
        onTimeout: (b) =>
          b.then("late", async (text, context) => [text, ...((await context.output("votes")) as string[])]),
      })
      .delay("rest", 0)
      .build();
    const [late, intime] = [fresh("late"), fresh("in-time")];
    await world.client.sendEvent(late, "voted", "a");
    await world.client.sendEvent(intime, "voted", "a");
    await world.client.sendEvent(intime, "voted", "b");
    expect(await world.runner.run(branching, late, "so far")).toMatchObject({ events: [{ taskId: "votes[1]" }] });
    world.clock.advance(3_600_000);

    expect(await world.runner.resume(branching, late)).toEqual({ status: "completed", output: ["so far", "a"] });
    expect(await world.runner.run(branching, intime, "x")).toEqual({ status: "completed", output: ["a", "b"] });
    const history = await world.client.history(late);
    expect(history.find(({ taskId }) => taskId === "votes")).toMatchObject({ outcome: "timed_out", output: ["a"] });
  });

  test("are each checked by the schema, at once", async () => {
    const checked = flow<null>("checked").waitForEvents("votes", "voted", { count: 2, schema: number }).build();
    const [good, bad] = [fresh("good"), fresh("bad")];
    await client.sendEvent(good, "voted", 1);
    await client.sendEvent(good, "voted", 2);
    await client.sendEvent(bad, "voted", "one");

    expect(await runner.run(checked, good, null)).toEqual({ status: "completed", output: [10, 20] });
    expect(await runner.run(checked, bad, null)).toMatchObject({
      status: "failed",
      failure: { code: "VALIDATION_FAILED", taskId: "votes[0]" },
    });
  });

  test("can be given by hand, each and all", async () => {
    const [each, all] = [fresh("each"), fresh("all")];
    await runner.run(votes, each, "x");
    await client.completeTask(each, "votes[0]", 1);
    expect(await runner.resume(votes, each)).toMatchObject({ events: [{ taskId: "votes[1]" }] });
    await backend.saveTaskResult(
      each,
      "votes[2]",
      await backend.codec.encode(3, { instanceId: each, taskId: "", kind: "event" }),
    );
    await client.sendEvent(each, "voted", 2);
    expect(await runner.resume(votes, each)).toEqual({ status: "completed", output: [1, 2, 3] });

    await runner.run(votes, all, "x");
    await backend.saveTaskResult(
      all,
      "votes",
      await backend.codec.encode([7], { instanceId: all, taskId: "votes", kind: "output" }),
    );
    for (const n of [1, 2, 3]) await client.sendEvent(all, "voted", n);
    expect(await runner.resume(votes, all)).toEqual({ status: "completed", output: [7] });
  });

  test("go to forks of the instance as far as they had come", async () => {
    const [id, other] = [fresh("fork"), fresh("fork")];
    for (const n of [1, 2, 3]) await client.sendEvent(id, "voted", n);
    await runner.run(votes, id, "x");
    await client.fork(votes, id, other, { at: "votes[1]", outputs: { "votes[0]": 10 } });
    expect(await client.status(other)).toMatchObject({ status: "in_progress" });
    await client.sendEvent(other, "voted", 20);
    await client.sendEvent(other, "voted", 30);

    expect(await runner.resume(votes, other)).toMatchObject({ status: "completed", output: [10, 20, 30] });
  });
});

describe.each(await bothBackends())("the first of several events on $name", ({ backend, open }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);
  const decision = flow<string>("decision")
    .waitForAny<{ approved: number; rejected: string }>("first", {
      approved: "order.approved",
      rejected: "order.rejected",
    })
    .build();

  test("wins, and says which it is; the others stay in the buffer", async () => {
    const id = fresh("any");
    expect(await runner.run(decision, id, "x")).toMatchObject({
      status: "awaiting_event",
      events: [
        { taskId: "first/approved/event", name: "order.approved" },
        { taskId: "first/rejected/event", name: "order.rejected" },
      ],
    });
    await client.sendEvent(id, "order.rejected", "too late");

    expect(await runner.resume(decision, id)).toEqual({
      status: "completed",
      output: { event: "rejected", payload: "too late" },
    });
  });

  test("is told from a time limit that has passed, whatever its payload", async () => {
    const clock = new TestClock();
    const store = await open({ clock });
    const [late, intime] = [fresh("late"), fresh("in-time")];
    const limited = flow<string>("limited").waitForAny("first", ["yes", "no"], { timeout: "1h" }).build();
    const timedRunner = new Runner(store, { pollInterval: 10 });
    await timedRunner.run(limited, late, "x");
    await timedRunner.run(limited, intime, "x");
    await new Client(store).sendEvent(intime, "no", { timedOut: true });
    clock.advance(3_600_000);

    expect(await timedRunner.resume(limited, late)).toEqual({ status: "completed", output: { timedOut: true } });
    expect(await timedRunner.resume(limited, intime)).toEqual({
      status: "completed",
      output: { timedOut: false, event: "no", payload: { timedOut: true } },
    });
  });

  test("is checked by its schema", async () => {
    const checked = flow<string>("checked")
      .waitForAny("first", { n: "n", s: "s" }, { schemas: { n: number } })
      .build();
    const [good, bad] = [fresh("good"), fresh("bad")];
    await client.sendEvent(good, "n", 4);
    await client.sendEvent(bad, "n", "four");

    expect(await runner.run(checked, good, "x")).toMatchObject({ output: { event: "n", payload: 40 } });
    expect(await runner.run(checked, bad, "x")).toMatchObject({
      status: "failed",
      failure: { code: "VALIDATION_FAILED" },
    });
  });
});
