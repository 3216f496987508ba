import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { Runner } from "../../src/runner/runner.ts";
import { bothBackends } from "../support/both-backends.ts";
import { Gate } from "../support/gate.ts";
import { fresh } from "../support/instance-ids.ts";

interface Case<Input, Output> {
  readonly flow: Flow<Input, Output>;
  readonly input: Input;
  readonly events?: readonly (readonly [name: string, payload: unknown])[];
  readonly output: unknown;
  /** Task ids with a recorded outcome, sorted. */
  readonly recorded: readonly string[];
}

type AnyCase = Case<unknown, unknown>;

function row<Input, Output>(name: string, parts: Case<Input, Output>): readonly [string, AnyCase] {
  return [name, parts];
}

const numbers = (name: string) => flow<number>(name);
const doubled = numbers("doubled")
  .then("double", (n) => n * 2)
  .build();
const counted = numbers("counted")
  .then("start", (n) => n)
  .loop("count", (n) => (n >= 3 ? LoopResult.done(`counted to ${n}`) : LoopResult.again(n + 1)))
  .build();
const rested = numbers("rested")
  .then("work", (n) => n + 1)
  .delay("rest", 5)
  .build();

const cases = [
  row("tasks one after the other", {
    flow: numbers("tasks")
      .then("a", (n) => n + 1)
      .then("b", async (n) => [n])
      .then("c", ([n]) => ({ n }))
      .build(),
    input: 1,
    output: { n: 2 },
    recorded: ["a", "b", "c"],
  }),
  row("a fork and its join", {
    flow: numbers("fork")
      .then("a", (n) => n + 1)
      .fork([
        branch("left", (b) => b.then("l", (n: number) => n * 10)),
        branch("right", (b) => b.then("r1", (n: number) => n * 100).then("r2", (n) => n + 1)),
      ])
      .join("sum", ({ left, right }) => left + right)
      .build(),
    input: 1,
    output: 221,
    recorded: ["a", "l", "r1", "r2", "sum"],
  }),
  row("a fork first, and another one right after its join", {
    flow: numbers("fork-first")
      .fork([
        branch("x", (b) => b.then("x", (n: number) => n + 1)),
        branch("y", (b) => b.then("y", (n: number) => n + 2)),
      ])
      .join("first", ({ x, y }) => x * y)
      .fork([branch("only", (b) => b.then("z", (n: number) => -n))])
      .join("second", ({ only }) => only)
      .build(),
    input: 1,
    output: -6,
    recorded: ["first", "second", "x", "y", "z"],
  }),
  row("a fork as the first and the last step of a branch", {
    flow: numbers("fork-in-branch")
      .fork([
        branch("deep", (b) =>
          b
            .fork([
              branch("p", (inner) => inner.then("p", (n: number) => n + 1)),
              branch("q", (inner) => inner.then("q", (n: number) => n + 2)),
            ])
            .join("pq", ({ p, q }) => p * 10 + q)
            .fork([branch("again", (inner) => inner.then("r", (n: number) => n + 100))])
            .join("last", ({ again }) => again),
        ),
        branch("flat", (b) => b.then("f", (n: number) => n)),
      ])
      .join("all", (outputs) => outputs)
      .build(),
    input: 1,
    output: { deep: 123, flat: 1 },
    recorded: ["all", "f", "last", "p", "pq", "q", "r"],
  }),
  row("a route as the only step of a branch, with an empty branch taken", {
    flow: numbers("route-in-fork")
      .fork([
        branch("routed", (b) =>
          b
            .route("which", (n: number) => (n > 10 ? "big" : "small"), ["big", "small"])
            .branch("big", (inner) => inner.then("shrink", (n) => n / 2))
            .branch("small")
            .done(),
        ),
        branch("plain", (b) => b.then("keep", (n: number) => n)),
      ])
      .join("both", ({ routed, plain }) => [routed, plain])
      .build(),
    input: 4,
    output: [4, 4],
    recorded: ["both", "both/routed", "keep", "which"],
  }),
  row("a route whose taken branch has steps, at the end of a branch", {
    flow: numbers("route-at-end")
      .fork([
        branch("routed", (b) =>
          b
            .then("pre", (n: number) => n + 1)
            .route("which", (n) => (n > 10 ? "big" : "small"), ["big", "small"])
            .branch("big", (inner) => inner.then("shrink", (n) => n / 2))
            .branch("small")
            .done(),
        ),
      ])
      .join("one", ({ routed }) => routed)
      .build(),
    input: 21,
    output: 11,
    recorded: ["one", "one/routed", "pre", "shrink", "which"],
  }),
  row("a route with an empty branch at the end of the flow", {
    flow: numbers("empty-at-end")
      .then("a", (n) => n + 1)
      .route("pass", () => "through", ["through"])
      .branch("through")
      .done()
      .build(),
    input: 1,
    output: 2,
    recorded: ["a", "pass"],
  }),
  row("a route with an empty branch as the only step of the flow", {
    flow: numbers("nothing")
      .route("pass", () => "through", ["through"])
      .branch("through")
      .done()
      .build(),
    input: 7,
    output: 7,
    recorded: ["pass"],
  }),
  row("routes in routes, and the default branch for a key without one", {
    flow: flow<string>("routes")
      .route("outer", (word) => word, ["one", "two"])
      .branch("one", (b) => b.then("first", () => "1"))
      .defaultBranch((b) =>
        b
          .route("inner", (word) => (word === "two" ? "two" : "else"), ["two", "else"])
          .branch("two", (i) => i.then("second", () => "2"))
          .branch("else", (i) => i.then("other", () => "?"))
          .done(),
      )
      .done()
      .then("end", (text) => `${text}!`)
      .build(),
    input: "two",
    output: "2!",
    recorded: ["end", "inner", "outer", "second"],
  }),
  row("a loop of several iterations, each getting the value of the one before", {
    flow: numbers("loop")
      .loop("grow", (n) => (n < 50 ? LoopResult.again(n * 2) : LoopResult.done({ grown: n })))
      .build(),
    input: 10,
    output: { grown: 80 },
    recorded: ["grow[0]", "grow[1]", "grow[2]", "grow[3]"],
  }),
  row("a loop that ends a branch, and one that starts it", {
    flow: numbers("loop-in-branch")
      .fork([
        branch("loops", (b) =>
          b
            .loop("up", (n: number) => (n < 3 ? LoopResult.again(n + 1) : LoopResult.done(n)))
            .loop("down", (n: number) => (n > 0 ? LoopResult.again(n - 1) : LoopResult.done(`at ${n}`))),
        ),
      ])
      .join("end", ({ loops }) => loops)
      .build(),
    input: 2,
    output: "at 0",
    recorded: ["down[0]", "down[1]", "down[2]", "down[3]", "end", "end/loops", "up[0]", "up[1]"],
  }),
  row("a loop in a sub-flow, twice under different ids", {
    flow: numbers("subflows")
      .thenFlow("one", counted)
      .then("parse", (text) => text.length - 10)
      .thenFlow("two", counted)
      .build(),
    input: 2,
    output: "counted to 3",
    recorded: ["one/count[0]", "one/count[1]", "one/start", "parse", "two/count[0]", "two/count[1]", "two/start"],
  }),
  row("sub-flows in sub-flows, which have task ids in common with the flow around them", {
    flow: numbers("scopes")
      .then("double", (n) => n + 1)
      .thenFlow(
        "inner",
        numbers("inner")
          .thenFlow("double", doubled)
          .then("double-again", (n) => n * 2)
          .build(),
      )
      .build(),
    input: 1,
    output: 8,
    recorded: ["double", "inner/double-again", "inner/double/double"],
  }),
  row("a sub-flow whose last step is a delay, at the end of a branch", {
    flow: numbers("rested-branch")
      .fork([branch("tired", (b) => b.thenFlow("pause", rested)), branch("awake", (b) => b.thenFlow(doubled))])
      .join("both", (outputs) => outputs)
      .build(),
    input: 1,
    output: { tired: 2, awake: 2 },
    recorded: ["both", "both/tired", "doubled/double", "pause/rest", "pause/work"],
  }),
  row("a sub-flow whose last step is a delay, at the end of the flow", {
    flow: numbers("rested-end").thenFlow(rested).build(),
    input: 1,
    output: 2,
    recorded: ["rested/rest", "rested/work"],
  }),
  row("delays first, last and in a row", {
    flow: numbers("delays")
      .delay("first", 5)
      .delay("second", 0)
      .then("a", (n) => n + 1)
      .delay("third", 5)
      .delay("last", 5)
      .build(),
    input: 1,
    output: 2,
    recorded: ["a", "first", "last", "second", "third"],
  }),
  row("nothing but a delay", {
    flow: numbers("only-delay").delay("rest", 5).build(),
    input: 3,
    output: 3,
    recorded: ["rest"],
  }),
  row("delays first and last in branches", {
    flow: numbers("delayed-branches")
      .fork([
        branch("late", (b) => b.delay("wait", 5).then("l", (n: number) => n + 1)),
        branch("early", (b) => b.then("e", (n: number) => n + 2).delay("after", 5)),
        branch("lazy", (b) => b.delay("doze", 5)),
      ])
      .join("all", (outputs) => outputs)
      .build(),
    input: 1,
    output: { late: 2, early: 3, lazy: 1 },
    recorded: ["after", "all", "all/early", "all/lazy", "doze", "e", "l", "wait"],
  }),
  row("waits first and last", {
    flow: flow<number>("waits")
      .waitForEvent<string>("begin", "go")
      .then("a", (word) => `${word}!`)
      .waitForEvent<string>("end", "stop")
      .build(),
    input: 1,
    events: [
      ["stop", "over"],
      ["go", "start"],
    ],
    output: "over",
    recorded: ["a", "begin", "end"],
  }),
  row("waits first and last in branches, before a join that is followed by a delay", {
    flow: flow<number>("waiting-branches")
      .fork([
        branch("one", (b) => b.waitForEvent<string>("w1", "x").then("t1", (text) => text.toUpperCase())),
        branch("two", (b) => b.then("t2", (n: number) => n).waitForEvent<string>("w2", "y")),
      ])
      .join("both", ({ one, two }) => one + two)
      .delay("rest", 5)
      .build(),
    input: 1,
    events: [
      ["x", "a"],
      ["y", "b"],
    ],
    output: "Ab",
    recorded: ["both", "rest", "t1", "t2", "w1", "w2"],
  }),
];

describe.each(await bothBackends())("a flow on $name", ({ backend }) => {
  const runner = new Runner(backend, { pollInterval: 10 });
  const client = new Client(backend);

  test.each(cases)("takes %s", async (_, { flow: definition, input, events = [], output, recorded }) => {
    const id = fresh(definition.name);
    for (const [name, payload] of events) await client.sendEvent(id, name, payload);

    const report = await runner.run(definition, id, input, { until: "ended" });

    expect(report).toEqual({ status: "completed", output });
    const history = await client.history(id);
    expect(history.map((item) => item.taskId).sort()).toEqual(recorded);
    expect(history.every((item) => item.outcome === "completed" && item.attempt === 1)).toBe(true);
    expect((await backend.findInstance(id))?.positions).toEqual([]);
  });

  test("runs the branches of a fork side by side", async () => {
    const [left, right] = [new Gate(), new Gate()];
    const meeting = flow<null>("meeting")
      .fork([
        branch("a", (b) =>
          b.then("a", async () => {
            left.open();
            await right.passed;
            return "a";
          }),
        ),
        branch("b", (b) =>
          b.then("b", async () => {
            right.open();
            await left.passed;
            return "b";
          }),
        ),
      ])
      .join("both", ({ a, b }) => a + b)
      .build();

    expect(await runner.run(meeting, fresh("meeting"), null)).toEqual({ status: "completed", output: "ab" });
  });

  test("runs no more branches at once than its concurrency, and all in the end", async () => {
    let [running, most] = [0, 0];
    const names = Array.from({ length: 7 }, (_, index) => `b${index}`);
    const wide = flow<null>("wide")
      .fork(
        names.map((name) =>
          branch(name, (b) =>
            b
              .then(`${name}-first`, async () => {
                most = Math.max(most, ++running);
                await new Promise((resolve) => setImmediate(resolve));
                running--;
                return name;
              })
              .then(`${name}-second`, (value) => value),
          ),
        ),
      )
      .join("all", (outputs) => Object.keys(outputs).sort())
      .build();
    const narrow = new Runner(backend, { pollInterval: 10, concurrency: 2 });

    expect(await narrow.run(wide, fresh("wide"), null)).toEqual({ status: "completed", output: names });
    expect(most).toBeLessThanOrEqual(2);
  });

  test("returns where only time can move it on, and goes on from there when it is resumed", async () => {
    const id = fresh("parked");
    const parked = flow<number>("parked").delay("rest", "1h").build();

    const report = await runner.run(parked, id, 1);

    expect(report).toMatchObject({ status: "waiting" });
    expect(await runner.resume(parked, id)).toEqual(report);
  });
});
