import { describe, expect, test } from "vitest";
import { branch } from "./branch.ts";
import { definitionHash } from "./definition-hash.ts";
import { flow } from "./flow.ts";
import type { Flow } from "./flow-definition.ts";
import { LoopResult } from "./loop-result.ts";
import { task } from "./task.ts";

const one = (): number => 1;
const reserve = task("reserve", one);

/** One of each kind of node. */
function example(): Flow {
  const payment = flow("payment").then("charge", one, { version: "2" }).build();
  return flow("order")
    .thenFlow("pay", payment)
    .fork([branch("stock", reserve), branch("price", (b) => b.delay("cool-off", "1h").then("look-up", one))])
    .join("offer", one)
    .waitForEvent("approval", "order-approved", { timeout: "2d", onTimeout: "continue" })
    .route("which", () => "yes", ["yes", "no"])
    .branch("yes", task("send", one))
    .branch("no")
    .defaultBranch()
    .done()
    .loop("poll", () => LoopResult.done(1), { maxIterations: 5, onMax: "exitWithLast" })
    .build();
}

// A change of these values strands every running instance: its worker would not know its definition
// any more. They may change only together with the format version, and with a way to migrate.
describe("the hash", () => {
  test("of a definition with all kinds of nodes doesn't change by accident", () => {
    expect(example().hash).toBe("b70e55ec2872eb1e9b10d26f21c19f4021aad2b9f64a03aaf09f3824c6882c4d");
  });

  test("of a definition with the kinds of nodes that came later doesn't change by accident", () => {
    const child = flow<number>("child").then(reserve).build();
    const built = flow<number>("later")
      .map("items", () => [1], reserve)
      .map("settled", () => [1], child, { onFailure: "collect" })
      .fork([branch("a", reserve)], { mode: "settled" })
      .join("j1", one)
      .fork([branch("a", reserve)], { mode: "any" })
      .join("j2", one)
      .race("first", [branch("a", reserve)])
      .then("n", one)
      .loop("again", flow<number>("round").then("x", one).build(), { until: () => true })
      .delayUntil("until", () => 1)
      .waitForEvent("w", "e", { timeout: 1, onTimeout: (b) => b.then("late", one) })
      .then("s", one, { onFailure: "skip" })
      .then("g", one, { onFailure: { goto: "end" } })
      .then("fb", one, { onFailure: { fallback: task("instead", one, { version: "3" }) } })
      .then("end", one)
      .build();
    expect(built.hash).toMatchInlineSnapshot(`"c3b39479cda25b7f26d6daec2c08966938d5e6482d0bcf2b7925393888bad504"`);
  });

  test("of the kinds of nodes for several events and endless flows doesn't change by accident", () => {
    const built = flow<number>("endless")
      .waitForEvents("many", "e", { count: 3, timeout: 1, onTimeout: "continue" })
      .waitForEvents("counted", "e", { count: one, timeout: 1, onTimeout: (b) => b.then("late", one) })
      .waitForAny("any", { a: "e1", b: "e2" }, { timeout: 1 })
      .continueAsNew("again", one, { version: "2" })
      .build();
    expect(built.hash).toMatchInlineSnapshot(`"97cdb91456b4cf730a332d6405f613843ab4dca46ddeb6cca46873818f131f89"`);
  });

  test("of the smallest definition doesn't change by accident", () => {
    // sha256sum of: ["waymark definition",1,"f",[["task","a",null]]]
    const expected = "ec87ec287953686f28ac413b9b9fb0eb5a8e3d3a5afb5ec9cc4c36f508d11af9";
    expect(flow("f").then("a", one).build().hash).toBe(expected);
  });

  test("is the same each time", () => {
    const { hash, name, root } = example();
    expect([example().hash, definitionHash(name, root, null)]).toEqual([hash, hash]);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("policy, which doesn't change the hash:", () => {
  const child = flow<number>("child").then(reserve).build();
  const schema = { "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) } };
  const base = flow<number>("f").then("a", one).build();

  test.each<[string, Flow]>([
    [
      "the function",
      flow<number>("f")
        .then("a", () => 2)
        .build(),
    ],
    ["timeout", flow<number>("f").then("a", one, { timeout: 5 }).build()],
    ["retries", flow<number>("f").then("a", one, { retries: 5 }).build()],
    ["priority", flow<number>("f").then("a", one, { priority: 1 }).build()],
    [
      "tags",
      flow<number>("f")
        .then("a", one, { tags: ["gpu"] })
        .build(),
    ],
    ["a task's description", flow<number>("f").then("a", one, { description: "text" }).build()],
    ["a task's schemas", flow<number>("f").then("a", one, { input: schema, output: schema }).build()],
    ["the flow's description", flow<number>("f", { description: "text" }).then("a", one).build()],
    ["the flow's schema", flow("f", { input: schema }).then("a", one).build()],
  ])("%s", (_, other) => {
    expect(other.hash).toBe(base.hash);
  });

  test.each<[string, Flow, Flow]>([
    ["a delay's length", flow("f").delay("d", 1).build(), flow("f").delay("d", 2).build()],
    [
      "a wait's time limit",
      flow("f").waitForEvent("w", "e").build(),
      flow("f").waitForEvent("w", "e", { timeout: 5 }).build(),
    ],
    ["a wait's schema", flow("f").waitForEvent("w", "e").build(), flow("f").waitForEvent("w", "e", { schema }).build()],
    [
      "a loop's maxIterations",
      flow("f")
        .loop("l", () => LoopResult.done(1))
        .build(),
      flow("f")
        .loop("l", () => LoopResult.done(1), { maxIterations: 7 })
        .build(),
    ],
    [
      "a map's concurrency, which failures it bears of how many, and how its list is made",
      flow<number>("f")
        .map("m", () => [1], reserve, { onFailure: "collect" })
        .build(),
      flow<number>("f")
        .map("m", () => [2], reserve, { onFailure: { tolerate: 3 }, concurrency: 5, retries: 2, tags: ["gpu"] })
        .build(),
    ],
    [
      "how a time to wait for is worked out",
      flow<number>("f")
        .delayUntil("d", () => 1)
        .build(),
      flow<number>("f")
        .delayUntil("d", () => 2, { retries: 3 })
        .build(),
    ],
    [
      "what says that an iteration was the last",
      flow<number>("f")
        .loop("l", child, { until: () => true })
        .build(),
      flow<number>("f")
        .loop("l", child, { until: () => false, maxIterations: 7 })
        .build(),
    ],
    [
      "what takes the place of a failed task",
      flow<number>("f")
        .then("a", one, { onFailure: { fallback: one } })
        .build(),
      flow<number>("f")
        .then("a", one, { onFailure: { fallback: task("b", () => 2, { retries: 3 }) } })
        .build(),
    ],
    [
      "saying what is so anyway",
      flow<number>("f")
        .fork([branch("x", reserve)])
        .join("j", one)
        .map("m", () => [1], reserve)
        .then("a", one)
        .build(),
      flow<number>("f")
        .fork([branch("x", reserve)], { mode: "all" })
        .join("j", one)
        .map("m", () => [1], reserve, { onFailure: "fail" })
        .then("a", one, { onFailure: "fail" })
        .build(),
    ],
    ["whether a task was made before", flow("f").then(reserve).build(), flow("f").then("reserve", one).build()],
  ])("%s", (_, flowA, flowB) => {
    expect(flowA.hash).toBe(flowB.hash);
  });
});

test("shape, which changes the hash: no two of these are alike", () => {
  const done = (): ReturnType<typeof LoopResult.done<number>> => LoopResult.done(1);
  const child = flow("child").then("a", one).build();
  const start = flow<number>("f");
  const route = start.route("r", (): string => "x", ["x", "y"]);
  const definitions: Record<string, Flow> = {
    base: start.then("a", one).build(),
    "another name": flow("g").then("a", one).build(),
    "another id": start.then("b", one).build(),
    "another version": start.then("a", one, { version: "1" }).build(),
    "another step": start.then("a", one).then("b", one).build(),
    "another order": start.then("b", one).then("a", one).build(),
    "a delay": start.delay("a", 1).build(),
    "a wait": start.waitForEvent("a", "e").build(),
    "another event": start.waitForEvent("a", "e2").build(),
    "a wait that goes on": start.waitForEvent("a", "e", { timeout: 1, onTimeout: "continue" }).build(),
    "a loop": start.loop("a", done).build(),
    "a loop of another version": start.loop("a", done, { version: "1" }).build(),
    "a loop that goes on": start.loop("a", done, { onMax: "exitWithLast" }).build(),
    "a fork": start
      .fork([branch("x", reserve)])
      .join("a", one)
      .build(),
    "another branch name": start
      .fork([branch("y", reserve)])
      .join("a", one)
      .build(),
    "another join version": start
      .fork([branch("x", reserve)])
      .join("a", one, { version: "1" })
      .build(),
    "two branches": start
      .fork([branch("x", reserve), branch("y", task("b", one))])
      .join("a", one)
      .build(),
    "other order of branches": start
      .fork([branch("y", task("b", one)), branch("x", reserve)])
      .join("a", one)
      .build(),
    "two steps in a branch": start
      .fork([branch("x", reserve, task("b", one))])
      .join("a", one)
      .build(),
    "a route": route.branch("x").branch("y").defaultBranch().done().build(),
    "a step in a route": route.branch("x", reserve).branch("y").defaultBranch().done().build(),
    "a step in another branch": route.branch("x").branch("y", reserve).defaultBranch().done().build(),
    "a step in the default branch": route.branch("x").branch("y").defaultBranch(reserve).done().build(),
    "a key without a branch": route.branch("x").defaultBranch().done().build(),
    "no default branch": start
      .route("r", () => "x", ["x", "y"])
      .branch("x")
      .branch("y")
      .done()
      .build(),
    "other keys": start
      .route("r", () => "x", ["x", "z"])
      .branch("x")
      .branch("z")
      .done()
      .build(),
    "another version of the key function": start
      .route("r", () => "x", ["x"], { version: "1" })
      .branch("x")
      .done()
      .build(),
    "a map": start.map("a", () => [1], reserve).build(),
    "a map under another id": start.map("b", () => [1], reserve).build(),
    "a map of another body": start.map("a", () => [1], task("other", one)).build(),
    "a map of a flow": start.map("a", () => [1], flow<number>("x").then(reserve).delay("d", 1).build()).build(),
    "a map of another version": start.map("a", () => [1], reserve, { version: "1" }).build(),
    "a map that bears failures": start.map("a", () => [1], reserve, { onFailure: "collect" }).build(),
    "a fork that waits for all to settle": start
      .fork([branch("x", reserve)], { mode: "settled" })
      .join("a", one)
      .build(),
    "a fork that waits for the first": start
      .fork([branch("x", reserve)], { mode: "any" })
      .join("a", one)
      .build(),
    "a race": start.race("a", [branch("x", reserve)]).build(),
    "a loop over a flow": start.loop("a", flow<number>("x").then("a", one).build(), { until: () => true }).build(),
    "a loop over another flow": start
      .loop("a", flow<number>("x").then("b", one).build(), { until: () => true })
      .build(),
    "a loop over a flow, of another version": start
      .loop("a", flow<number>("x").then("a", one).build(), { until: () => true, version: "1" })
      .build(),
    "a delay until a time": start.delayUntil("a", () => 1).build(),
    "a delay until a time, of another version": start.delayUntil("a", () => 1, { version: "1" }).build(),
    "a wait with a branch": start.waitForEvent("a", "e", { timeout: 1, onTimeout: (b) => b.then("b", one) }).build(),
    "a wait with another branch": start
      .waitForEvent("a", "e", { timeout: 1, onTimeout: (b) => b.then("c", one) })
      .build(),
    "a wait for two events": start.waitForEvents("a", "e", { count: 2 }).build(),
    "a wait for three events": start.waitForEvents("a", "e", { count: 3 }).build(),
    "a wait for two other events": start.waitForEvents("a", "f", { count: 2 }).build(),
    "a wait for some events": start.waitForEvents("a", "e", { count: one }).build(),
    "a wait for two events that goes on": start
      .waitForEvents("a", "e", { count: 2, timeout: 1, onTimeout: "continue" })
      .build(),
    "a wait for two events with a branch": start
      .waitForEvents("a", "e", { count: 2, timeout: 1, onTimeout: (b) => b.then("b", one) })
      .build(),
    "a wait for any event": start.waitForAny("a", { x: "e" }).build(),
    "a wait for any other event": start.waitForAny("a", { x: "f" }).build(),
    "a wait for any event for a time": start.waitForAny("a", { x: "e" }, { timeout: 1 }).build(),
    "an endless flow": start.continueAsNew("a", one).build(),
    "an endless flow of another version": start.continueAsNew("a", one, { version: "1" }).build(),
    "a task that is skipped": start.then("a", one, { onFailure: "skip" }).build(),
    "a task that is jumped from": start
      .then("a", one, { onFailure: { goto: "b" } })
      .then("b", one)
      .build(),
    "a task that is jumped from to elsewhere": start
      .then("a", one, { onFailure: { goto: "c" } })
      .then("b", one)
      .then("c", one)
      .build(),
    "the same without the jump": start.then("a", one).then("b", one).then("c", one).build(),
    "a task that is replaced": start.then("a", one, { onFailure: { fallback: one } }).build(),
    "a task that is replaced by another version": start
      .then("a", one, { onFailure: { fallback: task("x", one, { version: "1" }) } })
      .build(),
    "a join that is skipped": start
      .fork([branch("x", reserve)])
      .join("a", one, { onFailure: "skip" })
      .build(),
    "an inlined flow": start.thenFlow("a", child).build(),
    "an inlined flow under another id": start.thenFlow("b", child).build(),
    "another inlined flow": start.thenFlow("a", flow("other").then("a", one).build()).build(),
    "a change in an inlined flow": start.thenFlow("a", flow("child").then("b", one).build()).build(),
    "an inlined flow that is empty but for a delay": start.thenFlow("a", flow("child").delay("a", 1).build()).build(),
  };
  const seen = new Map<string, string>();
  const alike: string[] = [];
  for (const [name, { hash }] of Object.entries(definitions)) {
    const other = seen.get(hash);
    if (other !== undefined) alike.push(`${name} = ${other}`);
    seen.set(hash, name);
  }
  expect(alike).toEqual([]);
});
