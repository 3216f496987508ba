import { expect, test } from "vitest";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { flowGraph } from "./flow-graph.ts";
import { LoopResult } from "./loop-result.ts";
import { task } from "./task.ts";

const one = (): number => 1;

const payment = flow("payment")
  .then("charge", one, { retries: 2, timeout: "5s", tags: ["eu"], undo: one })
  .build();
const order = flow("order")
  .then("check", one, { onFailure: { goto: "approval" } })
  .thenFlow("pay", payment)
  .loop("poll", () => LoopResult.done(1), { maxIterations: 20 })
  .fork([branch("stock", task("reserve", one)), branch("price", (b) => b.delay("cool-off", "1m").then("look-up", one))])
  .join("offer", one)
  .waitForEvent("approval", "approved", { timeout: "2d" })
  .route("which", (): string => "yes", ["yes", "no"])
  .branch("yes", task("send", one))
  .branch("no")
  .defaultBranch((b) => b.then("ask", one))
  .done()
  .build();

test("names every node where it stands, with what is particular to it", () => {
  const { nodes, starts, ends, definitionHash } = flowGraph(order);

  expect(definitionHash).toBe(order.hash);
  expect(nodes.map(({ id, kind, parent, branch: of }) => `${id} ${kind} ${parent ?? ""} ${of ?? ""}`.trim())).toEqual([
    "check task",
    "pay subflow",
    "pay/charge task pay flow",
    "poll loop",
    "offer fork",
    "reserve task offer stock",
    "cool-off delay offer price",
    "look-up task offer price",
    "approval wait",
    "which route",
    "send task which yes",
    "ask task which *",
  ]);
  expect(nodes.find(({ id }) => id === "pay/charge")).toEqual({
    ...{ id: "pay/charge", kind: "task", name: "charge", parent: "pay", branch: "flow", description: null },
    ...{ timeoutMs: 5_000, tags: ["eu"], limit: null, maxAttempts: 3, detail: {}, transactional: false, hasUndo: true },
  });
  expect(nodes.find(({ id }) => id === "approval")).toMatchObject({
    ...{ timeoutMs: 172_800_000, detail: { event: "approved", onTimeout: "fail" }, maxAttempts: null },
  });
  expect([starts, ends]).toEqual([["check"], ["which"]]);
});

test("joins them by edges that begin and end at nodes", () => {
  const { nodes, edges } = flowGraph(order);
  const ids = new Set(nodes.map(({ id }) => id));

  expect(edges.filter(({ from, to }) => !ids.has(from) || !ids.has(to))).toEqual([]);
  expect(
    edges.map(({ from, to, kind, label }) => `${from} ${kind} ${to}${label === null ? "" : ` (${label})`}`),
  ).toEqual([
    "check next pay",
    "pay next poll",
    "poll next offer",
    "offer next approval",
    "approval next which",
    "check failed approval",
    "pay enter pay/charge",
    "pay/charge leave pay",
    "poll again poll (at most 20 times)",
    "offer enter reserve (stock)",
    "reserve leave offer",
    "offer enter cool-off (price)",
    "cool-off next look-up",
    "look-up leave offer",
    "which enter send (yes)",
    "send leave which",
    "which enter ask (*)",
    "ask leave which",
  ]);
});
