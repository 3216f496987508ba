import { expect } from "vitest";
import type { Client } from "../../src/client/client.ts";
import type { HistoryItem } from "../../src/engine/history-item.ts";
import type { StatusReport } from "../../src/engine/instance-status.ts";
import { nextToUndo } from "../../src/flow/undo-order.ts";
import { dependenciesOf, undoneBefore } from "./expected-order.ts";
import { expectedRun, type Payloads, SOME_FAILED } from "./expected-run.ts";
import type { FlowDescription, StepDescription } from "./flow-description.ts";
import { flowFrom, trail } from "./random-flow.ts";

/** An instance that has ended, and what it was made of. */
export interface Course {
  readonly client: Client;
  readonly instanceId: string;
  readonly description: FlowDescription;
  readonly input: unknown;
  /** What was sent for its waits. */
  readonly payloads: Payloads;
  /** What somebody may have asked for, perhaps too late; `null` for nothing. */
  readonly cancel: "cancel" | "undo" | null;
  /** How often its state was changed from outside. */
  readonly touched: number;
}

/** Compares the course that an instance has taken with the one that it should have. @returns how it has ended */
export async function checkCourse(course: Course): Promise<string> {
  const { client, instanceId, description, input, payloads, cancel, touched } = course;
  const expected = expectedRun(description, input, payloads);
  const report = await client.status(instanceId);
  const history = await client.history(instanceId, { limit: 10_000 });
  const outputs = new Map(Array.from(expected.outputs, ([id, value]) => [id, [recordedFor(value)]]));
  const recorded = recordedIn(history);
  if (report.status === "cancelled" && cancel !== null) {
    // It may have been on the way to its failure when the cancel came, and had its handler run already.
    if (description.isUndone === true) outputs.set("$onFailure[0]", ["undo it"]);
    for (const [taskId, values] of recorded)
      expect([taskId, values]).toEqual([taskId, outputs.get(taskId.replace(/~undo$/, ""))]);
    expect(history.filter((item) => item.taskId === "$cancel")).toHaveLength(1);
    const done = [...recorded.keys()].filter((taskId) => recorded.has(`${taskId}~undo`));
    expectOrder(history, undoneBefore(done, dependenciesOf(description, expected.outputs)));
    if (cancel === "undo") expect(nextToUndo(flowFrom(description), [...recorded.keys()])).toEqual([]);
  } else if (description.isUndone === true) {
    expect(report).toMatchObject({ status: "failed", failure: { message: "undo it", taskId: "fails-at-last" } });
    const done = [...outputs.keys()].filter((taskId) => /(^|\/)task-\d+$/.test(taskId));
    for (const taskId of done) outputs.set(`${taskId}~undo`, outputs.get(taskId) ?? []);
    outputs.set("$onFailure[0]", ["undo it"]);
    expect(recorded).toEqual(outputs);
    expectOrder(
      history,
      done.map((taskId) => [`${taskId}~undo`, "$onFailure[0]"] as const),
    );
    expectOrder(history, undoneBefore(done, dependenciesOf(description, expected.outputs)));
  } else {
    const { deadline: _, ...end } = report;
    expect(end).toEqual({ status: "completed", output: expected.output } satisfies StatusReport);
    expect(recorded).toEqual(outputs);
    expectOrder(history, dependenciesOf(description, expected.outputs));
    for (const step of tasksIn(description.steps, "")) expectAttempts(history, step.taskId, step.failures);
    if (description.hasState === true) await checkState();
  }
  return report.status;

  /** Each change is there once, in the order of the flow, whatever the order in which it was made. */
  async function checkState(): Promise<void> {
    const tasks = expected.trail;
    const last = tasks.at(-1) ?? "";
    expect(await client.readState(trail, instanceId)).toEqual({ tasks, last, outside: touched });
  }
}

/**
 * The recorded values of each task: none of what has none of its own (delays, ends, loops over flows), no notes.
 */
function recordedIn(history: readonly HistoryItem[]): Map<string, unknown[]> {
  const recorded = new Map<string, unknown[]>();
  for (const { taskId, kind, outcome, output, outputRef } of history) {
    if (["delay", "branch", "children", "instance", "state", "update"].includes(kind) || outcome === "failed") continue;
    if (kind === "loop" && (outputRef !== null || output === undefined)) continue;
    recorded.set(taskId, [...(recorded.get(taskId) ?? []), hasFailure(output) ? SOME_FAILED : output]);
  }
  return recorded;
}

/** What stands in the history for an output: of a wait for one event, the bare payload, or nothing. */
function recordedFor(output: unknown): unknown {
  if (typeof output !== "object" || output === null || !("timedOut" in output) || "payloads" in output) return output;
  return (output as { payload?: unknown }).payload;
}

function expectOrder(history: readonly HistoryItem[], dependencies: readonly (readonly [string, string])[]): void {
  const last = new Map<string, bigint>();
  const first = new Map<string, bigint>();
  for (const { taskId, sequence } of history) {
    last.set(taskId, sequence);
    if (!first.has(taskId)) first.set(taskId, sequence);
  }
  const wrong = dependencies.filter(([earlier, later]) => !((last.get(earlier) ?? 0n) < (first.get(later) ?? 0n)));
  expect(wrong).toEqual([]);
}

function expectAttempts(history: readonly HistoryItem[], taskId: string, failures: number): void {
  const attempts = history.filter((item) => item.taskId === taskId).map((item) => [item.attempt, item.outcome]);
  if (attempts.length === 0) return; // On a branch that was not taken.
  const failed = Array.from({ length: failures }, (_, index) => [index + 1, "failed"]);
  expect([taskId, ...attempts]).toEqual([taskId, ...failed, [failures + 1, "completed"]]);
}

function tasksIn(steps: readonly StepDescription[], prefix: string): { taskId: string; failures: number }[] {
  return steps.flatMap((step) => {
    switch (step.kind) {
      case "task":
        return [{ taskId: prefix + step.id, failures: step.failures }];
      case "fork":
        return step.branches.flatMap((it) => tasksIn(it.steps, prefix));
      case "route":
        return [...step.branches.flatMap((it) => tasksIn(it.steps, prefix)), ...tasksIn(step.otherwise ?? [], prefix)];
      case "subflow":
        return tasksIn(step.flow.steps, `${prefix}${step.id}/`);
      case "wait":
      case "several":
        return tasksIn(step.late ?? [], prefix);
      case "settled":
        return step.branches.flatMap((it) => tasksIn(it.steps, `${prefix}${step.id}/${it.name}/`));
      // Only of the first branch is it certain how far it comes.
      case "first":
        return step.branches.slice(0, 1).flatMap((it) => tasksIn(it.steps, `${prefix}${step.id}/${it.name}/`));
      case "rounds":
        return tasksIn(step.flow.steps, `${prefix}${step.id}[0]/`);
      case "map":
        return step.count === 0 ? [] : tasksIn(step.flow.steps, `${prefix}${step.id}[0]/`);
      case "loop":
      case "hopeless":
      case "delay":
      case "until":
      case "child":
        return [];
    }
  });
}

/** Whether something is the output of a map some of whose items have failed. */
function hasFailure(output: unknown): boolean {
  return Array.isArray(output) && output.some((item) => (item as { ok?: unknown } | null)?.ok !== undefined);
}
