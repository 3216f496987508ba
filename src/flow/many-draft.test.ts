import { describe, expect, test } from "vitest";
import { expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { task } from "./task.ts";
import { DEFAULT_POLICY } from "./task-options.ts";
import { MAX_ITEMS } from "./validate.ts";

const one = (): number => 1;
const list = (): number[] => [1];
const work = task("work", one);
const wrong = untyped.task("wrong", one, { priority: 9 });
const child = flow<number>("child").then(work).build();

describe("map", () => {
  test("adds a list, a body and what hands the outputs on", () => {
    const [node] = flow<number>("f").map("items", list, work).build().root;
    expect(node).toMatchObject({
      kind: "map",
      id: "items",
      list: { kind: "task", id: "items", run: list, policy: DEFAULT_POLICY, version: null, onFailure: null },
      sequence: [work.node],
      concurrency: null,
      tolerated: 0,
      join: { id: "items", policy: DEFAULT_POLICY },
    });
    expect(Object.isFrozen(node)).toBe(true);
  });

  test("takes what comes in for the list where no function is given", async () => {
    const [node] = flow<readonly number[]>("f").map("items", work).build().root;
    if (node?.kind !== "map") throw new TypeError("A map was expected.");
    const given = [1, 2];
    expect(await node.list.run(given, undefined as never)).toBe(given);
  });

  test("takes a built flow for the body, and applies its input schema in a step of its own", () => {
    const schema = {
      "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value: value as number }) },
    };
    const checked = flow("checked", { input: schema }).then(work).build();
    expect(flow<number>("f").map("items", list, child).build().root).toMatchObject([{ sequence: [{ id: "work" }] }]);
    expect(flow<number>("f").map("items", list, checked).build().root).toMatchObject([
      { sequence: [{ id: "_input" }, { id: "work" }] },
    ]);
  });

  test("gives its policy to the function that makes the list", () => {
    const options = {
      retries: 2,
      timeout: "1s",
      tags: ["b", "a"],
      priority: 1,
      version: "2",
      description: "text",
    } as const;
    const [node] = flow<number>("f").map("items", list, work, options).build().root;
    expect(node).toMatchObject({
      list: {
        version: "2",
        policy: { timeoutMs: 1_000, tags: ["a", "b"], priority: 1, description: "text", retry: { maxAttempts: 3 } },
      },
      join: { policy: DEFAULT_POLICY },
    });
  });

  test.each<[unknown, number | null]>([
    [undefined, 0],
    ["fail", 0],
    ["collect", null],
    [{ tolerate: 1 }, 1],
    [{ tolerate: MAX_ITEMS }, MAX_ITEMS],
  ])("with onFailure %j lets so many items fail: %j", (onFailure, tolerated) => {
    const built = untyped.flow("f").map("items", list, work, { onFailure }).build();
    expect(built.root).toMatchObject([{ tolerated }]);
  });

  test.each([1, 20, MAX_ITEMS])("takes a concurrency of %d", (concurrency) => {
    expect(flow<number>("f").map("items", list, work, { concurrency }).build().root).toMatchObject([{ concurrency }]);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["nothing", [], "f/(step 1)", /^map\(\) takes an id, .* and a task or built flow, not undefined/],
    ["a list without a body", ["x", list], "f/(step 1)", /^map\(\) takes .* not undefined/],
    ["a function as body", ["x", list, one], "f/(step 1)", /^map\(\) takes .* not a function/],
    ["a builder as body", ["x", list, flow("y")], "f/(step 1)", /^map\(\) takes .* not a builder/],
    ["a branch as body", ["x", list, branch("b", work)], "f/(step 1)", /^map\(\) takes .* not a branch/],
    ["a list that is an array", ["x", [1, 2], work], "f/(step 1)", /^map\(\) takes .* not an array/],
    ["a Promise of a body", ["x", list, Promise.resolve(work)], "f/(step 1)", /^map\(\) takes .* not a Promise/],
    ["a bad id", ["a/b", list, work], "f/(step 1)", /^id "a\/b" may contain only/],
    ["an id with an index", ["a[0]", list, work], "f/(step 1)", /^id "a\[0\]" may contain only/],
    ["no id", [undefined, list, work], "f/(step 1)", /^id must be/],
    ["a task with a mistake", ["x", list, wrong], "f/x", /^priority must/],
    [
      "concurrency 0",
      ["x", list, work, { concurrency: 0 }],
      "f/x",
      /^concurrency must be a whole number from 1 to 100000, not 0/,
    ],
    ["half a concurrency", ["x", list, work, { concurrency: 1.5 }], "f/x", /^concurrency must be a whole number/],
    ["NaN for concurrency", ["x", list, work, { concurrency: Number.NaN }], "f/x", /^concurrency must .* not NaN/],
    ["too much concurrency", ["x", list, work, { concurrency: MAX_ITEMS + 1 }], "f/x", /^concurrency must be/],
    ["concurrency as text", ["x", list, work, { concurrency: "5" }], "f/x", /^concurrency must .* not a string/],
    ["null for concurrency", ["x", list, work, { concurrency: null }], "f/x", /^concurrency must .* not null/],
    [
      "an unknown onFailure",
      ["x", list, work, { onFailure: "skip" }],
      "f/x",
      /^onFailure must be "fail", "collect" or \{ tolerate: n \}/,
    ],
    ["null for onFailure", ["x", list, work, { onFailure: null }], "f/x", /^onFailure must .* not null/],
    [
      "onFailure without a number",
      ["x", list, work, { onFailure: {} }],
      "f/x",
      /^onFailure\.tolerate must be a whole number/,
    ],
    [
      "tolerate 0",
      ["x", list, work, { onFailure: { tolerate: 0 } }],
      "f/x",
      /^onFailure\.tolerate must be a whole number from 1/,
    ],
    ["half a failure", ["x", list, work, { onFailure: { tolerate: 0.5 } }], "f/x", /^onFailure\.tolerate must be/],
    [
      "a misspelt tolerate",
      ["x", list, work, { onFailure: { tolerat: 1, tolerate: 1 } }],
      "f/x",
      /^onFailure has an unknown key "tolerat"; did you mean/,
    ],
    [
      "an unknown option",
      ["x", list, work, { concurency: 5 }],
      "f/x",
      /^options has an unknown key "concurency"; did you mean "concurrency"/,
    ],
    ["options that are no object", ["x", list, work, 5], "f/x", /^options must be an object, not a number/],
    ["a bad retry", ["x", list, work, { retries: -1 }], "f/x", /^retries must/],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .map(...args)
          .build(),
      path,
      message,
    );
  });

  test("reports every mistake at once", () => {
    const options = { concurrency: 0, onFailure: "no", retries: -1, tags: "gpu" };
    expect(issuesOf(() => untyped.flow("f").map("x", list, wrong, options).build())).toHaveLength(5);
  });

  test("has a scope of its own: its body may use ids that are used outside", () => {
    const built = flow<number>("f").then(work).map("items", list, child).build();
    expect([...built].map(({ address }) => address)).toEqual([
      "work",
      "items",
      "items~list",
      "items~item",
      "items/work",
    ]);
  });
});

describe("fork", () => {
  test.each([
    [undefined, "all"],
    [{}, "all"],
    [{ mode: undefined }, "all"],
    [{ mode: "all" }, "all"],
    [{ mode: "settled" }, "settled"],
    [{ mode: "any" }, "any"],
  ])("with the options %j waits for %s", (options, mode) => {
    const built = untyped
      .flow("f")
      .fork([branch("a", work)], options)
      .join("j", one)
      .build();
    expect(built.root).toMatchObject([
      { kind: "fork", id: "j", mode, branches: [{ name: "a", sequence: [work.node] }] },
    ]);
  });

  test.each<[string, unknown, RegExp]>([
    ["an unknown mode", { mode: "first" }, /^mode must be "all" or "settled" or "any", not "first"/],
    ["race as a mode", { mode: "race" }, /^mode must/],
    ["null as a mode", { mode: null }, /^mode must/],
    ["an unknown option", { mod: "any" }, /^options has an unknown key "mod"; did you mean "mode"/],
    ["a mode without an object", "any", /^options must be an object, not a string/],
  ])("reports %s", (_, options, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .fork([branch("a", work)], options)
          .join("j", one)
          .build(),
      "f/j",
      message,
    );
  });

  test("gives branches that can be abandoned a scope of their own", () => {
    const branches = [branch("a", work), branch("b", task("work", one))] as const;
    for (const mode of ["settled", "any"] as const) {
      const built = flow<number>("f").fork(branches, { mode }).join("j", one).build();
      expect([...built].map(({ address }) => address)).toEqual(["j", "j/a/work", "j/b/work"]);
    }
    expectIssue(
      () => flow<number>("f").fork(branches).join("j", one).build(),
      "f/j/b/work",
      /^has the id of f\/j\/a\/work; ids are unique within a flow/,
    );
  });
});

describe("race", () => {
  test("adds a fork that hands on what comes first", async () => {
    const [node] = flow<number>("f")
      .race("first", [branch("a", work), branch("b", work)])
      .build().root;
    expect(node).toMatchObject({ kind: "fork", id: "first", mode: "race", branches: [{ name: "a" }, { name: "b" }] });
    if (node?.kind !== "fork") throw new TypeError("A fork was expected.");
    const won = { branch: "a", output: 1 };
    expect(await node.join.run(won, undefined as never)).toBe(won);
  });

  test.each<[string, readonly unknown[], string, RegExp]>([
    ["no id", [undefined, [branch("a", work)]], "f/(step 1)", /^id must be/],
    ["a bad id", ["a b", [branch("a", work)]], "f/(step 1)", /^id "a b" may contain only/],
    ["no branches", ["x"], "f/x", /^race\(\) takes an array of branches, not undefined/],
    ["an empty list", ["x", []], "f/x", /^race\(\) needs at least one branch/],
    ["a task as a branch", ["x", [work]], "f/x", /^branch 1 must be made by branch\(\), not be a task/],
    [
      "too many branches",
      ["x", Array.from({ length: 10_001 })],
      "f/x",
      /^the race has 10001 branches; the limit is 10000/,
    ],
    ["a branch without steps", ["x", [untyped.branch("a")]], "f/x/a", /^has no steps/],
    [
      "two branches of one name",
      ["x", [branch("a", work), branch("a", work)]],
      "f/x/a",
      /^is the name of more than one/,
    ],
  ])("reports %s", (_, args, path, message) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .race(...args)
          .build(),
      path,
      message,
    );
  });
});

describe("a fork that is not joined", () => {
  test.each(["map", "race", "delayUntil"] as const)("can't be followed by %s", (method) => {
    const fork = untyped.flow("f").fork([branch("a", work)]);
    expectIssue(
      () => fork[method]("x"),
      "f",
      new RegExp(`^a fork must be followed by join\\(id, fn\\) before ${method}\\(\\)`),
    );
  });
});
