import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import type { NodeCase } from "./node-cases.ts";

const round = flow<number>("round")
  .then("double", (n) => n * 2)
  .delay("rest", 1)
  .build();
const fails = task("check", (n: number): number => {
  throw new Error(`${n} is odd`);
});

/** As one of `nodeCases`, for a flow in place. */
export const subflowCase: NodeCase = {
  good: { make: () => flow<number>("f").thenFlow("box", round).build(), input: 1, output: 2 },
  bad: {
    make: () => flow<number>("f").thenFlow("box", flow<number>("c").then(fails).build()).build(),
    input: 1,
    report: { status: "failed", failure: { taskId: "box/check" } },
  },
};
