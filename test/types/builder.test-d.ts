import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { branch } from "../../src/flow/branch.ts";
import type { EventResult } from "../../src/flow/definition.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { type Task, task } from "../../src/flow/task.ts";
import type { FailedInstance } from "../../src/flow/task-options.ts";

interface Order {
  readonly sku: string;
  readonly cents: number;
}

const length = task("length", (text: string) => text.length);
const double = task("double", async (n: number) => n * 2);
const print = task("print", (value: string | number) => `${value}`);

test("task() infers from its function", () => {
  expectTypeOf(length).toEqualTypeOf<Task<"length", string, number>>();
  expectTypeOf(double).toEqualTypeOf<Task<"double", number, number>>();
  expectTypeOf(task("t", async (_: string, context) => context.attempt)).toEqualTypeOf<Task<"t", string, number>>();
  expectTypeOf(task("t", (n: number) => (n > 1 ? n : Promise.resolve("x")))).toEqualTypeOf<
    Task<"t", number, number | string>
  >();
});

test("task() infers from its schemas", () => {
  const input = z.object({ at: z.string().transform((text) => new Date(text)) });
  const output = z.object({ total: z.number().default(0) });
  const both = task("both", ({ at }) => ({ total: at.getTime() }), { input, output });
  expectTypeOf(both).toEqualTypeOf<Task<"both", { at: string }, { total: number }>>();
  const inputOnly = task("in", ({ at }) => at, { input, retries: 2 });
  expectTypeOf(inputOnly).toEqualTypeOf<Task<"in", { at: string }, Date>>();
  const outputOnly = task("out", (_n: number) => ({}), { output });
  expectTypeOf(outputOnly).toEqualTypeOf<Task<"out", number, { total: number }>>();
  // @ts-expect-error the function doesn't return what the output schema accepts
  task("bad", (_n: number) => ({ total: "3" }), { output });
  // @ts-expect-error the function's parameter isn't what the input schema gives back
  task("bad", (value: { at: string }) => value, { input });
});

test("a chain of tasks", () => {
  const built = flow<string>("f").then(length).then(double).then(print).build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, string>>();
  expectTypeOf(flow("f").then(length).then(double).build()).toEqualTypeOf<Flow<string, number>>();
  expectTypeOf(
    flow("f")
      .then("first", (order: Order) => order.cents)
      .build(),
  ).toEqualTypeOf<Flow<Order, number>>();
  expectTypeOf(
    flow<number>("f")
      .then("a", (n) => ({ n }))
      .then("b", async ({ n }) => [n])
      .build(),
  ).toEqualTypeOf<Flow<number, number[]>>();
  // @ts-expect-error length needs a string
  flow<number>("f").then(length);
  // @ts-expect-error double hands on a number
  flow<number>("f").then(double).then(length);
  // @ts-expect-error the function accepts a string, not a number
  flow<number>("f").then("a", (text: string) => text.length);
});

test("schemas in a chain", () => {
  const schema = z.object({ cents: z.number(), currency: z.string().default("EUR") });
  const built = flow("f", { input: schema })
    .then("a", (value) => value.currency)
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<{ cents: number; currency?: string | undefined }, string>>();
  const chained = flow<Order>("f").then("a", ({ currency }) => currency, { input: schema });
  expectTypeOf(chained.build()).toEqualTypeOf<Flow<Order, string>>();
  const parsed = flow<Order>("f")
    .then("a", () => ({ cents: 1 }), { output: schema })
    .then("b", (value) => value);
  expectTypeOf(parsed.build()).toEqualTypeOf<Flow<Order, { cents: number; currency: string }>>();
  // @ts-expect-error the schema accepts an object, not a string
  flow<string>("f").then("a", ({ currency }) => currency, { input: schema });
  // @ts-expect-error the function must return what the output schema accepts
  flow<string>("f").then("a", () => ({ cents: "1" }), { output: schema });
  const checked = task("checked", (value) => value.currency, { input: schema });
  expectTypeOf(flow<Order>("f").then(checked).build()).toEqualTypeOf<Flow<Order, string>>();
  // @ts-expect-error the task's schema accepts an object, not a string
  flow<string>("f").then(checked);
});

test("fork and join", () => {
  const built = flow<string>("f")
    .fork([
      branch("tasks", length, double, print),
      branch("built", (b) => b.then("x", (text) => text === "").delay("pause", "1s")),
    ])
    .join("both", (both) => {
      expectTypeOf(both).toEqualTypeOf<{ tasks: string; built: boolean }>();
      return both.built;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, boolean>>();
  const joinTask = task("both", (both: { a: number }) => both.a);
  expectTypeOf(
    flow<string>("f")
      .fork([branch("a", length)])
      .join(joinTask)
      .build(),
  ).toEqualTypeOf<Flow<string, number>>();
  const fork = flow<string>("f").fork([branch("a", print)]);
  // @ts-expect-error branch "a" hands on a string
  fork.join(joinTask);
  // @ts-expect-error there is no branch "b"
  fork.join("both", ({ b }) => b);
  // @ts-expect-error the annotated input isn't what the branches hand on
  fork.join("both", (both: { a: number }) => both);
  // @ts-expect-error the branch needs a string
  flow<number>("f").fork([branch("a", length)]);
  // @ts-expect-error double needs what length hands on, the other way round it doesn't fit
  branch("a", double, length);
  // @ts-expect-error a branch of a fork needs a step
  branch("a");
  // A fork must be joined.
  expectTypeOf(fork).not.toHaveProperty("build");
  // @ts-expect-error in the callback, the input is the flow's
  flow<number>("f").fork([branch("a", (b) => b.then(length))]);
});

test("branches that are made from data", () => {
  const built = flow<string>("f")
    .fork(["a", "b"].map((name) => branch(name, length)))
    .join("all", (all) => Object.values(all))
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, number[]>>();
});

test("nested forks", () => {
  const built = flow<number>("f")
    .fork([
      branch("outer", (b) =>
        b
          .then("o1", (n) => String(n))
          .fork([branch("inner", (c) => c.then("i1", (text) => text.length)), branch("other", print)])
          .join("inner-join", ({ inner, other }) => ({ inner, other })),
      ),
    ])
    .join("outer-join", async ({ outer }, context) => {
      expectTypeOf(outer).toEqualTypeOf<{ inner: number; other: string }>();
      expectTypeOf(await context.output("i1")).toEqualTypeOf<number>();
      expectTypeOf(await context.output("print")).toEqualTypeOf<string>();
      expectTypeOf(await context.output("inner-join")).toEqualTypeOf<{ inner: number; other: string }>();
      return outer.inner;
    });
  expectTypeOf(built.build()).toEqualTypeOf<Flow<number, number>>();
});

test("route", () => {
  const route = flow<Order>("f").route("size", ({ cents }) => (cents > 10 ? "big" : "small"), ["big", "small", "none"]);
  const built = route
    .branch("big", (b) => b.then("b1", (order) => order.cents))
    .branch(
      "small",
      task("s1", (order: Order) => order.sku),
      length,
    )
    .branch("none")
    .done()
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<Order, number | Order>>();
  // @ts-expect-error "none" and "small" have no branch
  route.branch("big").done();
  // @ts-expect-error "huge" is no key
  route.branch("huge");
  // @ts-expect-error "big" has a branch already
  route.branch("big").branch("big");
  // @ts-expect-error length needs a string, the route has an order
  route.branch("big", length);
  // @ts-expect-error only one default branch
  route.defaultBranch().defaultBranch();
  // A route must be ended.
  expectTypeOf(route).not.toHaveProperty("build");
  expectTypeOf(
    route
      .branch("big", () => flow<Order>("x").then("o", () => 1))
      .defaultBranch()
      .done()
      .build(),
  ).toEqualTypeOf<Flow<Order, number | Order>>();
});

test("a key function that may return other keys needs a default branch", () => {
  const route = flow<Order>("f")
    .route((order) => order.sku, ["a"])
    .branch("a", (b) => b.then("x", () => 1));
  // @ts-expect-error it may return any string
  route.done();
  const built = route
    .defaultBranch((b) => b.then("y", () => true))
    .done()
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<Order, number | boolean>>();
  flow<Order>("f")
    .route(async (order) => (order.cents > 1 ? "a" : "c"), ["a", "b"])
    .branch("a")
    .branch("b")
    // @ts-expect-error it may return "c"
    .done();
});

test("loop", () => {
  const loop = flow<number>("f").loop("poll", (n) => (n > 3 ? LoopResult.done(String(n)) : LoopResult.again(n + 1)));
  expectTypeOf(loop.build()).toEqualTypeOf<Flow<number, string>>();
  const exits = flow<number>("f").loop(
    "poll",
    async (n) => (n > 3 ? LoopResult.done(String(n)) : LoopResult.again(n + 1)),
    { onMax: "exitWithLast", maxIterations: 3, retries: 2 },
  );
  expectTypeOf(exits.build()).toEqualTypeOf<Flow<number, string | number>>();
  const state = task("state", (given: number | { tries: number }) =>
    typeof given === "number" ? LoopResult.again({ tries: given }) : LoopResult.done(given.tries > 1),
  );
  expectTypeOf(flow<number>("f").loop(state).build()).toEqualTypeOf<Flow<number, boolean>>();
  expectTypeOf(flow<number>("f").loop(state, { maxIterations: 3 }).build()).toEqualTypeOf<Flow<number, boolean>>();
  expectTypeOf(flow<number>("f").loop(state, { onMax: "exitWithLast" }).build()).toEqualTypeOf<
    Flow<number, boolean | { tries: number }>
  >();
  expectTypeOf(
    flow<number>("f")
      .loop("once", (n) => LoopResult.done(n === 1))
      .build(),
  ).toEqualTypeOf<Flow<number, boolean>>();
  // @ts-expect-error the next iteration needs a number
  flow<number>("f").loop("poll", (n) => (n > 3 ? LoopResult.done(n) : LoopResult.again(String(n))));
  // @ts-expect-error the task doesn't accept what it gives to the next iteration
  flow<number>("f").loop(task("t", (n: number) => (n > 3 ? LoopResult.done(n) : LoopResult.again(String(n)))));
  // @ts-expect-error a loop's body returns a LoopResult
  flow<number>("f").loop("poll", (n) => n + 1);
  // @ts-expect-error state doesn't accept a string
  flow<string>("f").loop(state);
});

test("waitForEvent", () => {
  const start = flow<number>("f");
  expectTypeOf(start.waitForEvent("w", "e").build()).toEqualTypeOf<Flow<number>>();
  expectTypeOf(start.waitForEvent<Order>("w", "e").build()).toEqualTypeOf<Flow<number, Order>>();
  expectTypeOf(start.waitForEvent<Order>("w", "e", { timeout: "1d" }).build()).toEqualTypeOf<Flow<number, Order>>();
  expectTypeOf(start.waitForEvent<Order>("w", "e", { timeout: "1d", onTimeout: "continue" }).build()).toEqualTypeOf<
    Flow<number, EventResult<Order>>
  >();
  const schema = z.object({ ok: z.string().transform((text) => text === "yes") });
  expectTypeOf(start.waitForEvent("w", "e", { schema }).build()).toEqualTypeOf<Flow<number, { ok: boolean }>>();
  expectTypeOf(start.waitForEvent("w", "e", { schema, timeout: 5, onTimeout: "continue" }).build()).toEqualTypeOf<
    Flow<number, EventResult<{ ok: boolean }>>
  >();
  start.waitForEvent("w", "e", { schema }).then("next", async (_, context) => {
    expectTypeOf(await context.output("w")).toEqualTypeOf<{ ok: boolean }>();
  });
  start.waitForEvent<Order, "w">("w", "e").then("next", async (_, context) => {
    expectTypeOf(await context.output("w")).toEqualTypeOf<Order>();
  });
  // @ts-expect-error onTimeout matters only with a timeout
  start.waitForEvent("w", "e", { onTimeout: "continue" });
  // @ts-expect-error the schema gives something else
  start.waitForEvent<Order>("w", "e", { schema });
});

test("thenFlow", () => {
  const child = flow<Order>("child")
    .then("c1", (order) => order.cents)
    .build();
  expectTypeOf(flow<Order>("f").thenFlow(child).build()).toEqualTypeOf<Flow<Order, number>>();
  expectTypeOf(flow<Order>("f").thenFlow("pay", child).build()).toEqualTypeOf<Flow<Order, number>>();
  expectTypeOf(flow("f").thenFlow(child).then(double).build()).toEqualTypeOf<Flow<Order, number>>();
  // @ts-expect-error the child needs an order
  flow<number>("f").thenFlow(child);
  // @ts-expect-error the child needs an order
  flow<number>("f").thenFlow("pay", child);
  // @ts-expect-error only a built flow can be inlined
  flow<Order>("f").thenFlow(flow<Order>("child"));
});

test("context.output", () => {
  flow<number>("f")
    .then("a", (n) => String(n))
    .then(length)
    .route("which", (n) => (n > 1 ? "x" : "y"), ["x", "y"])
    .branch("x", (b) =>
      b.then("x1", async (_, context) => {
        expectTypeOf(await context.output("a")).toEqualTypeOf<string>();
        expectTypeOf(await context.output("which")).toEqualTypeOf<"x" | "y">();
        return true;
      }),
    )
    .branch("y", double)
    .done()
    .loop("poll", () => LoopResult.done(new Date(0)))
    .delay("pause", 5)
    .then("end", async (_, context) => {
      expectTypeOf(await context.output("a")).toEqualTypeOf<string>();
      expectTypeOf(await context.output("length")).toEqualTypeOf<number>();
      expectTypeOf(await context.output("x1")).toEqualTypeOf<boolean>();
      expectTypeOf(await context.output("double")).toEqualTypeOf<number>();
      expectTypeOf(await context.output("poll")).toEqualTypeOf<Date>();
      expectTypeOf(await context.output("poll[3]")).toEqualTypeOf<unknown>();
      expectTypeOf(await context.output("nobody")).toEqualTypeOf<unknown>();
      // @ts-expect-error nothing is known of an unknown id's output
      const wrong: string = await context.output("nobody");
      return wrong;
    });
  const id: string = "dynamic";
  flow<number>("f")
    .then("a", (n) => n)
    .then(id, () => "text")
    .then("end", async (_, context) => {
      expectTypeOf(await context.output("a")).toEqualTypeOf<number>();
      expectTypeOf(await context.output(id)).toEqualTypeOf<unknown>();
    });
});

test("a builder can't be awaited or returned from an async function; a flow can", () => {
  const builder = flow<number>("f").then(double);
  // @ts-expect-error its `then` is not a promise's
  // oxlint-disable-next-line typescript/await-thenable, typescript/return-await -- this is what is refused
  void (async () => await builder);
  // @ts-expect-error its `then` is not a promise's
  void (async () => builder);
  void (async (): Promise<Flow<number, number>> => builder.build());
});

test("the failure handler of a flow gets what the flow was started with, and why it failed", () => {
  flow<Order>("f", {
    onFailure: ({ input, failure, undoFailure }, { taskId }) => {
      expectTypeOf(input).toEqualTypeOf<Order | undefined>();
      expectTypeOf(failure.taskId).toEqualTypeOf<string | undefined>();
      expectTypeOf(undoFailure?.message).toEqualTypeOf<string | undefined>();
      expectTypeOf(taskId).toExtend<string>();
    },
  });
  flow("f", {
    input: z.object({ at: z.string().transform((text) => new Date(text)) }),
    onFailure: ({ input }) => {
      // What the schema gives back is what is stored.
      expectTypeOf(input).toEqualTypeOf<{ at: Date } | undefined>();
    },
  });
  flow("f", { onFailure: ({ input }) => void expectTypeOf(input).toEqualTypeOf<unknown>() });
  flow<Order>("f", { onFailure: task("tell", (failed: FailedInstance<Order>) => failed.failure.message) });
  // @ts-expect-error a task that wants another input
  flow<Order>("f", { onFailure: task("tell", (failed: FailedInstance<string>) => failed.input) });
  // @ts-expect-error no word says what is to be done
  flow<Order>("f", { onFailure: "skip" });
});
