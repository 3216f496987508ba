import { branch } from "../../src/flow/branch.ts";
import { flow } from "../../src/flow/flow.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { task } from "../../src/flow/task.ts";
import { childCases } from "./child-cases.ts";
import { deadlineCases } from "./deadline-cases.ts";
import { endingCases } from "./ending-cases.ts";
import { eventCases } from "./event-cases.ts";
import type { NodeFlow } from "./node-run.ts";
import { stateCase } from "./state-case.ts";
import { subflowCase } from "./subflow-case.ts";

/** One kind of node: a flow in which all goes well, one in which something fails, and how they end. */
export interface NodeCase {
  readonly good: NodeFlow & { readonly output: unknown };
  /** What `StatusReport` has to match. */
  readonly bad: NodeFlow & { readonly report: unknown };
}

const double = task("double", (n: number) => n * 2);
const oddFails = task("check", (n: number) => {
  if (n % 2 === 1) throw new Error(`${n} is odd`);
  return n;
});
const fails = (): number => {
  throw new Error("no");
};
const round = flow<number>("round").then(double).delay("rest", 1).build();
const failed = (taskId: string, code?: string): unknown => ({
  status: "failed",
  failure: { taskId, ...(code === undefined ? {} : { code }) },
});
const completed = (output: unknown): unknown => ({ status: "completed", output });
const no = { ok: false, failure: { message: "1 is odd" } };

/** A task that fails at its first attempt, and is tried again. */
function flaky(): NodeFlow["make"] {
  return () =>
    flow<number>("flaky")
      .then(
        "work",
        (n, { attempt }) => {
          if (attempt === 1) throw new Error("not yet");
          return n + 1;
        },
        { retry: { attempts: 2, initialDelay: 1 } },
      )
      .then(double)
      .build();
}

/** By the names of the rows in docs/nodes.md. */
export const nodeCases: Readonly<Record<string, NodeCase>> = {
  task: {
    good: { make: flaky(), input: 1, output: 4 },
    bad: {
      make: () =>
        flow<number>("f")
          .then("work", fails, { retry: { attempts: 3, initialDelay: 0 } })
          .build(),
      input: 1,
      report: failed("work"),
    },
  },
  'task, `onFailure: "skip"`': {
    good: {
      make: () =>
        flow<number>("f")
          .then("work", fails, { onFailure: "skip" })
          .then("end", (n) => n ?? "nothing")
          .build(),
      input: 1,
      output: "nothing",
    },
    bad: {
      make: () => flow<number>("f").then("work", fails, { onFailure: "skip", retries: 0 }).build(),
      input: 1,
      report: completed(undefined),
    },
  },
  "task, `onFailure: { goto }`": {
    good: {
      make: () =>
        flow<number>("f")
          .then("work", fails, { onFailure: { goto: "end" } })
          .then("between", () => -1)
          .then("end", (n) => n)
          .build(),
      input: 1,
      output: 1,
    },
    bad: {
      make: () =>
        flow<number>("f")
          .then("work", fails, { onFailure: { goto: "end" } })
          .then("end", fails)
          .build(),
      input: 1,
      report: failed("end"),
    },
  },
  "task, `onFailure: { fallback }`": {
    good: {
      make: () =>
        flow<number>("f")
          .then("work", fails, { onFailure: { fallback: ({ input, failure }) => `${input} ${failure.message}` } })
          .build(),
      input: 1,
      output: "1 no",
    },
    bad: {
      make: () =>
        flow<number>("f")
          .then("work", fails, { onFailure: { fallback: fails } })
          .build(),
      input: 1,
      report: failed("work~fallback"),
    },
  },
  ...endingCases,
  fork: {
    good: {
      make: () =>
        flow<number>("f")
          .fork([branch("a", double), branch("b", (b) => b.delay("rest", 1).then("b", (n) => n + 1))])
          .join("both", ({ a, b }) => [a, b])
          .build(),
      input: 1,
      output: [2, 2],
    },
    bad: {
      make: () =>
        flow<number>("f")
          .fork([branch("a", oddFails), branch("b", (b) => b.delay("hour", "1h"))])
          .join("both", () => 1)
          .build(),
      input: 1,
      report: failed("check"),
    },
  },
  'fork, `mode: "settled"`': {
    good: {
      make: () =>
        flow<number>("f")
          .fork([branch("a", double), branch("b", (b) => b.delay("rest", 1).then("b", (n) => n + 1))], {
            mode: "settled",
          })
          .join("both", (both) => both)
          .build(),
      input: 1,
      output: { a: { ok: true, value: 2 }, b: { ok: true, value: 2 } },
    },
    bad: {
      make: () =>
        flow<number>("f")
          .fork(
            [
              branch("a", double),
              branch("b", (b) =>
                b.fork([branch("x", oddFails), branch("y", (c) => c.delay("h", "1h"))]).join("j", () => 1),
              ),
            ],
            { mode: "settled" },
          )
          .join("both", (both) => both)
          .build(),
      input: 1,
      report: completed({ a: { ok: true, value: 2 }, b: no }),
    },
  },
  'fork, `mode: "any"`': {
    good: {
      make: () =>
        flow<number>("f")
          .fork([branch("a", oddFails), branch("b", (b) => b.delay("rest", 1).then(double))], { mode: "any" })
          .join("first", (first) => first)
          .build(),
      input: 1,
      output: { branch: "b", output: 2 },
    },
    bad: {
      make: () =>
        flow<number>("f")
          .fork([branch("a", oddFails), branch("b", (b) => b.delay("rest", 1).then(oddFails))], { mode: "any" })
          .join("first", () => 1)
          .build(),
      input: 1,
      report: failed("first", "BRANCHES_FAILED"),
    },
  },
  race: {
    good: {
      make: () =>
        flow<number>("f")
          .race("first", [
            branch("a", (b) => b.delay("hour", "1h")),
            branch("b", (b) => b.delay("rest", 1).then(double)),
          ])
          .build(),
      input: 1,
      output: { branch: "b", output: 2 },
    },
    bad: {
      make: () =>
        flow<number>("f")
          .race("first", [branch("a", (b) => b.delay("hour", "1h")), branch("b", oddFails)])
          .build(),
      input: 1,
      report: failed("first/b/check"),
    },
  },
  map: {
    good: {
      make: () =>
        flow<number[]>("f")
          .map("items", (all) => all, round)
          .build(),
      input: [1, 2, 3],
      output: [2, 4, 6],
    },
    bad: {
      make: () => flow<number[]>("f").map("items", oddFails).build(),
      input: [2, 1],
      report: failed("items[1]/check"),
    },
  },
  "map, `concurrency`": {
    good: {
      make: () => flow<number[]>("f").map("items", round, { concurrency: 2 }).build(),
      input: [1, 2, 3, 4],
      output: [2, 4, 6, 8],
    },
    bad: {
      make: () => flow<number[]>("f").map("items", oddFails, { concurrency: 1 }).build(),
      input: [2, 1, 3],
      report: failed("items[1]/check"),
    },
  },
  'map, `onFailure: "collect"` or `{ tolerate }`': {
    good: {
      make: () =>
        flow<number[]>("f")
          .map("items", oddFails, { onFailure: { tolerate: 1 }, concurrency: 2 })
          .build(),
      input: [1, 2, 4],
      output: [no, { ok: true, value: 2 }, { ok: true, value: 4 }],
    },
    bad: {
      make: () =>
        flow<number[]>("f")
          .map("items", oddFails, { onFailure: { tolerate: 1 }, concurrency: 1 })
          .build(),
      input: [1, 1, 2, 2],
      report: failed("items", "ITEMS_FAILED"),
    },
  },
  route: {
    good: {
      make: () =>
        flow<number>("f")
          .route("way", () => "left", ["left"])
          .branch("left", double)
          .done()
          .build(),
      input: 1,
      output: 2,
    },
    bad: {
      make: () =>
        flow<number>("f")
          .route("way", (): "left" => "right" as never, ["left"])
          .branch("left", double)
          .done()
          .build(),
      input: 1,
      report: failed("way", "ROUTE_KEY_UNKNOWN"),
    },
  },
  loop: {
    good: {
      make: () =>
        flow<number>("f")
          .loop("l", (n) => (n > 2 ? LoopResult.done(n) : LoopResult.again(n + 1)))
          .build(),
      input: 1,
      output: 3,
    },
    bad: {
      make: () =>
        flow<number>("f")
          .loop("l", (n) => LoopResult.again(n), { maxIterations: 2 })
          .build(),
      input: 1,
      report: failed("l[1]", "LOOP_LIMIT"),
    },
  },
  "loop over a flow": {
    good: {
      make: () =>
        flow<number>("f")
          .loop("l", round, { until: (n) => n > 5 })
          .build(),
      input: 1,
      output: 8,
    },
    bad: {
      make: () =>
        flow<number>("f")
          .loop(
            "l",
            flow<number>("r")
              .then(oddFails)
              .then("next", (n) => n + 1)
              .build(),
            { until: () => false },
          )
          .build(),
      input: 2,
      report: failed("l[1]/check"),
    },
  },
  delay: {
    good: { make: () => flow<number>("f").delay("rest", 5).then(double).build(), input: 1, output: 2 },
    bad: { make: () => flow<number>("f").delay("rest", 0).then(double).build(), input: 1, report: completed(2) },
  },
  delayUntil: {
    good: {
      make: () =>
        flow<number>("f")
          .delayUntil("rest", () => Date.now() - 5)
          .then(double)
          .build(),
      input: 1,
      output: 2,
    },
    bad: {
      make: () =>
        flow<number>("f")
          .delayUntil("rest", () => Number.NaN)
          .build(),
      input: 1,
      report: failed("rest~until", "INVALID_ARGUMENT"),
    },
  },
  waitForEvent: {
    good: {
      make: () => flow<number>("f").waitForEvent("wait", "news").build(),
      input: 1,
      event: "news",
      output: "payload",
    },
    bad: {
      make: () => flow<number>("f").waitForEvent("wait", "news", { timeout: 5 }).build(),
      input: 1,
      report: failed("wait", "EVENT_TIMEOUT"),
    },
  },
  'waitForEvent, `onTimeout: "continue"`': {
    good: {
      make: () => flow<number>("f").waitForEvent("wait", "news", { timeout: "1h", onTimeout: "continue" }).build(),
      input: 1,
      event: "news",
      output: { timedOut: false, payload: "payload" },
    },
    bad: {
      make: () => flow<number>("f").waitForEvent("wait", "news", { timeout: 5, onTimeout: "continue" }).build(),
      input: 1,
      report: completed({ timedOut: true }),
    },
  },
  "waitForEvent, `onTimeout` with a callback": {
    good: {
      make: () =>
        flow<number>("f")
          .waitForEvent("wait", "news", { timeout: "1h", onTimeout: (b) => b.then(double) })
          .build(),
      input: 1,
      event: "news",
      output: "payload",
    },
    bad: {
      make: () =>
        flow<number>("f")
          .waitForEvent("wait", "news", { timeout: 5, onTimeout: (b) => b.then(double) })
          .build(),
      input: 1,
      report: completed(2),
    },
  },
  ...deadlineCases,
  ...eventCases,
  "any, with a state that it changes": stateCase,
  ...childCases,
  thenFlow: subflowCase,
};
