import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import type { NodeCase } from "./node-cases.ts";

const double = task("double", (n: number) => n * 2);
const undoable = (id: string) => task(id, (n: number) => n + 1, { undo: () => undefined });
const fails = (): number => {
  throw new Error("no");
};
const failed = { status: "failed", failure: { taskId: "work" } };

/** What is done before an instance fails. */
export const endingCases: Readonly<Record<string, NodeCase>> = {
  "task, `undo`": {
    good: { make: () => flow<number>("f").then(undoable("book")).then(double).build(), input: 1, output: 4 },
    bad: {
      make: () => flow<number>("f").then(undoable("book")).then(undoable("rent")).then("work", fails).build(),
      input: 1,
      report: failed,
    },
  },
  "flow, `onFailure`": {
    good: {
      make: () =>
        flow<number>("f", { onFailure: () => undefined })
          .then(double)
          .build(),
      input: 1,
      output: 2,
    },
    bad: {
      make: () =>
        flow<number>("f", { onFailure: task("tell", () => "told", { retry: { attempts: 2, initialDelay: 0 } }) })
          .then(undoable("book"))
          .then("work", fails)
          .build(),
      input: 1,
      report: failed,
    },
  },
};
