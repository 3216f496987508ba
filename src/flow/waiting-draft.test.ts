import { describe, expect, test } from "vitest";
import { expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { flow } from "./flow.ts";
import { LoopResult } from "./loop-result.ts";
import { task } from "./task.ts";
import type { TaskContext } from "./task-context.ts";

const one = (): number => 1;
const work = task("work", one);
const round = flow<number>("round").then(work).build();
const context = undefined as unknown as TaskContext;

describe("loop over a flow", () => {
  test("adds a loop whose body decides, in which the flow is a scope of its own", () => {
    const built = flow<number>("f")
      .then(work)
      .loop("again", round, { until: () => true, maxIterations: 3, onMax: "exitWithLast", retries: 1, version: "2" })
      .build();
    expect(built.root[1]).toMatchObject({
      kind: "loop",
      id: "again",
      sequence: [work.node],
      maxIterations: 3,
      onMax: "exitWithLast",
      body: { id: "again", version: "2", policy: { retry: { maxAttempts: 2 } } },
    });
    expect([...built].map(({ address }) => address)).toEqual(["work", "again", "again/work"]);
  });

  test.each<[unknown, unknown]>([
    [true, LoopResult.done(7)],
    [false, LoopResult.again(7)],
    [Promise.resolve(true), LoopResult.done(7)],
  ])("goes by what until says: %j", async (says, result) => {
    const built = untyped
      .flow("f")
      .loop("again", round, { until: () => says })
      .build();
    const [node] = built.root;
    if (node?.kind !== "loop") throw new TypeError("A loop was expected.");
    expect(await node.body.run(7, context)).toEqual(result);
  });

  test.each([undefined, null, 0, 1, "", "true", {}])("takes %j of until for no answer", async (says) => {
    const built = untyped
      .flow("f")
      .loop("again", round, { until: () => says })
      .build();
    const [node] = built.root;
    if (node?.kind !== "loop") throw new TypeError("A loop was expected.");
    await expect(node.body.run(7, context)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/^until of loop "again" must return true or false, not /),
    });
  });

  test.each<[string, readonly unknown[], RegExp]>([
    ["no options", ["x", round], /^options\.until must be a function .* not undefined/],
    ["no until", ["x", round, {}], /^options\.until must be a function .* not undefined/],
    ["until that is no function", ["x", round, { until: true }], /^options\.until must be a function .* not /],
    [
      "a misspelt until",
      ["x", round, { util: one, until: one }],
      /^options has an unknown key "util"; did you mean "until"/,
    ],
    ["a bad limit", ["x", round, { until: one, maxIterations: 0 }], /^maxIterations must be a whole number from 1/],
    ["an unknown onMax", ["x", round, { until: one, onMax: "stop" }], /^onMax must be/],
    ["a bad policy", ["x", round, { until: one, retries: -1 }], /^retries must/],
    ["onFailure", ["x", round, { until: one, onFailure: "skip" }], /^options has an unknown key "onFailure"/],
  ])("reports %s", (_, args, message) => {
    const issues = issuesOf(() =>
      untyped
        .flow("f")
        .loop(...args)
        .build(),
    );
    expect(issues.map((issue) => issue.path)).toEqual(issues.map(() => "f/x"));
    expect(issues.some((issue) => message.test(issue.message))).toBe(true);
  });

  test("reports a bad id, and a flow without one", () => {
    expectIssue(
      () => untyped.flow("f").loop("a/b", round, { until: one }).build(),
      "f/(step 1)",
      /^id "a\/b" may contain only/,
    );
    expectIssue(
      () => untyped.flow("f").loop(round, { until: one }).build(),
      "f/(step 1)",
      /^loop\(\) takes a task, or/,
    );
  });
});

describe("delayUntil", () => {
  test("adds a delay whose end is worked out, with a policy", () => {
    expect(flow<number>("f").delayUntil("d", one, { retries: 1, version: "2" }).build().root).toMatchObject([
      {
        kind: "delay",
        id: "d",
        durationMs: null,
        until: { id: "d", run: one, version: "2", policy: { retry: { maxAttempts: 2 } } },
      },
    ]);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["nothing to work it out", ["x"], "f/x", /^needs a function to run, not undefined/],
    ["a duration", ["x", "5m"], "f/x", /^needs a function to run, not a string/],
    ["a Date", ["x", new Date(0)], "f/x", /^needs a function to run, not /],
    ["a bad id", ["a/b", one], "f/(step 1)", /^id "a\/b" may contain only/],
    [
      "an unknown option",
      ["x", one, { timout: 1 }],
      "f/x",
      /^options has an unknown key "timout"; did you mean "timeout"/,
    ],
    ["a schema", ["x", one, { input: {} }], "f/x", /^options has an unknown key "input"/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .delayUntil(...args)
          .build(),
      path,
      message,
    );
  });
});

describe("onTimeout with a callback", () => {
  test("adds a wait with a branch, on the path of the wait", () => {
    const built = flow<number>("f")
      .waitForEvent("w", "e", { timeout: "1s", onTimeout: (b) => b.then("late", one).delay("rest", 5) })
      .build();
    expect(built.root).toMatchObject([
      {
        kind: "wait",
        timeoutMs: 1_000,
        onTimeout: "branch",
        timeoutBranch: [
          { kind: "task", id: "late" },
          { kind: "delay", id: "rest" },
        ],
      },
    ]);
    expect([...built].map(({ address }) => address)).toEqual(["w", "late", "rest"]);
  });

  test.each<[string, unknown, string, RegExp]>([
    ["without a timeout", { onTimeout: (b: unknown) => b }, "f/w", /onTimeout is given without a timeout/],
    ["that returns nothing", { timeout: 1, onTimeout: () => undefined }, "f/w", /the callback must return the builder/],
    ["that returns a task", { timeout: 1, onTimeout: () => work }, "f/w", /the callback must return the builder/],
    ["that is async", { timeout: 1, onTimeout: async () => 1 }, "f/w", /the callback returned a Promise/],
    ["that adds nothing", { timeout: 1, onTimeout: (b: unknown) => b }, "f/w", /no steps|at least/],
    ["that returns another builder", { timeout: 1, onTimeout: () => flow("x") }, "f/w", /doesn't continue the one/],
    [
      "that ends in an unfinished fork",
      { timeout: 1, onTimeout: (b: ReturnType<typeof untyped.flow>) => b.fork([]) },
      "f/w",
      /an unfinished fork or route/,
    ],
    [
      "with a mistake inside",
      { timeout: 1, onTimeout: (b: ReturnType<typeof untyped.flow>) => b.then("x", 5) },
      "f/w/(timeout)/x",
      /needs a function to run/,
    ],
  ])("is refused %s", (_, options, path, message) => {
    const issues = issuesOf(() => untyped.flow("f").waitForEvent("w", "e", options).build());
    const found = issues.find((issue) => message.test(issue.message));
    expect(issues.map((issue) => issue.message)).toContainEqual(expect.stringMatching(message));
    expect(found?.path.startsWith(path)).toBe(true);
  });

  test("shares its ids with what is around it", () => {
    expectIssue(
      () =>
        flow<number>("f")
          .then(work)
          .waitForEvent("w", "e", { timeout: 1, onTimeout: (b) => b.then(work) })
          .build(),
      "f/w/(timeout)/work",
      /^has the id of f\/work/,
    );
  });
});
