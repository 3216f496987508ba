import { describe, expect, test } from "vitest";
import { expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { task } from "./task.ts";

const one = (): number => 1;

describe("waitForEvents", () => {
  test("adds a node with a part for each of them, and one that counts where a function does", () => {
    const built = flow<number>("f")
      .waitForEvents("a", "e", { count: 3, timeout: "1m", onTimeout: "continue" })
      .waitForEvents("b", "e", { count: one, timeout: 5, onTimeout: (b) => b.then("late", one) })
      .build();
    expect(built.root).toMatchObject([
      { kind: "collect", id: "a", event: "e", count: 3, counting: null, timeoutMs: 60_000, onTimeout: "continue" },
      { kind: "collect", id: "b", count: null, onTimeout: "branch", timeoutBranch: [{ id: "late" }] },
    ]);
    expect([...built].map(({ address }) => address)).toEqual(["a", "a~event", "b", "b~count", "b~event", "late"]);
  });

  test.each<[string, readonly unknown[], RegExp]>([
    ["no options", ["x", "e"], /^count must be a whole number from 1 to 10000, not undefined; or it is a function/],
    ["no event", ["x", undefined, { count: 1 }], /^event name must be a string/],
    ["a count of 0", ["x", "e", { count: 0 }], /^count must be a whole number from 1 to 10000, not 0/],
    ["a count that is too large", ["x", "e", { count: 10_001 }], /^count must be a whole number from 1 to 10000/],
    ["half a count", ["x", "e", { count: 1.5 }], /^count must be a whole number/],
    ["a time limit of nothing", ["x", "e", { count: 1, timeout: 0 }], /^timeout must be longer than 0 ms/],
    ["onTimeout alone", ["x", "e", { count: 1, onTimeout: "continue" }], /^onTimeout is given without a timeout/],
    ["an unknown onTimeout", ["x", "e", { count: 1, timeout: 1, onTimeout: "stop" }], /^onTimeout must be "fail" or/],
    ["what is no schema", ["x", "e", { count: 1, schema: {} }], /^schema must be a schema/],
    ["a misspelt option", ["x", "e", { count: 1, tiemout: 1 }], /^options has an unknown key "tiemout"; did you mean/],
  ])("reports %s", (_, args, message) => {
    const build = (): unknown =>
      untyped
        .flow("f")
        .waitForEvents(...args)
        .build();
    expectIssue(build, "f/x", message);
  });

  test("reports a branch without steps", () => {
    const build = (): unknown =>
      untyped
        .flow("f")
        .waitForEvents("x", "e", { count: 1, timeout: 1, onTimeout: (b: unknown) => b })
        .build();
    expectIssue(build, "f/x/(timeout)", /^has no steps; to go on without any/);
  });
});

describe("waitForAny", () => {
  test("is a race of waits, and of a delay where there is a time limit", () => {
    const built = flow<number>("f")
      .waitForAny("first", { approved: "order.approved", rejected: "order.rejected" }, { timeout: "1m" })
      .waitForAny("second", ["yes", "no"])
      .build();
    expect(built.root).toMatchObject([
      {
        kind: "fork",
        mode: "race",
        branches: [
          { name: "approved", sequence: [{ kind: "wait", id: "event", event: "order.approved" }] },
          { name: "rejected", sequence: [{ kind: "wait", id: "event", event: "order.rejected" }] },
          { name: "timeout", sequence: [{ kind: "delay", id: "timeout", durationMs: 60_000 }] },
        ],
      },
      { kind: "fork", mode: "race", branches: [{ name: "yes" }, { name: "no" }] },
    ]);
  });

  test.each<[string, readonly unknown[], RegExp]>([
    ["no event", ["x", []], /^waitForAny\(\) needs the name of at least one event/],
    ["an event without a name", ["x", { a: "" }], /^events\.a must not be empty/],
    ["the same event twice", ["x", ["a", "a"]], /^events\[1\] repeats "a"/],
    ["what can't be a key", ["x", ["order approved"]], /^events\[0\] .*; to wait for it, give it a key/],
    [
      "a key with the name of the time limit",
      ["x", { timeout: "e" }, { timeout: 5 }],
      /^"timeout" names the time limit/,
    ],
    ["a time limit of nothing", ["x", ["a"], { timeout: 0 }], /^timeout must be longer than 0 ms/],
    ["a schema for no event", ["x", ["a"], { schemas: { b: {} } }], /^options\.schemas has an unknown key "b"/],
    ["what is no schema", ["x", ["a"], { schemas: { a: {} } }], /^schemas\.a must be a schema/],
    ["a misspelt option", ["x", ["a"], { timout: 1 }], /^options has an unknown key "timout"; did you mean "timeout"/],
  ])("reports %s", (_, args, message) => {
    const issues = issuesOf(() =>
      untyped
        .flow("f")
        .waitForAny(...args)
        .build(),
    );
    expect(issues.map(({ path }) => path)).toEqual(issues.map(() => "f/x"));
    expect(issues.some((issue) => message.test(issue.message))).toBe(true);
  });

  test("takes keys and events that every object has by inheritance", () => {
    for (const events of [{ toString: "a", valueOf: "b" }, ["hasOwnProperty", "toString"]]) {
      const built = untyped.flow("f").waitForAny("x", events, { timeout: 1 }).build();
      const keys = Array.isArray(events) ? events : Object.keys(events);
      expect([...built].map(({ address }) => address)).toEqual(
        expect.arrayContaining(keys.map((key) => `x/${key}/event`)),
      );
    }
  });

  test.each([[["x"]], [["x", "a"]], [["x", null]]])("reports a call that says no events: %j", (args) => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .waitForAny(...args)
          .build(),
      "f/(step 1)",
      /^waitForAny\(\) takes an id, and/,
    );
  });
});

describe("continueAsNew", () => {
  const again = (b: ReturnType<typeof untyped.flow>): unknown => b.continueAsNew("again", one);
  const endless = flow<number>("endless").continueAsNew("again", one).build();

  test("may be the last step of a flow, and of branches of routes and time limits on the trunk, also inlined", () => {
    const built = flow<number>("f")
      .route("way", () => "a", ["a", "b"])
      .branch("a", (b) => b.waitForEvent("w", "e", { timeout: 1, onTimeout: (c) => c.continueAsNew("late", one) }))
      .branch("b")
      .done()
      .thenFlow(flow<unknown>("inner").continueAsNew("again", one, { retries: 2, version: "1" }).build())
      .build();
    expect([...built].map(({ address }) => address)).toEqual(["way", "w", "late", "inner", "inner/again"]);
    expect(built.get("inner/again").node).toMatchObject({
      kind: "continue",
      next: { id: "again", version: "1", policy: { retry: { maxAttempts: 3 } } },
    });
  });

  test("is refused before other steps", () => {
    const build = (): unknown => (again(untyped.flow("f")) as ReturnType<typeof untyped.flow>).then("x", one).build();
    expectIssue(build, "f/again", /^continueAsNew\(\) ends the run, so it must be the last step of its flow or branch/);
  });

  test.each<[string, () => unknown, string, RegExp]>([
    [
      "a branch of a fork",
      () =>
        untyped
          .flow("f")
          .fork([untyped.branch("a", again)])
          .join("j", one)
          .build(),
      "f/j/a/again",
      /can't stand in a branch of a fork or race/,
    ],
    [
      "a race",
      () =>
        flow<number>("f")
          .race("r", [branch("a", task("t", one)), branch("b", (b) => b.thenFlow(endless))])
          .build(),
      "f/r/b/endless/again",
      /can't stand in a branch of a fork or race/,
    ],
    [
      "a map",
      () => flow<number[]>("f").map("m", endless).build(),
      "f/m/(item)/again",
      /can't stand in the flow of a map/,
    ],
    [
      "a loop",
      () =>
        flow<number>("f")
          .loop("l", endless, { until: () => true })
          .build(),
      "f/l/(iteration)/again",
      /can't stand in the flow of a loop/,
    ],
  ])("is refused in %s", (_, build, path, message) => {
    expectIssue(build, path, message);
  });

  test.each<[string, readonly unknown[], RegExp]>([
    ["no function", ["again"], /^needs a function to run/],
    ["no id", [undefined, one], /^id must be a string/],
    [
      "a misspelt option",
      ["again", one, { retires: 1 }],
      /^options has an unknown key "retires"; did you mean "retries"/,
    ],
  ])("reports %s", (_, args, message) => {
    const [issue] = issuesOf(() =>
      untyped
        .flow("f")
        .continueAsNew(...args)
        .build(),
    );
    expect(issue?.message).toMatch(message);
  });
});
