import { describe, expect, test } from "vitest";
import { expectIssue, issuesOf } from "../../test/support/definition-issues.ts";
import { type UntypedBuilder, untyped } from "../../test/support/untyped-builder.ts";
import { MAX_NAME_LENGTH, MAX_TASK_ID_BYTES } from "../ids.ts";
import { type AnyBranch, branch } from "./branch.ts";
import { flow } from "./flow.ts";
import type { FlowBuilder } from "./flow-builder.ts";
import type { Flow } from "./flow-definition.ts";
import { task } from "./task.ts";
import { MAX_DEPTH, MAX_NODES } from "./validate.ts";

type Builder = FlowBuilder<unknown, unknown>;

const one = (): number => 1;
const step = task("step", one);

/** A fork of one branch, in which stands a fork of one branch, and so on. */
function nestedForks(depth: number): AnyBranch<unknown, object> {
  let inner = branch("b", step) as AnyBranch<unknown, object>;
  for (let level = 1; level < depth; level++) {
    const inside = inner;
    inner = branch("b", (b: Builder) => b.fork([inside]).join(`join-${level}`, one));
  }
  return inner;
}

function nestedFlows(depth: number, name: (level: number) => string = (level) => `f${level}`): Flow {
  let built: Flow = flow(name(0)).then(step).build();
  for (let level = 1; level <= depth; level++) built = flow(name(level)).thenFlow(built).build();
  return built;
}

function chain(length: number): Builder {
  let builder: Builder = flow<unknown>("f");
  for (let index = 0; index < length; index++) builder = builder.delay(`d${index}`, 1);
  return builder;
}

describe("ids", () => {
  test("are unique within a flow, whatever branch they are in", () => {
    const issues = issuesOf(() =>
      flow<number>("f")
        .then("a", one)
        .fork([branch("x", (b) => b.then("a", one).then("b", one)), branch("y", (b) => b.delay("c", 1))])
        .join("b", one)
        .route("d", () => "k", ["k"])
        .branch("k", (b) => b.then("c", one))
        .defaultBranch((b) => b.then("d", one))
        .done()
        .waitForEvent("a", "e")
        .build(),
    );
    expect(issues).toEqual([
      { path: "f/b/x/a", message: "has the id of f/a; ids are unique within a flow" },
      { path: "f/b/x/b", message: "has the id of f/b; ids are unique within a flow" },
      { path: "f/d/k/c", message: "has the id of f/b/y/c; ids are unique within a flow" },
      { path: "f/d/(default)/d", message: "has the id of f/d; ids are unique within a flow" },
      { path: "f/a", message: "has the id of step 1 beside it; ids are unique within a flow" },
    ]);
  });

  test("may be those of an inlined flow, which is a scope of its own", () => {
    const child = flow("child").then(step).build();
    const built = flow("f").then(step).thenFlow(child).thenFlow("again", child).build();
    expect([...built].map(({ address }) => address)).toEqual(["step", "child", "child/step", "again", "again/step"]);
  });

  test("of inlined flows are unique too", () => {
    const child = flow("child").then(step).build();
    expectIssue(() => flow("f").thenFlow(child).thenFlow(child).build(), "f/child", /^has the id of step 1 beside it/);
  });

  test("an unnamed route counts as named", () => {
    const build = (): unknown =>
      flow<number>("f")
        .then("route-1", one)
        .route(() => "a", ["a"])
        .branch("a")
        .done()
        .build();
    expectIssue(build, "f/route-1", /^has the id of step 1 beside it/);
  });

  test("that are wrong themselves are not reported as repeated", () => {
    const issues = issuesOf(() => untyped.flow("f").then("", one).then("", one).build());
    expect(issues.map(({ message }) => message)).toEqual(["id must not be empty", "id must not be empty"]);
  });
});

describe("nesting", () => {
  test("of branches may be 64 deep", () => {
    expect([
      ...flow("f")
        .fork([nestedForks(MAX_DEPTH)])
        .join("top", one)
        .build(),
    ]).toHaveLength(MAX_DEPTH + 1);
  });

  test("of branches may not be deeper", () => {
    const issues = issuesOf(() =>
      flow("f")
        .fork([nestedForks(MAX_DEPTH + 1)])
        .join("top", one)
        .build(),
    );
    expect(issues).toEqual([
      {
        path: expect.stringMatching(/^f\/top\/b\/join-64\/b\/join-63\/.*\/join-1\/b$/) as unknown,
        message: "is nested too deeply: more than 64 branches and inlined flows enclose it",
      },
    ]);
  });

  test("that is absurdly deep is refused without running out of stack", () => {
    const [issue, ...others] = issuesOf(() =>
      flow("f")
        .fork([nestedForks(100_000)])
        .join("top", one)
        .build(),
    );
    expect(issue?.message).toMatch(/^is nested too deeply/);
    expect(others).toEqual([]);
  });

  test("of inlined flows counts as much", () => {
    const deepest = nestedFlows(MAX_DEPTH);
    expect([...deepest].at(-1)).toMatchObject({ depth: MAX_DEPTH, node: { id: "step" } });
    const path = Array.from({ length: MAX_DEPTH + 2 }, (_, level) => `f${MAX_DEPTH + 1 - level}`).join("/");
    expectIssue(() => nestedFlows(MAX_DEPTH + 1), path, /^is nested too deeply/);
  });
});

describe("the number of nodes", () => {
  test("may be 20,000", () => {
    expect(chain(MAX_NODES).build().root).toHaveLength(MAX_NODES);
  });

  test("may not be greater", () => {
    const issues = issuesOf(() => chain(MAX_NODES + 1).build());
    expect(issues).toEqual([{ path: "f", message: "has more than 20000 nodes, those of inlined flows included" }]);
  });

  test("includes inlined flows", () => {
    const child = chain(MAX_NODES / 2).build();
    const parent = flow("p").thenFlow("a", child).then(step);
    expect([...parent.build()]).toHaveLength(MAX_NODES / 2 + 2);
    expectIssue(() => parent.thenFlow("b", child).build(), "p", /^has more than 20000 nodes/);
  });

  test("is found out quickly where a small program describes a tree almost without end", () => {
    let inner = (b: Builder): Builder => b.then(step);
    for (let level = 0; level < 60; level++) {
      const pair = [branch("x", inner), branch("y", inner)];
      inner = (b) => b.fork(pair).join("j", one);
    }
    const issues = issuesOf(() =>
      flow("f")
        .fork([branch("top", inner)])
        .join("j", one)
        .build(),
    );
    expect(issues.map(({ message }) => message)).toContain(
      "has more than 20000 nodes, those of inlined flows included",
    );
  });
});

describe("depth", () => {
  /** Maps in maps, or loops in loops, as deep as it says. */
  function nested(depth: number, around: (inner: Flow, level: number) => Flow): Flow {
    let built: Flow = flow("c").then(step).build();
    for (let level = 1; level <= depth; level++) built = around(built, level);
    return built;
  }

  test.each<[string, (inner: Flow, level: number) => Flow]>([
    ["maps", (inner, level) => untyped.flow("f").map(`m${level}`, one, inner).build()],
    ["loops over flows", (inner, level) => untyped.flow("f").loop(`l${level}`, inner, { until: one }).build()],
    [
      "races",
      (inner, level) =>
        untyped
          .flow("f")
          .race(`r${level}`, [untyped.branch("b", (b: UntypedBuilder) => b.thenFlow("s", inner))])
          .build(),
    ],
  ])("counts %s", (_, around) => {
    // A race is one level, and so is the flow inlined in it.
    const most = around(nested(0, around), 1).root[0]?.kind === "fork" ? MAX_DEPTH / 2 : MAX_DEPTH;
    expect(nested(most, around).root).toHaveLength(1);
    expect(issuesOf(() => nested(most + 1, around))[0]?.message).toMatch(/^is nested too deeply: more than 64/);
  });

  test("counts branches of time limits", () => {
    const around = (inner: (b: UntypedBuilder) => UntypedBuilder, level: number) => (b: UntypedBuilder) =>
      b.waitForEvent(`w${level}`, "e", { timeout: 1, onTimeout: inner });
    let callback = (b: UntypedBuilder): UntypedBuilder => b.then("step", one);
    for (let level = 1; level <= MAX_DEPTH; level++) callback = around(callback, level);
    expect(callback(untyped.flow("f")).build().root).toHaveLength(1);
    const issues = issuesOf(() => around(callback, 0)(untyped.flow("f")).build());
    expect(issues.map(({ message }) => message)).toEqual([
      "is nested too deeply: more than 64 branches and inlined flows enclose it",
    ]);
  });
});

describe("branches", () => {
  const branches = (count: number): AnyBranch<unknown, object>[] =>
    Array.from({ length: count }, (_, index) => branch(`b${index}`, (b: Builder) => b.delay(`d${index}`, 1)));

  test("of a fork may be 10,000", () => {
    expect(flow("f").fork(branches(10_000)).join("j", one).build().root).toHaveLength(1);
  });

  test("of a fork may not be more", () => {
    expectIssue(
      () => flow("f").fork(branches(10_001)).join("j", one).build(),
      "f/j",
      /^the fork has 10001 branches; the limit is 10000/,
    );
  });
});

describe("task ids", () => {
  /** 100 characters, 300 bytes. */
  const scope = "あ".repeat(MAX_NAME_LENGTH);
  // Three scopes, each with its slash.
  const bytesLeft = MAX_TASK_ID_BYTES - 3 * 301;

  /** An id that takes so many bytes. */
  function idOf(bytes: number): string {
    const wide = Math.floor(bytes / 3);
    return "あ".repeat(wide) + "a".repeat(bytes - 3 * wide);
  }

  function inScopes(child: Flow): Flow {
    const once = flow("g").thenFlow(scope, child).build();
    return flow("f").thenFlow(scope, flow("g").thenFlow(scope, once).build()).build();
  }

  test.each([
    ["a task", "", "", (id: string) => flow("c").then(id, one)],
    [
      "a loop's last iteration",
      "[1000]",
      "",
      (id: string) => untyped.flow("c").loop(id, one, { maxIterations: 1_001 }),
    ],
    [
      "a branch of a fork",
      "/bc",
      "/bc",
      (id: string) =>
        flow("c")
          .fork([branch("bc", step)])
          .join(id, one),
    ],
    ["the last item of a map", "[99999]~item", "", (id: string) => untyped.flow("c").map(id, one, task("s", one))],
    [
      "a step of the last item of a map",
      "[99999]/a-step-of-it",
      "/(item)/a-step-of-it",
      (id: string) => untyped.flow("c").map(id, one, task("a-step-of-it", one)),
    ],
    [
      "a step of a loop's last iteration",
      "[6]/step",
      "/(iteration)/step",
      (id: string) => untyped.flow("c").loop(id, flow("round").then(step).build(), { until: one, maxIterations: 7 }),
    ],
    [
      "a step of a branch that can be abandoned",
      "/bc/step",
      "/bc/step",
      (id: string) => flow("c").race(id, [branch("bc", step)]),
    ],
    ["what says how long a delay is", "~until", "", (id: string) => flow("c").delayUntil(id, one)],
    ["a fallback", "~fallback", "", (id: string) => untyped.flow("c").then(id, one, { onFailure: { fallback: one } })],
  ])("of %s may take 1,200 bytes in all, and no more", (_, suffix, end, make) => {
    const longest = idOf(bytesLeft - suffix.length);
    expect(() => inScopes(make(longest).build())).not.toThrow();
    const path = `f/${scope}/${scope}/${scope}/${longest}a${end}`;
    const message = /^has a task id of up to 1201 bytes, "あ{40}…"; the limit is 1200/;
    expectIssue(() => inScopes(make(`${longest}a`).build()), path, message);
  });
});
