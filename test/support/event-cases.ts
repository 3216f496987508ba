import { flow } from "../../src/flow/flow.ts";
import { task } from "../../src/flow/task.ts";
import type { NodeCase } from "./node-cases.ts";

const double = task("double", (n: number) => n * 2);
const completed = (output: unknown): unknown => ({ status: "completed", output });
const failed = (taskId: string, code?: string): unknown => ({
  status: "failed",
  failure: { taskId, ...(code === undefined ? {} : { code }) },
});
const fails = (): number => {
  throw new Error("no");
};

/** Waits for several events, or for the first of several, and endless flows. By the names of the rows in docs/nodes.md. */
export const eventCases: Readonly<Record<string, NodeCase>> = {
  waitForEvents: {
    good: {
      make: () => flow<number>("f").waitForEvents("wait", "news", { count: 2 }).build(),
      ...{ input: 1, event: "news", times: 2 },
      output: ["payload", "payload"],
    },
    bad: {
      make: () =>
        flow<number>("f")
          .waitForEvents("wait", "news", { count: () => 2, timeout: 5 })
          .build(),
      ...{ input: 1, event: "news" },
      report: failed("wait[1]", "EVENT_TIMEOUT"),
    },
  },
  'waitForEvents, `onTimeout: "continue"`': {
    good: {
      make: () =>
        flow<number>("f")
          .waitForEvents("wait", "news", { count: () => 2, timeout: "1h", onTimeout: "continue" })
          .build(),
      ...{ input: 1, event: "news", times: 2 },
      output: { timedOut: false, payloads: ["payload", "payload"] },
    },
    bad: {
      make: () =>
        flow<number>("f").waitForEvents("wait", "news", { count: 2, timeout: 5, onTimeout: "continue" }).build(),
      ...{ input: 1, event: "news" },
      report: completed({ timedOut: true, payloads: ["payload"] }),
    },
  },
  "waitForEvents, `onTimeout` with a callback": {
    good: {
      make: () =>
        flow<number>("f")
          .waitForEvents("wait", "news", { count: 2, timeout: "1h", onTimeout: (b) => b.then(double) })
          .build(),
      ...{ input: 1, event: "news", times: 2 },
      output: ["payload", "payload"],
    },
    bad: {
      make: () =>
        flow<number>("f")
          .waitForEvents("wait", "news", { count: 2, timeout: 5, onTimeout: (b) => b.then(double) })
          .build(),
      ...{ input: 1, event: "news" },
      report: completed(2),
    },
  },
  waitForAny: {
    good: {
      make: () => flow<number>("f").waitForAny("first", { a: "news", b: "other" }, { timeout: "1h" }).build(),
      ...{ input: 1, event: "news" },
      output: { timedOut: false, event: "a", payload: "payload" },
    },
    bad: {
      make: () => flow<number>("f").waitForAny("first", ["news", "other"], { timeout: 5 }).build(),
      input: 1,
      report: completed({ timedOut: true }),
    },
  },
  continueAsNew: {
    good: {
      make: () =>
        flow<number>("f")
          .then("begin", (n) => n)
          .waitForEvent<string>("wait", "news")
          .then("look", async (_, context) => await context.output("begin"))
          .route("way", (n) => (n < 3 ? "on" : "off"), ["on", "off"])
          .branch("on", (b) => b.continueAsNew("again", (n) => n + 1))
          .branch("off")
          .done()
          .build(),
      ...{ input: 1, event: "news", times: 3 },
      output: 3,
    },
    bad: {
      make: () => flow<number>("f").then(double).continueAsNew("again", fails, { retries: 0 }).build(),
      input: 1,
      report: failed("again"),
    },
  },
};
