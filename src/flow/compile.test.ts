import { describe, expect, test } from "vitest";
import { definitionErrorOf, expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { flow } from "./flow.ts";
import { task } from "./task.ts";

const one = (): number => 1;
const charge = task("charge", one);
const ship = task("ship", one);
const child = flow("child").then(charge).build();

describe("route", () => {
  test("adds a route", () => {
    const select = (): "a" | "b" => "a";
    const [node] = flow<number>("f")
      .route("which", select, ["a", "b"], { retries: 1, version: "2" })
      .branch("a", charge, ship)
      .branch("b")
      .done()
      .build().root;
    expect(node).toMatchObject({
      kind: "route",
      id: "which",
      select: { kind: "task", id: "which", run: select, version: "2", policy: { retry: { maxAttempts: 2 } } },
      keys: ["a", "b"],
      branches: [
        { key: "a", sequence: [charge.node, ship.node] },
        { key: "b", sequence: [] },
      ],
      defaultBranch: null,
    });
  });

  test("adds a default branch, which may be empty", () => {
    const route = flow<number>("f")
      .route(() => "x", ["a"])
      .branch("a", charge);
    expect(route.defaultBranch().done().build().root).toMatchObject([{ defaultBranch: [] }]);
    expect(route.defaultBranch(ship).done().build().root).toMatchObject([{ defaultBranch: [ship.node] }]);
    expect(
      route
        .defaultBranch((b) => b.then(ship))
        .done()
        .build().root,
    ).toMatchObject([{ defaultBranch: [ship.node] }]);
  });

  test("numbers the flow's unnamed routes", () => {
    const built = flow<number>("f")
      .route(() => "a", ["a"])
      .branch("a", (b) =>
        b
          .route(() => "a", ["a"])
          .branch("a")
          .done(),
      )
      .done()
      .route("named", () => "a", ["a"])
      .branch("a")
      .done()
      .route(() => "a", ["a"])
      .branch("a")
      .done()
      .build();
    expect([...built].map(({ address }) => address)).toEqual(["route-1", "route-2", "named", "route-3"]);
    expect(built.get("route-2").node).toMatchObject({ id: "route-2", select: { id: "route-2" } });
  });

  test("takes any text for a key", () => {
    const built = untyped
      .flow("f")
      .route(one, ["needs review", "__proto__", "a/b"])
      .branch("needs review")
      .branch("__proto__")
      .branch("a/b")
      .done()
      .build();
    expect(built.root).toMatchObject([{ keys: ["needs review", "__proto__", "a/b"] }]);
  });

  test.each<[string, (route: ReturnType<typeof untyped.flow>) => ReturnType<typeof untyped.flow>, RegExp]>([
    [
      "keys without a branch",
      (r) => r.route("r", one, ["a", "b", "c"]).branch("b"),
      /^has no branch for "a", "c"; add one for each, or a default branch/,
    ],
    [
      "a branch for no key",
      (r) => r.route("r", one, ["approve"]).branch("approve").branch("aprove"),
      /^has a branch for a key that is none of its keys: "aprove"; did you mean "approve"/,
    ],
    [
      "two branches for a key",
      (r) => r.route("r", one, ["a"]).branch("a").branch("a"),
      /^has more than one branch for key "a"/,
    ],
    [
      "a key that is no string",
      (r) => r.route("r", one, ["a"]).branch("a").branch(5),
      /^has a branch whose key is a number instead of a string/,
    ],
    [
      "two default branches",
      (r) => r.route("r", one, ["a"]).branch("a").defaultBranch().defaultBranch(),
      /^has more than one default branch/,
    ],
    ["no keys", (r) => r.route("r", one, []), /^keys must not be empty/],
    [
      "keys that are no array",
      (r) => r.route("r", one, "ab").branch("a"),
      /^keys must be an array of strings, not a string/,
    ],
    ["a key twice", (r) => r.route("r", one, ["a", "a"]).branch("a"), /^keys\[1\] repeats "a"/],
    [
      "a number among the keys",
      (r) => r.route("r", one, ["a", 5]).branch("a"),
      /^keys\[1\] must be a string, not a number/,
    ],
    ["an empty key", (r) => r.route("r", one, ["", "a"]).branch("a"), /^keys\[0\] must not be empty/],
    [
      "too many keys",
      (r) =>
        r.route(
          "r",
          one,
          Array.from({ length: 10_001 }, (_, i) => `k${i}`),
        ),
      /^keys has 10001 entries; the limit is 10000/,
    ],
    ["no key function", (r) => r.route("r", "a", ["a"]).branch("a"), /^needs a function to run, not a string/],
    [
      "unknown options",
      (r) => r.route("r", one, ["a"], { input: 5 }).branch("a"),
      /^options has an unknown key "input"/,
    ],
  ])("reports %s", (_, route, message) => {
    expectIssue(() => route(untyped.flow("f")).done().build(), "f/r", message);
  });

  test("reports a bad id with its place, and what is wrong in branches with theirs", () => {
    const issues = issuesOf(() =>
      untyped
        .flow("f")
        .route(7, one, ["a", "b c", ""])
        .branch("a", child)
        .branch("b c", untyped.task("x", 1))
        .branch(9, untyped.task("y", 1))
        .defaultBranch(untyped.task("z", 1))
        .done()
        .build(),
    );
    expect(issues.map(({ path }) => path)).toEqual([
      "f/(step 1)",
      "f/(step 1)",
      "f/(step 1)",
      "f/(step 1)/a",
      'f/(step 1)/"b c"/x',
      "f/(step 1)/(branch 3)/y",
      "f/(step 1)/(default)/z",
    ]);
  });

  test.each(["then", "fork", "route", "loop", "delay", "waitForEvent", "thenFlow", "build"] as const)(
    "is not followed by %s()",
    (method) => {
      const error = definitionErrorOf(() => untyped.flow("f").route(one, ["a"])[method]());
      expect(error.issues).toEqual([
        { path: "f", message: `a route must be followed by branch() for each key, and done(), before ${method}()` },
      ]);
    },
  );
});
