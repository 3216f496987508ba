import { describe, expect, test } from "vitest";
import { expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { type UntypedBuilder, untyped } from "../../test/support/untyped-builder.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { LoopResult } from "./loop-result.ts";
import { task } from "./task.ts";

const one = (): number => 1;
const instead = task("instead", one);

describe("onFailure of a task", () => {
  test.each<[unknown, unknown]>([
    [undefined, null],
    ["fail", null],
    ["skip", { kind: "skip" }],
    [{ goto: "end" }, { kind: "goto", id: "end" }],
    [{ fallback: instead }, { kind: "fallback", task: instead.node }],
    [{ fallback: one }, { kind: "fallback", task: { kind: "task", id: "fallback", run: one } }],
  ])("%j", (onFailure, node) => {
    const made = untyped.flow("f").then("a", one, { onFailure }).then("end", one).build();
    const given = untyped
      .flow("f")
      .then(untyped.task("a", one, { onFailure }))
      .then("end", one)
      .build();
    if (node === null) expect(made.root[0]).toMatchObject({ onFailure: null });
    else expect(made.root[0]).toMatchObject({ onFailure: node });
    expect(given.hash).toBe(made.hash);
  });

  test.each<[string, unknown, RegExp]>([
    [
      "an unknown word",
      "retry",
      /^onFailure must be "fail", "skip", \{ goto: id \} or \{ fallback: task \}, not "retry"/,
    ],
    ["null", null, /^onFailure must be .* not null/],
    ["a function", one, /^onFailure must be .* not a function/],
    ["a list", ["skip"], /^onFailure must be an object, not an array|^onFailure must be/],
    ["nothing", {}, /^onFailure must have either goto or fallback/],
    ["both", { goto: "end", fallback: one }, /^onFailure must have either goto or fallback/],
    ["a bad id to go to", { goto: "a/b" }, /^onFailure\.goto "a\/b" may contain only/],
    [
      "a fallback that is no function",
      { fallback: 5 },
      /^onFailure\.fallback must be a function or a task, not a number/,
    ],
    [
      "a fallback that is a flow",
      { fallback: flow("x").then("a", one).build() },
      /^onFailure\.fallback must be a function or a task/,
    ],
    ["a fallback by its id", { fallback: "end" }, /^onFailure\.fallback must be a function or a task, not a string/],
    [
      "a fallback that has an onFailure",
      { fallback: task("x", one, { onFailure: "skip" }) },
      /^onFailure\.fallback \("x"\) has an onFailure itself, which would never matter/,
    ],
    [
      "a fallback with a mistake",
      { fallback: untyped.task("x", one, { retries: -1 }) },
      /^onFailure\.fallback retries must/,
    ],
  ])("reports %s", (_, onFailure, message) => {
    const issues = issuesOf(() => untyped.flow("f").then("a", one, { onFailure }).then("end", one).build());
    expect(issues[0]).toMatchObject({ path: "f/a", message: expect.stringMatching(message) });
  });

  test("reports an unknown key", () => {
    expectIssue(
      () =>
        untyped
          .flow("f")
          .then("a", one, { onFailure: { gotoo: "end", goto: "end" } })
          .then("end", one)
          .build(),
      "f/a",
      /^onFailure has an unknown key "gotoo"; did you mean "goto"\?/,
    );
  });

  test("is no option of routes, races, loops of a function, delays and maps' lists", () => {
    const builder = untyped.flow("f");
    const options = { onFailure: "skip" };
    const unknown = /^options has an unknown key "onFailure"/;
    expectIssue(() => builder.route("r", one, ["k"], options).branch("k").done().build(), "f/r", unknown);
    expectIssue(() => builder.loop("l", one, options).build(), "f/l", unknown);
    expectIssue(() => builder.delayUntil("d", one, options).build(), "f/d", unknown);
  });
});

describe("goto", () => {
  const goto = (id: string): object => ({ onFailure: { goto: id } });

  test("leads to a later step beside it, however far", () => {
    const built = untyped.flow("f").then("a", one, goto("end")).then("b", one).delay("c", 1).then("end", one).build();
    expect(built.root).toHaveLength(4);
  });

  test("leads out of routes and of what follows a time limit, to what comes after", () => {
    const routed = untyped
      .flow("f")
      .route("r", one, ["k"])
      .branch("k", (b: UntypedBuilder) => b.then("a", one, goto("end")))
      .done()
      .waitForEvent("w", "e", { timeout: 1, onTimeout: (b: UntypedBuilder) => b.then("late", one, goto("end")) })
      .then("end", one);
    expect(routed.build().root).toHaveLength(3);
  });

  test("is an option of a join", () => {
    const built = untyped
      .flow("f")
      .fork([branch("x", instead)])
      .join("j", one, goto("end"))
      .then("end", one)
      .build();
    expect(built.root).toHaveLength(2);
  });

  test("is an option of a task that is repeated", () => {
    const again = task("again", () => LoopResult.done(1), { onFailure: { goto: "end" } });
    expect(flow("f").loop(again).then("end", one).build().root).toHaveLength(2);
  });

  test.each<[string, (target: string) => unknown, string, RegExp]>([
    ["nowhere", (id) => untyped.flow("f").then("a", one, goto(id)), "f/a", /no later step on its path; there is none/],
    [
      "what there isn't",
      (id) => untyped.flow("f").then("a", one, goto(id)).then("b", one).delay("c", 1),
      "f/a",
      /^has onFailure: \{ goto: "end" \}, which is no later step on its path; there are "b", "c"/,
    ],
    ["a step before it", (id) => untyped.flow("f").then("end", one).then("a", one, goto(id)), "f/a", /there is none/],
    ["itself", () => untyped.flow("f").then("end", one, goto("end")), "f/end", /there is none/],
    [
      "out of a branch of a fork",
      (id) =>
        untyped
          .flow("f")
          .fork([untyped.branch("x", untyped.task("a", one, goto(id)))])
          .join("j", one)
          .then("end", one),
      "f/j/x/a",
      /there is none/,
    ],
    [
      "the join of its own fork",
      () =>
        untyped
          .flow("f")
          .fork([untyped.branch("x", untyped.task("a", one, goto("j")))])
          .join("j", one),
      "f/j/x/a",
      /there is none/,
    ],
    [
      "out of an inlined flow",
      (id) => untyped.flow("f").thenFlow(untyped.flow("g").then("a", one, goto("b")).then("b", one, goto(id)).build()),
      "",
      /./,
    ],
    [
      "out of an item",
      (id) =>
        untyped
          .flow("f")
          .map("m", () => [], untyped.task("a", one, goto(id)))
          .then("end", one),
      "f/m/(item)/a",
      /there is none/,
    ],
    [
      "into a branch of a route",
      (id) =>
        untyped.flow("f").then("a", one, goto(id)).route("r", one, ["k"]).branch("k", untyped.task("end", one)).done(),
      "f/a",
      /there are "r"/,
    ],
    [
      "another branch of the same route",
      (id) =>
        untyped
          .flow("f")
          .route("r", one, ["k", "l"])
          .branch("k", untyped.task("a", one, goto(id)))
          .branch("l", untyped.task("end", one))
          .done(),
      "f/r/k/a",
      /there is none/,
    ],
  ])("to %s is refused", (what, make, path, message) => {
    if (what === "out of an inlined flow") {
      // The inlined flow is refused when it is built by itself.
      expectIssue(() => make("end"), "g/b", /there is none/);
      return;
    }
    expectIssue(() => (make("end") as { build(): unknown }).build(), path, message);
  });
});
