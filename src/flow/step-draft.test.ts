import { describe, expect, test } from "vitest";
import { z } from "zod";
import { expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { task } from "./task.ts";
import { DEFAULT_POLICY } from "./task-options.ts";

const one = (): number => 1;
const charge = task("charge", one);
const ship = task("ship", one);
const child = flow("child").then(charge).build();

describe("then", () => {
  test("adds a task with its options in plain units", () => {
    const run = (n: number): string => String(n);
    const schema = z.string();
    const [node] = flow<number>("f")
      .then("print", run, { timeout: "1s", retries: 1, version: "2", output: schema })
      .build().root;
    expect(node).toEqual({
      kind: "task",
      id: "print",
      run,
      transaction: null,
      policy: { ...DEFAULT_POLICY, timeoutMs: 1_000, retry: { ...DEFAULT_POLICY.retry, maxAttempts: 2 } },
      version: "2",
      inputSchema: null,
      outputSchema: schema,
      onFailure: null,
      undo: null,
      limitedBy: null,
    });
  });

  test("adds a task that was made before", () => {
    expect(flow("f").then(charge).then(ship).build().root).toEqual([charge.node, ship.node]);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["nothing", [], "f/(step 1)", /^then\(\) takes a task, or an id and a function, not undefined/],
    ["an object as id", [{}, one], "f/(step 1)", /^then\(\) takes .* not an object/],
    ["a function without an id", [one], "f/(step 1)", /^then\(\) needs an id before the function/],
    [
      "a built flow",
      [child],
      "f/(step 1)",
      /^then\(\) takes .* not a built flow \("child"\); inline it with thenFlow\(\)/,
    ],
    ["a branch", [branch("b", charge)], "f/(step 1)", /^then\(\) takes .* not a branch/],
    ["a builder", [flow("x")], "f/(step 1)", /^then\(\) takes .* not a builder/],
    ["an id and a task", ["x", charge], "f/(step 1)", /^then\("charge", …\) needs a function, not a task/],
    ["a task and options", [charge, { retries: 1 }], "f/charge", /^then\(task\) takes nothing else/],
    ["no function", ["x"], "f/x", /^needs a function to run, not undefined/],
    ["a Promise as function", ["x", Promise.resolve(one)], "f/x", /^needs a function to run, not a Promise/],
    ["a Promise as options", ["x", one, Promise.resolve({})], "f/x", /^options must be an object, not a Promise/],
    [
      "an unknown option",
      ["x", one, { retires: 3 }],
      "f/x",
      /^options has an unknown key "retires"; did you mean "retries"/,
    ],
    ["a bad id", ["a/b", one], "f/(step 1)", /^id "a\/b" may contain only/],
    ["a reserved id", ["__proto__", one], "f/(step 1)", /^id "__proto__" is reserved/],
    ["a bad input schema", ["x", one, { input: {} }], "f/x", /^input must be a schema/],
    ["a bad output schema", ["x", one, { output: 5 }], "f/x", /^output must be a schema/],
    ["a bad timeout", ["x", one, { timeout: 0 }], "f/x", /^timeout must be longer than 0 ms/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .then(...args)
          .build(),
      path,
      message,
    );
  });

  test("reports what is wrong with a task wherever it stands", () => {
    const wrong = untyped.task("wrong", one, { priority: 9 });
    const issues = issuesOf(() =>
      untyped
        .flow("f")
        .then(wrong)
        .fork([untyped.branch("b", ship, wrong)])
        .join("j", one)
        .build(),
    );
    expect(issues.map((issue) => issue.path)).toEqual(["f/wrong", "f/j/b/wrong", "f/j/b/wrong"]);
    expect(issues[0]?.message).toMatch(/^priority must/);
    expect(issues[2]?.message).toBe("has the id of f/wrong; ids are unique within a flow");
  });
});

describe("loop", () => {
  test("adds a loop of a function, or of a task", () => {
    const built = untyped
      .flow("f")
      .loop("poll", one, { maxIterations: 5, onMax: "exitWithLast", retries: 1 })
      .loop(charge)
      .build();
    expect(built.root).toMatchObject([
      {
        kind: "loop",
        id: "poll",
        maxIterations: 5,
        onMax: "exitWithLast",
        body: { id: "poll", run: one, policy: { retry: { maxAttempts: 2 } } },
      },
      { kind: "loop", id: "charge", maxIterations: 1_000, onMax: "fail", body: charge.node },
    ]);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["nothing", [], "f/(step 1)", /^loop\(\) takes a task, or an id and a function, not undefined/],
    ["an id and a task", ["x", charge], "f/(step 1)", /^loop\("charge", …\) needs a function, not a task/],
    ["no function", ["x", 5], "f/x", /^needs a function to run, not a number/],
    ["a bad limit", ["x", one, { maxIterations: 0 }], "f/x", /^maxIterations must be a whole number from 1/],
    [
      "a bad limit of a task",
      [charge, { maxIterations: 0 }],
      "f/charge",
      /^maxIterations must be a whole number from 1/,
    ],
    [
      "a task's options",
      [charge, { retries: 1 }],
      "f/charge",
      /^options has an unknown key "retries"; known are "maxIterations", "onMax"/,
    ],
    ["schemas", ["x", one, { output: z.string() }], "f/x", /^options has an unknown key "output"/],
    [
      "a task with an output schema",
      [task("t", () => "", { output: z.string() })],
      "f/t",
      /^a loop's task can't have an output schema/,
    ],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .loop(...args)
          .build(),
      path,
      message,
    );
  });
});

describe("delay", () => {
  test("adds a delay; none is a delay too", () => {
    expect(flow("f").delay("pause", "1h30m").delay("none", 0).build().root).toEqual([
      { kind: "delay", id: "pause", durationMs: 5_400_000, until: null },
      { kind: "delay", id: "none", durationMs: 0, until: null },
    ]);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["no duration", ["x"], "f/x", /^needs a duration, such as "30s"/],
    ["a bad duration", ["x", "soon"], "f/x", /^duration "soon" is not a duration/],
    [
      "an endless duration",
      ["x", Number.POSITIVE_INFINITY],
      "f/x",
      /^duration must not be longer than a hundred years/,
    ],
    ["a bad id", ["", 5], "f/(step 1)", /^id must not be empty/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .delay(...args)
          .build(),
      path,
      message,
    );
  });
});

describe("waitForEvent", () => {
  test("adds a wait", () => {
    const schema = z.string();
    const built = flow("f")
      .waitForEvent("a", "order approved")
      .waitForEvent("b", "e", { timeout: "2d", onTimeout: "continue", schema })
      .build();
    expect(built.root).toEqual([
      {
        kind: "wait",
        id: "a",
        event: "order approved",
        timeoutMs: null,
        onTimeout: "fail",
        timeoutBranch: null,
        schema: null,
      },
      { kind: "wait", id: "b", event: "e", timeoutMs: 172_800_000, onTimeout: "continue", timeoutBranch: null, schema },
    ]);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["no event name", ["x"], "f/x", /^event name must be a string, not undefined/],
    ["a bad event name", ["x", " e"], "f/x", /^event name must not start or end with white space/],
    [
      "onTimeout without a timeout",
      ["x", "e", { onTimeout: "continue" }],
      "f/x",
      /^onTimeout is given without a timeout/,
    ],
    [
      "an unknown onTimeout",
      ["x", "e", { onTimeout: "skip", timeout: 5 }],
      "f/x",
      /^onTimeout must be "fail" or "continue", not "skip"/,
    ],
    ["a timeout of nothing", ["x", "e", { timeout: 0 }], "f/x", /^timeout must be longer than 0 ms/],
    ["a bad schema", ["x", "e", { schema: 5 }], "f/x", /^schema must be a schema/],
    [
      "an unknown option",
      ["x", "e", { timeOut: 5 }],
      "f/x",
      /^options has an unknown key "timeOut"; did you mean "timeout"/,
    ],
    ["a bad id", [5, "e"], "f/(step 1)", /^id must be a string, not a number/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .waitForEvent(...args)
          .build(),
      path,
      message,
    );
  });
});

describe("thenFlow", () => {
  test("inlines a flow under its name or another id", () => {
    expect(flow("f").thenFlow(child).thenFlow("again", child).build().root).toEqual([
      { kind: "subflow", id: "child", flow: "child", sequence: child.root },
      { kind: "subflow", id: "again", flow: "child", sequence: child.root },
    ]);
  });

  test("makes the other flow's input schema a first step", () => {
    const input = z.object({ cents: z.number().default(5) });
    const checked = flow("checked", { input })
      .then("a", ({ cents }) => cents)
      .build();
    const [step] = flow<{ cents: number }>("f").thenFlow(checked).build().root;
    if (step?.kind !== "subflow" || step.sequence[0]?.kind !== "task") throw new Error("Not what was built.");
    const [check, ...rest] = step.sequence;
    expect(check).toMatchObject({ kind: "task", id: "_input", inputSchema: input, policy: DEFAULT_POLICY });
    expect(rest).toEqual(checked.root);
    expect(step.sequence[0].run({ cents: 7 }, {} as never)).toEqual({ cents: 7 });
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["nothing", [], "f/(step 1)", /^thenFlow\(\) takes a built flow, or an id and a built flow, not undefined/],
    ["a builder", [flow("x").then(charge)], "f/(step 1)", /^thenFlow\(\) takes .* not a builder/],
    ["a task", [charge], "f/(step 1)", /^thenFlow\(\) takes .* not a task \("charge"\)/],
    ["too much", ["x", 5, child], "f/(step 1)", /^thenFlow\(\) takes a built flow, or an id and a built flow/],
    ["a bad id", ["x y", child], "f/(step 1)", /^id "x y" may contain only/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .thenFlow(...args)
          .build(),
      path,
      message,
    );
  });
});
