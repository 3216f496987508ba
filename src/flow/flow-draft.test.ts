import { describe, expect, test } from "vitest";
import { z } from "zod";
import { definitionErrorOf, expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { DefinitionError } from "../errors/definition-errors.ts";
import { type AnyBranch, branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { Flow } from "./flow-definition.ts";
import { task } from "./task.ts";

const one = (): number => 1;
const charge = task("charge", one);
const ship = task("ship", one);
const child = flow("child").then(charge).build();

describe("flow", () => {
  test("makes a flow with a description and an input schema", () => {
    const input = z.string();
    const built = flow("f", { description: "text", input }).then("a", one).build();
    expect(built).toBeInstanceOf(Flow);
    expect(built).toMatchObject({ name: "f", description: "text", inputSchema: input });
    expect(flow("f").then(charge).build()).toMatchObject({ description: null, inputSchema: null });
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["a bad name", ["a b"], "(flow)", /^name "a b" may contain only/],
    ["no name", [], "(flow)", /^name must be a string, not undefined/],
    ["an unknown option", ["f", { desc: "" }], "f", /^options has an unknown key "desc"; did you mean "description"/],
    ["a bad description", ["f", { description: 5 }], "f", /^description must be a string, not a number/],
    ["a bad schema", ["f", { input: 5 }], "f", /^input must be a schema/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow(...args)
          .then(charge)
          .build(),
      path,
      message,
    );
  });

  test("reports a flow without steps", () => {
    expect(issuesOf(() => flow("f").build())).toEqual([{ path: "f", message: "has no steps; add one with then()" }]);
  });

  test("reports every mistake at once", () => {
    const error = definitionErrorOf(() =>
      untyped
        .flow("order", { description: 5 })
        .then("a b", one, { timeout: -1 })
        .then()
        .then("x", one)
        .then("x", one)
        .delay("pause", "soon")
        .build(),
    );
    expect(error.issues.map(({ path }) => path)).toEqual([
      "order",
      "order/(step 1)",
      "order/(step 1)",
      "order/(step 2)",
      "order/pause",
      "order/x",
    ]);
    expect(error.message).toMatch(/^Flow "order" has 6 mistakes:\n {2}- order: description/);
  });
});

describe("a builder", () => {
  test("is immutable: a common beginning can be continued in different ways", () => {
    const start = flow<number>("f").then(charge);
    const a = start.then("a", one).build();
    const b = start.delay("b", 5).build();
    const route = start.route(() => "x", ["x"]);
    const c = route.branch("x").done().build();
    const d = route.branch("x", ship).done().build();
    const addresses = [start.build(), a, b, c, d].map((built) => [...built].map(({ address }) => address));
    expect(addresses).toEqual([
      ["charge"],
      ["charge", "a"],
      ["charge", "b"],
      ["charge", "route-1"],
      ["charge", "route-1", "ship"],
    ]);
  });

  test("builds equal flows each time, with nothing in them that could be changed", () => {
    const builder = flow<number>("f")
      .fork([branch("a", charge)])
      .join("j", one)
      .route(() => "x", ["x"])
      .branch("x", ship)
      .done();
    expect(builder.build()).toEqual(builder.build());
    const { root } = builder.build();
    const [fork, route] = root;
    if (fork?.kind !== "fork" || route?.kind !== "route") throw new Error("Not what was built.");
    const parts: unknown[] = [builder.build(), root, fork, fork.branches, fork.branches[0], fork.branches[0]?.sequence];
    parts.push(fork.join, fork.join.policy, route, route.select, route.keys, route.branches, route.branches[0]);
    expect(parts.every(Object.isFrozen)).toBe(true);
  });

  test("can be used for a branch's callback that goes on from a stored builder", () => {
    const built = flow<number>("f")
      .fork([
        branch("a", (b) => {
          const prefix = b.then("p", one);
          return prefix.then("q", one);
        }),
      ])
      .join("j", one)
      .build();
    expect([...built].map(({ address }) => address)).toEqual(["j", "p", "q"]);
  });

  test("lets a callback's own error through", () => {
    expect(() =>
      branch("a", () => {
        throw new RangeError("mine");
      }),
    ).toThrow(RangeError);
  });
});

describe("awaiting a builder", () => {
  const message = /a flow builder was awaited or returned from an async function; call \.build\(\)/;
  const builders = {
    "a flow": flow<number>("f").then(charge),
    "a fork": flow<number>("f").fork([branch("b", charge)]),
    "a route": flow<number>("f").route(() => "a", ["a"]),
  };

  test.each(Object.entries(builders))("rejects: %s", async (_, builder: unknown) => {
    await expect(async () => await builder).rejects.toThrow(message);
    await expect(Promise.resolve(builder)).rejects.toThrow(DefinitionError);
    await expect((async () => builder)()).rejects.toMatchObject({
      code: "DEFINITION_INVALID",
      issues: [{ path: "f" }],
    });
  });

  test("a built flow can be awaited", async () => {
    const built = flow("f").then(charge).build();
    expect("then" in built).toBe(false);
    await expect(Promise.resolve(built)).resolves.toBe(built);
  });
});

describe("fork", () => {
  test("adds a fork with the id of its join", () => {
    const [node] = flow<number>("f")
      .fork([branch("a", charge, ship), branch("b", (b) => b.delay("pause", "1s").then("last", one))])
      .join("both", one, { priority: 1 })
      .build().root;
    expect(node).toMatchObject({
      kind: "fork",
      id: "both",
      branches: [
        { name: "a", sequence: [charge.node, ship.node] },
        {
          name: "b",
          sequence: [
            { kind: "delay", id: "pause", durationMs: 1_000 },
            { kind: "task", id: "last" },
          ],
        },
      ],
      join: { kind: "task", id: "both", run: one, policy: { priority: 1 } },
    });
  });

  test("takes a task for a join, and a single branch", () => {
    const join = task("join", (input: { only: number }) => input.only);
    expect(
      flow("f")
        .fork([branch("only", charge)])
        .join(join)
        .build().root,
    ).toMatchObject([{ join: join.node }]);
  });

  test("takes its branches when it is called", () => {
    const branches: AnyBranch<unknown, object>[] = [branch("a", charge)];
    const fork = flow("f").fork(branches);
    branches.push(branch("b", ship));
    expect(fork.join("j", one).build().root).toMatchObject([{ branches: [{ name: "a" }] }]);
  });

  const good = branch("good", charge);

  test.each<[string, unknown, string, RegExp]>([
    ["no array", good, "f/j", /^fork\(\) takes an array of branches, not a branch/],
    ["no branches", [], "f/j", /^fork\(\) needs at least one branch/],
    ["what is no branch", [good, ship], "f/j", /^branch 2 must be made by branch\(\), not be a task \("ship"\)/],
    ["a hole", [good, undefined], "f/j", /^branch 2 must be made by branch\(\), not be undefined/],
    ["two branches of one name", [good, branch("good", ship)], "f/j/good", /^is the name of more than one branch/],
    ["a bad name", [untyped.branch("a b", ship)], "f/j/(branch 1)", /^branch name "a b" may contain only/],
    [
      "a name that is no string",
      [untyped.branch(Object.create(null), ship)],
      "f/j/(branch 1)",
      /^branch name must be a string/,
    ],
    ["a reserved name", [branch("constructor", ship)], "f/j/(branch 1)", /^branch name "constructor" is reserved/],
    ["an empty branch", [untyped.branch("a")], "f/j/a", /^has no steps; a fork's branch needs one at least/],
    ["a callback that adds nothing", [branch("a", (b) => b)], "f/j/a", /^has no steps/],
    [
      "a step that is no task",
      [untyped.branch("a", charge, child)],
      "f/j/a",
      /^step 2 must be a task, not a built flow \("child"\)/,
    ],
    ["a callback beside tasks", [untyped.branch("a", charge, one)], "f/j/a", /^step 2 must be a task, not a function/],
    [
      "a callback that returns nothing",
      [untyped.branch("a", () => undefined)],
      "f/j/a",
      /^the callback must return the builder that it continued, not undefined/,
    ],
    [
      "a callback that returns another builder",
      [untyped.branch("a", () => flow("x").then(ship))],
      "f/j/a",
      /^the callback returned a builder that doesn't continue/,
    ],
    [
      "a callback that returns a flow",
      [untyped.branch("a", () => child)],
      "f/j/a",
      /^the callback must return the builder .* not a built flow/,
    ],
    [
      "a callback that returns a fork",
      [untyped.branch("a", (b: typeof good) => flow("x").fork([b]))],
      "f/j/a",
      /^the callback returned an unfinished fork or route/,
    ],
  ])("reports %s", (_, branches, path, message) => {
    expectIssue(() => untyped.flow("f").fork(branches).join("j", one).build(), path, message);
  });

  test("reports a callback that is async, and leaves no rejection behind", async () => {
    const asynchronous = untyped.branch("a", async (b: unknown) => b);
    const build = (): unknown => untyped.flow("f").fork([asynchronous]).join("j", one).build();
    expectIssue(build, "f/j/a", /^the callback returned a Promise/);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  });

  test("reports a wrong join and wrong branches together", () => {
    const issues = issuesOf(() =>
      untyped
        .flow("f")
        .fork([untyped.branch("a")])
        .join(undefined)
        .build(),
    );
    expect(issues).toEqual([
      { path: "f/(step 1)", message: "join() takes a task, or an id and a function, not undefined" },
      { path: "f/(step 1)/a", message: "has no steps; a fork's branch needs one at least" },
    ]);
  });

  test.each(["then", "fork", "route", "loop", "delay", "waitForEvent", "thenFlow", "build"] as const)(
    "is not followed by %s()",
    (method) => {
      const error = definitionErrorOf(() => untyped.flow("f").fork([good])[method]());
      expect(error.issues).toEqual([
        { path: "f", message: `a fork must be followed by join(id, fn) before ${method}()` },
      ]);
    },
  );

  test("build() in a branch's callback is refused at once", () => {
    expect(issuesOf(() => untyped.branch("a", (b: { build(): unknown }) => b.build()))).toEqual([
      { path: "(branch)", message: "build() was called in a branch's callback; return the builder instead" },
    ]);
  });
});
