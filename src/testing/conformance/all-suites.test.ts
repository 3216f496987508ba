import { expect, test } from "vitest";
import { conformanceSuites } from "./all-suites.ts";

const tests = conformanceSuites.flatMap((suite) =>
  Object.entries(suite.methods).flatMap(([method, bodies]) =>
    Object.keys(bodies).map((sentence) => `${suite.name} > ${method} > ${sentence}`),
  ),
);

test("every test has a name of its own", () => {
  expect(new Set(tests).size).toBe(tests.length);
  expect(new Set(conformanceSuites.map((suite) => suite.name)).size).toBe(conformanceSuites.length);
});

test("every method has tests", () => {
  for (const suite of conformanceSuites) {
    for (const [method, bodies] of Object.entries(suite.methods)) {
      expect([method, Object.keys(bodies).length > 0]).toEqual([method, true]);
    }
  }
});
