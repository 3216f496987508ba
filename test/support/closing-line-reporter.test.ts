import { expect, test } from "vitest";
import type { TestModule } from "vitest/node";
import { closingLine, countTests } from "./closing-line-reporter.ts";

type State = "passed" | "failed" | "skipped" | "pending";

/** As much of a test module as is counted. */
function aModule(states: readonly State[], errors: readonly Error[] = []): Pick<TestModule, "children" | "errors"> {
  const tests = states.map((state) => ({ result: () => ({ state }) }));
  return { children: { allTests: () => tests.values() }, errors: () => errors } as never;
}

test("counts the tests of all modules", () => {
  const counts = countTests([aModule(["passed", "passed", "skipped"]), aModule(["failed"])]);
  expect(closingLine(counts)).toBe("2 passed, 1 failed, 1 skipped");
});

test("counts a module that could not be loaded as a failure", () => {
  expect(countTests([aModule([], [new Error("no such file")])])).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test("counts a test that was never reached as a failure", () => {
  expect(countTests([aModule(["passed", "pending"])])).toEqual({ passed: 1, failed: 1, skipped: 0 });
});
