import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { Flow } from "./flow-definition.ts";
import { task } from "./task.ts";
import { toMermaid } from "./to-mermaid.ts";

const one = (): number => 1;
const payment = flow("payment").then("charge", one).build();
const order = flow("order")
  .fork([branch("stock", task("reserve", one), task("pack", one)), branch("price", (b) => b.thenFlow("pay", payment))])
  .join("offer", one)
  .route("which", (): string => "yes", ["yes"])
  .branch("yes", task("send", one))
  .defaultBranch(task("forget", one))
  .done()
  .build();

describe("nodes", () => {
  test("gives every node, outer before inner, with where it is", () => {
    const listed = [...order.nodes()].map(({ address, container, index, depth }) => [
      address,
      container.kind,
      index,
      depth,
    ]);
    expect(listed).toEqual([
      ["offer", "root", 0, 0],
      ["reserve", "branch", 0, 0],
      ["pack", "branch", 1, 0],
      ["pay", "branch", 0, 0],
      ["pay/charge", "subflow", 0, 1],
      ["which", "root", 1, 0],
      ["send", "routeBranch", 0, 0],
      ["forget", "routeBranch", 0, 0],
    ]);
  });

  test("is what iterating over the flow gives", () => {
    expect([...order]).toEqual([...order.nodes()]);
  });

  test("says which branch a node is in", () => {
    expect(order.get("send").container).toMatchObject({ kind: "routeBranch", key: "yes", route: order.get("which") });
    expect(order.get("forget").container).toMatchObject({ kind: "routeBranch", key: null });
    expect(order.get("pack").container).toMatchObject({ kind: "branch", name: "stock", fork: order.get("offer") });
    expect(order.get("pay/charge").container).toMatchObject({ kind: "subflow", subflow: order.get("pay") });
  });
});

describe("find and get", () => {
  test("give the node at an address", () => {
    expect(order.find("pay/charge")?.node).toBe(payment.root[0]);
    expect(order.get("which").node.kind).toBe("route");
  });

  test("differ where there is none", () => {
    expect(order.find("charge")).toBeNull();
    expect(() => order.get("charge")).toThrow(InvalidArgumentError);
    expect(order.find("__proto__")).toBeNull();
  });
});

test("toMermaid draws the flow", () => {
  expect(order.toMermaid()).toBe(toMermaid(order));
});

describe("is", () => {
  test("is true for flows, also those of another copy of the package", () => {
    expect(Flow.is(order)).toBe(true);
    expect(Flow.is({ [Symbol.for("waymark.flow")]: true })).toBe(true);
  });

  test.each([null, undefined, "order", {}, flow("order"), task("t", one)])("is false for %s", (value) => {
    expect(Flow.is(value)).toBe(false);
  });
});

test("a flow can't be changed", () => {
  expect(Object.isFrozen(order)).toBe(true);
});
