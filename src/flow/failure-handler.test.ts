import { describe, expect, test } from "vitest";
import { expectIssue } from "../../test/support/definition-issues.ts";
import { mermaidProblems } from "../../test/support/mermaid-problems.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { flow } from "./flow.ts";
import { task } from "./task.ts";
import { handlerTaskId, isUndoTaskId } from "./undo-order.ts";

const one = (): number => 1;
const handled = flow<number>("inner", { onFailure: one })
  .then("a", (n) => n)
  .build();

describe("onFailure of a flow", () => {
  test("is a function, which is run once, or a task with a policy of its own", () => {
    expect(handled.onFailure).toMatchObject({ id: "onFailure", run: one, policy: { retry: { maxAttempts: 1 } } });
    const tell = task("tell", one, { retries: 3, version: "2" });
    const built = untyped.flow("f", { onFailure: tell }).then("a", one).build();
    expect(built.onFailure).toBe(tell.node);
    expect(built.find("$onFailure")).toMatchObject({ node: tell.node, container: { kind: "part", role: "handler" } });
    expect(built.find("$undo")?.node.kind).toBe("undo");
  });

  test("is none where it is left out", () => {
    const plain = flow("f").then("a", one).build();
    expect(plain.onFailure).toBeNull();
    expect(plain.find("$onFailure")).toBeNull();
    expect(plain.find("$undo")).toBeNull();
  });

  test.each<[unknown, RegExp]>([
    ["skip", /onFailure must be a function or a task, not a string/],
    [null, /onFailure must be a function or a task/],
    [task("", one), /onFailure id/],
    [task("t", one, { undo: one }), /onFailure \("t"\) has an undo itself/],
    [task("t", one, { onFailure: "skip" }), /onFailure \("t"\) has an onFailure itself/],
  ])("%j is refused", (onFailure, message) => {
    expectIssue(() => untyped.flow("f", { onFailure }).then("a", one).build(), "f", message);
  });

  test("is part of the hash by its presence and version, not by what it does", () => {
    const hashOf = (onFailure?: unknown): string => untyped.flow("f", { onFailure }).then("a", one).build().hash;
    expect(hashOf(one)).toBe(hashOf(() => 2));
    expect(hashOf(one)).toBe(hashOf(task("tell", one, { retries: 2 })));
    const hashes = [hashOf(), hashOf(one), hashOf(task("tell", one, { version: "2" }))];
    expect(new Set(hashes).size).toBe(3);
  });

  test.each<[string, () => { build(): unknown }, string]>([
    ["thenFlow", () => flow<number>("f").thenFlow("box", handled), "f/box"],
    ["map", () => flow<number[]>("f").map("items", handled), "f/items"],
    ["loop", () => flow<number>("f").loop("rounds", handled, { until: () => true }), "f/rounds"],
  ])("is refused where the flow is inlined by %s", (_, make, path) => {
    expectIssue(() => make().build(), path, /inlines flow "inner", whose onFailure would never run/);
  });

  test("is drawn", () => {
    const chart = handled.toMermaid();
    expect(chart).toContain('n1 -->|"failed"|');
    expect(chart).toContain('["onFailure"]');
    expect(mermaidProblems(chart)).toEqual([]);
  });
});

test("task ids of what is done before an instance ends", () => {
  expect(handlerTaskId(2)).toBe("$onFailure[2]");
  expect([isUndoTaskId("a/charge~undo"), isUndoTaskId("charge")]).toEqual([true, false]);
});
