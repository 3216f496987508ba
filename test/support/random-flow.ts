import type * as fc from "fast-check";
import { getTaskContext } from "../../src/engine/current-task.ts";
import { branch } from "../../src/flow/branch.ts";
import type { Settled } from "../../src/flow/definition.ts";
import { flow } from "../../src/flow/flow.ts";
import type { FlowBuilder } from "../../src/flow/flow-builder.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { merged, state } from "../../src/flow/shared-state.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";
import {
  type FlowDescription,
  LAST_ITERATION,
  type RandomFlowOptions,
  type StepDescription,
} from "./flow-description.ts";
import { named, shapes } from "./random-shapes.ts";

/** What random flows with a state share: which tasks have succeeded, in the order of the flow; and how often it was changed from outside. */
export const trail = state({
  tasks: merged<readonly string[]>([], (current, change) => [...current, ...change]),
  last: "",
  outside: merged(0, (current, change) => current + change),
});

/** Random flows over all kinds of nodes, each with what it was made from. */
export function randomFlow(
  options: RandomFlowOptions = {},
): fc.Arbitrary<{ readonly flow: Flow; readonly description: FlowDescription }> {
  return randomDescription(options).map((description) => ({ flow: flowFrom(description), description }));
}

/** The description alone; `flowFrom` makes the flow. */
export function randomDescription(options: RandomFlowOptions = {}): fc.Arbitrary<FlowDescription> {
  return shapes(options).map((steps) => ({ name: "random", steps: named(steps, "", { count: 0 }) }));
}

/**
 * What every body computes. A different task, iteration or input gives, practically always, another number, so a step
 * that is skipped, repeated or given the wrong input changes the final result.
 *
 * @param taskId - node id plus where it occurred
 */
export function mix(taskId: string, input: unknown): number {
  let hash = 0x811c9dc5;
  for (const character of `${taskId}|${canonical(input)}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}

/** Builds the flow. `onRun` is told of each attempt of each body, before it may fail. */
export function flowFrom(
  description: FlowDescription,
  onRun: (taskId: string, attempt: number) => void = () => undefined,
): Flow {
  const noted = (taskId: string, attempt: number): void => {
    onRun(taskId, attempt);
    // What is undone may only read it.
    if (!taskId.endsWith("~undo")) getTaskContext().state.update(trail, { tasks: [taskId], last: taskId });
  };
  const isShared = description.hasState === true;
  const shared = isShared ? { state: trail } : {};
  const onStep = isShared ? noted : onRun;
  if (description.restarts !== undefined) return endless(description, description.restarts, shared, onStep);
  if (description.isUndone !== true)
    return append(flow<unknown>(description.name, shared), description.steps, onStep).build();
  const handled = flow<unknown>(description.name, {
    ...shared,
    onFailure: ({ failure }, { taskId, attempt }) => {
      onRun(taskId, attempt);
      return failure.message;
    },
  });
  return append(handled, description.steps, onStep)
    .then("fails-at-last", (_: unknown, { taskId, attempt }): never => {
      onRun(taskId, attempt);
      throw new Error("undo it");
    })
    .build();
}

/** What each run of a flow that restarts is given; the first one gets whatever comes in. */
interface Round {
  readonly left: number;
  readonly value: unknown;
}

/** A flow that continues as new so often, with what its steps have made of their input. */
function endless(
  description: FlowDescription,
  restarts: number,
  shared: { readonly state?: typeof trail },
  onRun: OnRun,
): Flow {
  const told = <Result>({ taskId, attempt }: TaskContext, result: Result): Result => {
    onRun(taskId, attempt);
    return result;
  };
  const begun = flow<unknown>(description.name, shared).then("begin", (input, context) => told(context, input));
  const leftOf = async (context: { output(id: string): Promise<unknown> }): Promise<number> => {
    const input = await context.output("begin");
    return typeof input === "number" ? restarts : (input as Round).left;
  };
  return append(begun, description.steps, onRun)
    .route("more", async (_, context) => told(context, (await leftOf(context)) > 0 ? "again" : "over"), [
      "again",
      "over",
    ])
    .branch("again", (b) =>
      b.continueAsNew("go-on", async (value, context): Promise<Round> => {
        return told(context, { left: (await leftOf(context)) - 1, value: mix("go-on", value) });
      }),
    )
    .branch("over")
    .done()
    .build();
}

/** Names of the events that instances of the flow may wait for, each as often as they may. */
export function eventsOf(steps: readonly StepDescription[]): string[] {
  return steps.flatMap((step) => {
    switch (step.kind) {
      case "several":
        return [...repeated([step.event], step.count), ...eventsOf(step.late ?? [])];
      case "wait":
        return [...(isNever(step.event) ? [] : [step.event]), ...eventsOf(step.late ?? [])];
      case "fork":
        return step.branches.flatMap((it) => eventsOf(it.steps));
      case "route":
        return [...step.branches.flatMap((it) => eventsOf(it.steps)), ...eventsOf(step.otherwise ?? [])];
      case "first":
      case "settled":
        return step.branches.flatMap((it) => eventsOf(it.steps));
      case "subflow":
        return eventsOf(step.flow.steps);
      // One for each time that it is waited for.
      case "rounds":
        return repeated(eventsOf(step.flow.steps), step.maxIterations);
      case "map":
        return repeated(eventsOf(step.flow.steps), step.count);
      case "task":
      case "hopeless":
      case "loop":
      case "delay":
      case "until":
      case "child":
        return [];
    }
  });
}

function repeated(events: readonly string[], times: number): string[] {
  return Array.from({ length: times }, () => events).flat();
}

/** Whether an event is one that nobody sends. */
export function isNever(event: string): boolean {
  return event.startsWith("never ");
}

// --- Bodies -----------------------------------------------------------------------------------

export function keyFor(taskId: string, input: unknown, keys: readonly string[]): string {
  return keys[mix(taskId, input) % keys.length] ?? "";
}

export function isDone(taskId: string, input: unknown): boolean {
  const iteration = Number(/\[(\d+)\]$/.exec(taskId)?.[1]);
  return iteration >= LAST_ITERATION || mix(`${taskId}?`, input) % 3 === 0;
}

export function itemsOf(taskId: string, input: unknown, count: number): number[] {
  return Array.from({ length: count }, (_, index) => mix(`${taskId}${index}`, input));
}

/** Whether a task stands in an item with an odd index. */
function isOdd(taskId: string): boolean {
  return Number(/\[(\d+)\]\/[^/]*$/.exec(taskId)?.[1]) % 2 === 1;
}

/** What is the same of a list of settled things wherever it was made: of a failure, that it was one. */
export function settledAs(all: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(
    all.map(([name, settled]) => [name, (settled as Settled<unknown>).ok ? settled : { ok: false }]),
  );
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

// --- The flow ---------------------------------------------------------------------------------

/** The only task of a child. */
export const CHILD_TASK = "child-work";
const CHILD = flow<unknown>("child")
  .then(CHILD_TASK, (input) => mix(CHILD_TASK, input))
  .build();
const FAILING_CHILD = flow<unknown>("failing-child")
  .then(CHILD_TASK, (): never => {
    throw new Error("the child fails");
  })
  .build();

type Builder = FlowBuilder<unknown, unknown>;
type OnRun = (taskId: string, attempt: number) => void;

function append(start: Builder, steps: readonly StepDescription[], onRun: OnRun): Builder {
  return steps.reduce((builder, step) => appendStep(builder, step, onRun), start);
}

function appendStep(builder: Builder, step: StepDescription, onRun: OnRun): Builder {
  const { id } = step;
  const body = (input: unknown, { taskId, attempt }: TaskContext): number => {
    onRun(taskId, attempt);
    if (step.kind === "task" && attempt <= step.failures) throw new Error(`${taskId} fails on attempt ${attempt}`);
    return mix(taskId, input);
  };
  const fails = (_: unknown, { taskId, attempt }: TaskContext): number => {
    onRun(taskId, attempt);
    throw new Error(`${taskId} fails for good`);
  };
  switch (step.kind) {
    case "task":
      return builder.then(id, body, {
        retry: { attempts: attemptsOf(step.failures), initialDelay: 0 },
        undo: (output, { taskId, attempt }) => {
          onRun(taskId, attempt);
          return output;
        },
      });
    case "fork":
      return builder
        .fork(step.branches.map((it) => branch(it.name, (b: Builder) => append(b, it.steps, onRun))))
        .join(id, body);
    case "route":
      return appendRoute(builder, step, onRun);
    case "loop": {
      const run = (input: unknown, context: TaskContext): LoopResult<number, number> => {
        const value = body(input, context);
        return isDone(context.taskId, input) ? LoopResult.done(value) : LoopResult.again(value);
      };
      const { maxIterations } = step;
      if (step.onMax === "fail") return builder.loop(id, run, { maxIterations });
      return builder.loop(id, run, { maxIterations, onMax: "exitWithLast" });
    }
    case "rounds": {
      const { maxIterations } = step;
      const until = (value: unknown, { taskId }: TaskContext): boolean => isDone(taskId, value);
      return builder.loop(id, flowFrom(step.flow, onRun), { until, maxIterations, onMax: "exitWithLast" });
    }
    case "map":
      return appendMap(builder, step, onRun);
    case "first":
      return appendFirst(builder, step, onRun, body);
    case "settled": {
      const branches = step.branches.map((it, index) =>
        branch(it.name, (b: Builder) => {
          const steps = append(b, it.steps, onRun);
          return index % 2 === 0 ? steps : steps.then("fails", fails);
        }),
      );
      return builder
        .fork(branches, { mode: "settled" })
        .join(id, (all: object, context) => body(settledAs(Object.entries(all)), context));
    }
    case "hopeless":
      return appendHopeless(builder, step, onRun, fails);
    case "delay":
      return builder.delay(id, step.durationMs);
    case "until":
      return builder.delayUntil(id, () => 1);
    case "wait": {
      const { late, timeoutMs } = step;
      if (late !== null && timeoutMs !== null) {
        const onTimeout = (b: Builder): Builder => append(b, late, onRun);
        return builder.waitForEvent(id, step.event, { timeout: timeoutMs, onTimeout });
      }
      if (step.timeoutMs === null) return builder.waitForEvent(id, step.event);
      return builder.waitForEvent(id, step.event, { timeout: step.timeoutMs, onTimeout: "continue" });
    }
    case "several":
      return appendSeveral(builder, step, onRun);
    case "child":
      if (!step.fails) return builder.spawn(id, CHILD, { onParentClose: step.onClose });
      return builder.spawn(id, FAILING_CHILD, { onParentClose: step.onClose, onFailure: "skip" });
    case "subflow":
      return builder.thenFlow(id, flowFrom(step.flow, onRun));
  }
}

/** One that never succeeds is tried once. */
function attemptsOf(failures: number): number {
  return Number.isFinite(failures) ? failures + 1 : 1;
}

function appendMap(builder: Builder, step: Extract<StepDescription, { kind: "map" }>, onRun: OnRun): Builder {
  const list = (input: unknown, { taskId, attempt }: TaskContext): number[] => {
    onRun(taskId, attempt);
    return itemsOf(taskId, input, step.count);
  };
  const check = (value: unknown, { taskId, attempt }: TaskContext): unknown => {
    onRun(taskId, attempt);
    if (step.bearsFailures && isOdd(taskId)) throw new Error(`${taskId} fails for good`);
    return mix(taskId, value);
  };
  const body = append(flow<unknown>(step.flow.name), step.flow.steps, onRun).then("check", check).build();
  const concurrency = step.concurrency === null ? {} : { concurrency: step.concurrency };
  if (!step.bearsFailures) return builder.map(step.id, list, body, concurrency);
  return builder
    .map(step.id, list, body, { ...concurrency, onFailure: { tolerate: step.count + 1 } })
    .then(`${step.id}-all`, (all, { taskId, attempt }) => {
      onRun(taskId, attempt);
      return mix(taskId, settledAs(Object.entries(all)));
    });
}

function appendFirst(
  builder: Builder,
  step: Extract<StepDescription, { kind: "first" }>,
  onRun: OnRun,
  body: (input: unknown, context: TaskContext) => number,
): Builder {
  const branches = step.branches.map((it) => branch(it.name, (b: Builder) => append(b, it.steps, onRun)));
  if (step.mode === "race") return builder.race(step.id, branches);
  return builder.fork(branches, { mode: "any" }).join(step.id, body);
}

function appendHopeless(
  builder: Builder,
  { id, failures, handling }: Extract<StepDescription, { kind: "hopeless" }>,
  onRun: OnRun,
  fails: (input: unknown, context: TaskContext) => number,
): Builder {
  const retry = { attempts: failures, initialDelay: 0 };
  const run = (input: unknown, { taskId, attempt }: TaskContext): number => {
    onRun(taskId, attempt);
    return mix(taskId, input);
  };
  if (handling === "skip") return builder.then(id, fails, { retry, onFailure: "skip" });
  if (handling === "fallback")
    return builder.then(id, fails, { retry, onFailure: { fallback: ({ input }, context) => run(input, context) } });
  return builder
    .then(id, fails, { retry, onFailure: { goto: `${id}-target` } })
    .then(`${id}-passed-by`, fails)
    .then(`${id}-target`, run);
}

function appendSeveral(builder: Builder, step: Extract<StepDescription, { kind: "several" }>, onRun: OnRun): Builder {
  const { id, event, late, timeoutMs } = step;
  const count = step.counted
    ? (_: unknown, { taskId, attempt }: TaskContext): number => {
        onRun(taskId, attempt);
        return step.count;
      }
    : step.count;
  if (timeoutMs === null) return builder.waitForEvents(id, event, { count });
  if (late === null) return builder.waitForEvents(id, event, { count, timeout: timeoutMs, onTimeout: "continue" });
  return builder.waitForEvents(id, event, {
    ...{ count, timeout: timeoutMs },
    onTimeout: (b: Builder): Builder => append(b, late, onRun),
  });
}

function appendRoute(builder: Builder, step: Extract<StepDescription, { kind: "route" }>, onRun: OnRun): Builder {
  const select = (input: unknown, { taskId, attempt }: TaskContext): string => {
    onRun(taskId, attempt);
    return keyFor(taskId, input, step.keys);
  };
  const route = step.branches.reduce(
    (stage, it) => stage.branch(it.name, (b) => append(b, it.steps, onRun)),
    builder.route(step.id, select, step.keys),
  );
  const { otherwise } = step;
  if (otherwise !== null) return route.defaultBranch((b) => append(b, otherwise, onRun)).done();
  // The compiler can't know that every key has its branch.
  return (route as unknown as { done(): Builder }).done();
}
