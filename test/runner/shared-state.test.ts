import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { merged, state } from "../../src/flow/shared-state.ts";
import { task } from "../../src/flow/task.ts";
import type { StateAccess } from "../../src/flow/task-context.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

const board = state({
  status: "new",
  total: merged(0, (current, change) => current + change),
  notes: merged<readonly string[]>([], (current, change) => [...current, ...change]),
});
interface Notes {
  readonly state: StateAccess;
}
const note = (text: string, { state: shared }: Notes): void => shared.update(board, { notes: [text], status: text });
const notesIn = async ({ state: shared }: Notes): Promise<string> => (await shared.read(board)).notes.join(" ");
const fails = (): never => {
  throw new Error("no");
};
const once = { retries: 0 };

describe.each(await bothBackends())("the state that tasks share on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  async function run<Input>(order: Flow<Input>, id: string, input: Input): Promise<unknown> {
    return await runner.run(order, id, input, { until: "ended" });
  }

  async function versionsOf(id: string): Promise<unknown[]> {
    const history = await client.history(id);
    return history
      .filter(({ kind }) => kind === "state")
      .map((one) => [one.taskId, one.attempt, one.outputRef, one.output]);
  }

  test("begins with its initial values, and is changed by tasks one after the other", async () => {
    const id = fresh("chain");
    const order = flow<number>("order", { state: board })
      .then("first", async (n, { state: shared }) => {
        const before = await shared.read(board);
        shared.update(board, { total: n });
        shared.update(board, { total: n, status: "begun" });
        return [before, await shared.read(board)];
      })
      .then("second", async (seen, { state: shared }) => {
        shared.update(board, { notes: ["second"] });
        return [...seen, await shared.read(board)];
      })
      .build();

    expect(await run(order, id, 2)).toEqual({
      status: "completed",
      output: [
        { status: "new", total: 0, notes: [] },
        { status: "begun", total: 4, notes: [] },
        { status: "begun", total: 4, notes: ["second"] },
      ],
    });
    expect(await versionsOf(id)).toEqual([
      ["$state", 1, "first", { status: "begun", total: 4, notes: [] }],
      ["$state", 2, "second", { status: "begun", total: 4, notes: ["second"] }],
    ]);
    expect(await client.readState(board, id)).toEqual({ status: "begun", total: 4, notes: ["second"] });
  });

  test("keeps nothing of an attempt that failed", async () => {
    const id = fresh("retried");
    const order = flow<null>("order", { state: board })
      .then(
        "work",
        (_, context) => {
          note(`attempt-${context.attempt}`, context);
          if (context.attempt < 3) throw new Error("not yet");
        },
        { retry: { attempts: 3, initialDelay: 0 } },
      )
      .then("end", async (_, context) => await notesIn(context))
      .build();

    expect(await run(order, id, null)).toMatchObject({ output: "attempt-3" });
  });

  test("keeps nothing of a task that is skipped or passed by, and what its fallback changes", async () => {
    const id = fresh("skipped");
    const failing = (_: unknown, context: Notes): never => {
      note("lost", context);
      return fails();
    };
    const order = flow<null>("order", { state: board })
      .then("skipped", failing, { ...once, onFailure: "skip" })
      .then("replaced", failing, {
        ...once,
        onFailure: { fallback: (_: unknown, context: Notes) => note("fallback", context) },
      })
      .then("passed", failing, { ...once, onFailure: { goto: "end" } })
      .then("end", async (_, context) => await notesIn(context))
      .build();

    expect(await run(order, id, null)).toMatchObject({ output: "fallback" });
  });

  test("is used where routes, loops, delays and lists are decided", async () => {
    const id = fresh("everywhere");
    const round = flow<number>("round", { state: board })
      .then("turn", (n, context) => {
        note(`turn-${n}`, context);
        return n + 1;
      })
      .build();
    const order = flow<number>("order", { state: board })
      .route(
        async (_, context) => {
          note("route", context);
          return (await notesIn(context)) === "route" ? "yes" : "no";
        },
        ["yes", "no"],
      )
      .branch("yes", (b) => b.then("yes", () => 0))
      .branch("no", (b) => b.then("no", () => 100))
      .done()
      .loop("loop", (n: number, context) => {
        note(`loop-${n}`, context);
        return n < 1 ? LoopResult.again(n + 1) : LoopResult.done(0);
      })
      .loop("rounds", round, {
        maxIterations: 5,
        until: async (n, context) => {
          note(`until-${n}`, context);
          return (await context.state.read(board)).notes.includes("until-2");
        },
      })
      .delayUntil("nap", (_, context) => {
        note("nap", context);
        return 0;
      })
      .map(
        "items",
        (_, context) => {
          note("list", context);
          return [];
        },
        task("item", (n: number) => n),
      )
      .then("end", async (_, context) => await notesIn(context))
      .build();

    expect(await run(order, id, 1)).toMatchObject({
      output: "route loop-0 loop-1 turn-0 until-1 turn-1 until-2 nap list",
    });
  });

  test("of a branch is what was there when it began and what it has changed; the join sees all, in the branches' order", async () => {
    const id = fresh("forked");
    const seen: Record<string, string> = {};
    const order = flow<null>("order", { state: board })
      .then("start", (_, context) => note("start", context))
      .fork([
        branch("slow", (b) =>
          b
            .then("s1", (_, context) => note("s1", context))
            .delay("rest", 20)
            .then("s2", async (_, context) => {
              note("s2", context);
              seen["slow"] = await notesIn(context);
            }),
        ),
        branch("fast", (b) =>
          b.then("f1", async (_, context) => {
            note("f1", context);
            seen["fast"] = await notesIn(context);
          }),
        ),
        branch("idle", (b) => b.then("i1", () => 1)),
      ])
      .join("joined", async (_, context) => {
        note("joined", context);
        return await notesIn(context);
      })
      .then("end", async (before, context) => [
        before,
        await notesIn(context),
        (await context.state.read(board)).status,
      ])
      .build();

    expect(await run(order, id, null)).toMatchObject({
      output: ["start s1 s2 f1 joined", "start s1 s2 f1 joined", "joined"],
    });
    expect(seen).toEqual({ slow: "start s1 s2", fast: "start f1" });
    const versions = await versionsOf(id);
    expect(versions).toContainEqual(["$state:joined/slow", 2, "s2", { notes: ["s1", "s2"], status: "s2" }]);
    expect(versions.at(-1)).toMatchObject(["$state", 2, "joined", {}]);
  });

  test("of forks in forks, and of a join that changes nothing itself", async () => {
    const id = fresh("nested");
    const seen: string[] = [];
    const step = (name: string) => task(name, (_: unknown, context) => note(name, context));
    const order = flow<null>("order", { state: board })
      .fork([
        branch("a", (b) =>
          b
            .then(step("a1"))
            .fork([
              branch("x", step("x1")),
              branch("y", (y) =>
                y.then("y1", async (_, context) => {
                  note("y1", context);
                  seen.push(await notesIn(context));
                }),
              ),
            ])
            .join("inner", () => 1)
            .then(step("a2")),
        ),
        branch("b", step("b1")),
      ])
      .join("outer", () => 1)
      .then("end", async (_, context) => await notesIn(context))
      .build();

    expect(await run(order, id, null)).toMatchObject({ output: "a1 x1 y1 a2 b1" });
    expect(seen).toEqual(["a1 y1"]);
  });

  test("is that of the winner where one branch wins, and of those that succeeded where failures are borne", async () => {
    const id = fresh("some");
    const order = flow<null>("order", { state: board })
      .race("race", [
        branch("late", (b) =>
          b
            .then("l1", (_, context) => note("l1", context))
            .waitForEvent("never", "never")
            .then("l2", () => 2),
        ),
        branch("first", (b) => b.delay("rest", 5).then("f1", (_, context) => note("f1", context))),
      ])
      .fork(
        [
          branch("bad", (b) => b.then("b1", (_, context) => note("b1", context)).then("b2", fails, once)),
          branch("good", (b) => b.then("g1", (_, context) => note("g1", context))),
        ],
        { mode: "settled" },
      )
      .join("settled", () => 1)
      .fork(
        [
          branch("wrong", (b) => b.then("w1", (_, context) => note("w1", context)).then("w2", fails, once)),
          branch("right", (b) => b.delay("rest", 5).then("r1", (_, context) => note("r1", context))),
        ],
        { mode: "any" },
      )
      .join("any", () => 1)
      .map(
        "items",
        () => ["i0", "i1", "i2"],
        flow<string>("item", { state: board })
          .then("work", (name, context) => note(name, context))
          .then("check", (_, { taskId }) => (taskId.includes("[1]") ? fails() : 1), once)
          .build(),
        { onFailure: "collect", concurrency: 1 },
      )
      .then("end", async (_, context) => await notesIn(context))
      .build();

    expect(await run(order, id, null)).toMatchObject({ output: "f1 g1 r1 i0 i2" });
  });

  test("keeps what branches changed where the join itself fails, and is skipped", async () => {
    const id = fresh("join-skipped");
    const order = flow<null>("order", { state: board })
      .fork([branch("a", (b) => b.then("a1", (_, context) => note("a1", context)))])
      .join(
        "join",
        (_, context) => {
          note("join", context);
          return fails();
        },
        { ...once, onFailure: "skip" },
      )
      .then("end", async (_, context) => await notesIn(context))
      .build();

    expect(await run(order, id, null)).toMatchObject({ output: "a1" });
  });

  test("is read, not changed, by what undoes a task", async () => {
    const id = fresh("undone");
    const seen: unknown[] = [];
    const order = flow<null>("order", { state: board })
      .then("work", (_, context) => note("work", context), {
        undo: async (_, context) => {
          seen.push(await notesIn(context));
          try {
            note("undo", context);
          } catch (error) {
            seen.push((error as Error).message);
          }
        },
      })
      .then("end", fails, once)
      .build();

    expect(await run(order, id, null)).toMatchObject({ status: "failed" });
    expect(seen).toEqual(["work", `state can't be changed by "work~undo", which undoes a task. It can be read.`]);
    expect(await client.readState(board, id)).toMatchObject({ notes: ["work"] });
  });

  test("is read, not changed, by what a flow does on failure", async () => {
    const id = fresh("handled");
    const seen: unknown[] = [];
    const order = flow<null>("order", {
      state: board,
      onFailure: async (_, { state }) => {
        seen.push((await state.read(board)).notes);
        try {
          state.update(board, { notes: ["handler"] });
        } catch (error) {
          seen.push((error as Error).message);
        }
      },
    })
      .then("work", (_, context) => note("work", context))
      .then("end", fails, once)
      .build();

    expect(await run(order, id, null)).toMatchObject({ status: "failed" });
    expect(seen).toEqual([["work"], expect.stringContaining(`"$onFailure[0]", which is told of the failure.`)]);
    expect(await client.readState(board, id)).toMatchObject({ notes: ["work"] });
  });

  test("of a result that is recorded by hand for a join is not lost", async () => {
    const id = fresh("by-hand");
    const order = flow<null>("order", { state: board })
      .fork([branch("a", (b) => b.then("a1", (_, context) => note("a1", context)))])
      .join("join", async (_, context) => {
        note("join", context);
        await client.completeTask(id, "join", "by hand");
        return "dropped";
      })
      .then("end", async (output, context) => [output, await notesIn(context)])
      .build();

    expect(await run(order, id, null)).toMatchObject({ output: ["by hand", "a1"] });
    expect(await versionsOf(id)).toHaveLength(2);
  });

  test("that can't be merged or stored fails the attempt", async () => {
    const nothing: unknown = undefined;
    const odd = state({ all: merged<unknown>(0, fails), value: nothing ?? null });
    const attempt = async (change: object): Promise<unknown> =>
      await runner.run(
        flow<null>("odd", { state: odd })
          .then("work", (_, { state: shared }) => shared.update(odd, change), once)
          .build(),
        fresh("odd"),
        null,
      );

    expect(await attempt({ all: 1 })).toMatchObject({ status: "failed", failure: { message: "no", taskId: "work" } });
    expect(await attempt({ value: () => 1 })).toMatchObject({ failure: { code: "CODEC_ENCODE", taskId: "work" } });
    expect(await attempt({ value: "x".repeat(3_000_000) })).toMatchObject({ failure: { code: "PAYLOAD_TOO_LARGE" } });
    expect(await attempt({ values: 1 })).toMatchObject({
      failure: { code: "INVALID_ARGUMENT", message: expect.stringContaining('did you mean "value"?') as string },
    });
  });

  test("of another flow, or of none, is refused, and so is a change that comes too late", async () => {
    const other = state({ key: 1 });
    const late: (() => void)[] = [];
    const run = async (built: ReturnType<typeof stateless>): Promise<unknown> =>
      await runner.run(built, fresh("refused"), null);
    const stateless = (options: object) =>
      flow<null>("plain", options)
        .then("work", async (_, { state: shared }) => await shared.read(board), once)
        .build();
    expect(await run(stateless({}))).toMatchObject({
      failure: {
        code: "INVALID_ARGUMENT",
        message: 'state is used, but flow "plain" has none. Give it to the flow: flow("plain", { state }).',
      },
    });
    expect(await run(stateless({ state: other }))).toMatchObject({ failure: { code: "INVALID_ARGUMENT" } });
    const lateFlow = flow<null>("late", { state: board })
      .then("work", (_, { state: shared }) => void late.push(() => shared.update(board, { total: 1 })))
      .build();
    await runner.run(lateFlow, fresh("late"), null);
    expect(() => late[0]?.()).toThrow('task "work" has ended');
  });
});
