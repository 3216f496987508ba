import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import type { NodeCase } from "./node-cases.ts";

const round = flow<number>("round")
  .then("double", (n) => n * 2)
  .delay("rest", 1)
  .build();
const oddFails = task("check", (n: number) => {
  if (n % 2 === 1) throw new Error(`${n} is odd`);
  return n;
});

/** As `nodeCases`, for children. */
export const childCases: Readonly<Record<string, NodeCase>> = {
  spawn: {
    good: {
      make: () =>
        flow<number>("f")
          .spawn("child", round)
          .then("end", (n) => n + 1)
          .build(),
      input: 1,
      output: 3,
    },
    bad: {
      make: () => flow<number>("f").spawn("child", flow<number>("c").then(oddFails).build()).build(),
      input: 1,
      report: { status: "failed", failure: { taskId: "child", code: "CHILD_FAILED" } },
    },
  },
  "spawn, `await: false`": {
    good: {
      make: () =>
        flow<number>("f")
          .spawn("child", round, { await: false, onParentClose: "wait" })
          .then("end", () => "end")
          .build(),
      input: 1,
      output: "end",
    },
    bad: {
      make: () =>
        flow<number>("f")
          .spawn("child", flow<number>("c").then(oddFails).build(), { await: false, onParentClose: "wait" })
          .then("end", () => "end")
          .build(),
      input: 1,
      report: { status: "completed", output: "end" },
    },
  },
};
