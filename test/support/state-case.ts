import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { merged, state } from "../../src/flow/shared-state.ts";
import { task } from "../../src/flow/task.ts";
import type { NodeCase } from "./node-cases.ts";

const tally = state({ sum: merged(0, (current, change) => current + change) });
/** Adds to the tally, and to nothing else. */
const add = (n: number) => task(`add-${n}`, (_: unknown, { state: shared }) => shared.update(tally, { sum: n }));
const fails = (): never => {
  throw new Error("no");
};

/** Several kinds of nodes that change a state. */
export const stateCase: NodeCase = {
  good: {
    make: () =>
      flow<number>("f", { state: tally })
        .then("one", (n, { state: shared }) => {
          shared.update(tally, { sum: n });
          return [n, n];
        })
        .map("items", add(1))
        .fork([branch("a", add(10)), branch("b", (b) => b.delay("rest", 1).then(add(100)))])
        .join("both", async (_, { state: shared }) => {
          shared.update(tally, { sum: 1_000 });
          return await shared.read(tally);
        })
        .build(),
    input: 0,
    output: { sum: 1_112 },
  },
  bad: {
    make: () =>
      flow<number>("f", { state: tally })
        .fork([branch("a", (b) => b.then(add(1)).then("a", fails, { retries: 0 })), branch("b", add(10))], {
          mode: "settled",
        })
        .join("both", async (_, { state: shared }) => await shared.read(tally))
        .build(),
    input: 1,
    report: { status: "completed", output: { sum: 10 } },
  },
};
