import { describe, expect, test } from "vitest";
import { branch } from "../flow/branch.ts";
import { pathsAround } from "../flow/branch-end.ts";
import { flow } from "../flow/flow.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { task } from "../flow/task.ts";
import type { Occurrence } from "./occurrence.ts";
import { planNext } from "./plan.ts";
import { keepsChanges } from "./plan-state.ts";
import { anonymousUpdateTaskId, stateTaskId, updateTaskId } from "./state-ids.ts";

const one = (): number => 1;
const step = task("step", one);
const bytes = new Uint8Array();
const succeeded: Occurrence = { kind: "succeeded", output: bytes, decision: null, durationMs: 1 };
const failed = (retryAfterMs: number | null): Occurrence => ({
  kind: "failed",
  failure: bytes,
  retryAfterMs,
  durationMs: 1,
});

function keeps(of: object, taskId: string, path: string, occurrence: Occurrence): boolean {
  const stand = { path, taskId, attempt: 1, inputRef: null, instancePriority: 3, codec: "json" };
  return keepsChanges(taskId, planNext(of as Flow, stand, occurrence));
}

describe("what a task has changed in the state", () => {
  const line = flow("line").then(step).then("end", one).build();
  const skipping = flow("skipping").then("step", one, { onFailure: "skip" }).build();
  const undone = flow("undone").then("step", one, { undo: one }).then("end", one).build();
  const settled = flow("settled")
    .fork([branch("a", (b) => b.then("first", one).then("last", one)), branch("b", step)], { mode: "settled" })
    .join("join", one)
    .build();

  test("counts where the flow goes on, or ends, or its branch does", () => {
    expect(keeps(line, "step", "", succeeded)).toBe(true);
    expect(keeps(line, "end", "", succeeded)).toBe(true);
    expect(keeps(settled, "join/a/last", "join/a", succeeded)).toBe(true);
    expect(keeps(skipping, "step", "", failed(null))).toBe(true);
  });

  test("does not count where the task is tried again, or the instance or its branch fails", () => {
    expect(keeps(line, "step", "", failed(0))).toBe(false);
    expect(keeps(line, "step", "", failed(1_000))).toBe(false);
    expect(keeps(line, "step", "", failed(null))).toBe(false);
    expect(keeps(settled, "join/a/first", "join/a", failed(null))).toBe(false);
  });

  test("does not count where the instance is undone first", () => {
    expect(keeps(undone, "end", "", failed(null))).toBe(false);
  });
});

test("a state is recorded under an id that no task can have", () => {
  expect([stateTaskId(""), stateTaskId("join/a"), updateTaskId("u"), anonymousUpdateTaskId("u")]).toEqual([
    ...["$state", "$state:join/a", "$update:u", "$update~u"],
  ]);
});

test("a path has those around it, from the trunk's to its own", () => {
  const inner = flow<number>("inner")
    .fork([branch("x", step)], { mode: "any" })
    .join("first", one)
    .build();
  const outer = flow<number>("outer")
    .fork([branch("a", (b) => b.map("items", (n: number) => [n], inner))])
    .join("join", one)
    .build();

  expect(pathsAround(outer as unknown as Flow, "")).toEqual([""]);
  expect(pathsAround(outer as unknown as Flow, "items[3]/first/x")).toEqual([
    "",
    "join/a",
    "items[3]",
    "items[3]/first/x",
  ]);
  expect(pathsAround(outer as unknown as Flow, "step~undo")).toEqual([""]);
});
