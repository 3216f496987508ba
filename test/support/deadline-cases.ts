import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import type { NodeCase } from "./node-cases.ts";

const double = task("double", (n: number) => n * 2);
const overdue = { status: "failed", failure: { taskId: "$deadline", code: "DEADLINE_EXCEEDED" } };

/** Those of what is no node, but can happen at all of them: the instance's time is up. */
export const deadlineCases: Readonly<Record<string, NodeCase>> = {
  "flow, `deadline`": {
    good: {
      make: () =>
        flow<number>("f", { deadline: "1h" })
          .then(double)
          .delay("rest", 1)
          .then("more", (n) => n + 1)
          .build(),
      input: 1,
      output: 3,
    },
    bad: {
      make: () =>
        flow<number>("f", { deadline: 5 })
          .fork([branch("a", double), branch("b", (b) => b.waitForEvent("wait", "never"))])
          .join("both", () => 1)
          .build(),
      input: 1,
      report: overdue,
    },
  },
  "flow, `deadline`, with something to undo": {
    good: {
      make: () =>
        flow<number>("f", { deadline: "1h" })
          .then("work", (n) => n, { undo: () => 0 })
          .then(double)
          .build(),
      input: 1,
      output: 2,
    },
    bad: {
      make: () =>
        flow<number>("f", { deadline: 20 })
          .then("work", (n) => n, { undo: () => 0 })
          .fork([branch("a", double), branch("b", (b) => b.waitForEvent("wait", "never"))])
          .join("both", () => 1)
          .build(),
      input: 1,
      report: overdue,
    },
  },
};
