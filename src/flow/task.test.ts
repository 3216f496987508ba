import { describe, expect, test } from "vitest";
import { untyped } from "../../test/support/untyped-builder.ts";
import { flow } from "./flow.ts";
import { Task, task } from "./task.ts";

const one = (): number => 1;

describe("task", () => {
  test("gives an immutable task with its options in plain units", () => {
    const charge = task("charge", one, { timeout: "30s", retries: 2 });
    expect(charge.id).toBe("charge");
    expect(charge.node).toMatchObject({ kind: "task", id: "charge", run: one, policy: { timeoutMs: 30_000 } });
    expect(charge.issues).toEqual([]);
    expect([charge, charge.node, charge.node.policy, charge.issues].every(Object.isFrozen)).toBe(true);
  });

  test("doesn't throw, but keeps what is wrong", () => {
    const wrong = untyped.task(5, "f", { retries: -1 });
    expect(wrong).toMatchObject({
      id: "",
      issues: [
        "id must be a string, not a number",
        "needs a function to run, not a string",
        "retries must be a whole number from 0 to 999999, not -1",
      ],
    });
  });

  test("can stand in several flows", () => {
    const shared = task("shared", one);
    const flows = [flow("a").then(shared).build(), flow("b").then("first", one).then(shared).build()];
    expect(flows.map((built) => built.root.at(-1))).toEqual([shared.node, shared.node]);
  });
});

describe("Task.is", () => {
  test("is true for tasks, also those of another copy of the package", () => {
    expect(Task.is(task("t", one))).toBe(true);
    expect(Task.is({ [Symbol.for("waymark.task")]: true })).toBe(true);
  });

  test.each([null, undefined, "t", one, {}, flow("f")])("is false for %s", (value) => {
    expect(Task.is(value)).toBe(false);
  });
});
