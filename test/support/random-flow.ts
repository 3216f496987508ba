import * as fc from "fast-check";
import { branch } from "../../src/flow/branch.ts";
import type { EventResult } from "../../src/flow/definition.ts";
import { flow } from "../../src/flow/flow.ts";
import type { FlowBuilder } from "../../src/flow/flow-builder.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import type { TaskContext } from "../../src/flow/task-context.ts";

/** What a random flow is made from: the flow itself and its expected course both follow from it. */
export interface FlowDescription {
  readonly name: string;
  readonly steps: readonly StepDescription[];
}

export type StepDescription =
  /** Throws on its first `failures` attempts, and has that many retries, without a wait. */
  | { readonly kind: "task"; readonly id: string; readonly failures: number }
  | { readonly kind: "fork"; readonly id: string; readonly branches: readonly NamedSteps[] }
  /** Branches by key; `otherwise` is for the keys without one. */
  | {
      readonly kind: "route";
      readonly id: string;
      readonly keys: readonly string[];
      readonly branches: readonly NamedSteps[];
      readonly otherwise: readonly StepDescription[] | null;
    }
  | {
      readonly kind: "loop";
      readonly id: string;
      readonly maxIterations: number;
      readonly onMax: "fail" | "exitWithLast";
    }
  | { readonly kind: "delay"; readonly id: string; readonly durationMs: number }
  /** Goes on after a timeout, if it has one. Every wait of a flow has an event name of its own. */
  | { readonly kind: "wait"; readonly id: string; readonly event: string; readonly timeoutMs: number | null }
  | { readonly kind: "subflow"; readonly id: string; readonly flow: FlowDescription };

export interface NamedSteps {
  readonly name: string;
  readonly steps: readonly StepDescription[];
}

export interface RandomFlowOptions {
  /** How deep branches and sub-flows are nested at most; default 4. */
  readonly maxDepth?: number;
  /** How often a task fails at most before it succeeds; default 0. */
  readonly maxFailures?: number;
  /** Lengths of delays; none, no delays. Default 0, 1 and 50. */
  readonly delaysMs?: readonly number[];
  /** Whether there are waits for events; default true. */
  readonly waits?: boolean;
  /** Time limits of waits, `null` for none; default just `null`. */
  readonly timeoutsMs?: readonly (number | null)[];
}

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
  return append(flow<unknown>(description.name), description.steps, onRun).build();
}

/** What is sent for a wait; `undefined` if nothing comes before its time limit. */
export type Payloads = (event: string) => unknown;

/** The course that an instance must take. */
export interface ExpectedRun {
  readonly output: unknown;
  /** Output of every body that runs and of every wait, by task id; a route's is its key. */
  readonly outputs: ReadonlyMap<string, unknown>;
}

/** Computes, without any of the engine, what an instance of the flow does. */
export function expectedRun(description: FlowDescription, input: unknown, payloads: Payloads): ExpectedRun {
  const outputs = new Map<string, unknown>();
  const output = walk(description.steps, input, { prefix: "", payloads, outputs });
  return { output, outputs };
}

/** Names of the events that instances of the flow may wait for. */
export function eventsOf(steps: readonly StepDescription[]): string[] {
  return steps.flatMap((step) => {
    switch (step.kind) {
      case "wait":
        return [step.event];
      case "fork":
        return step.branches.flatMap((it) => eventsOf(it.steps));
      case "route":
        return [...step.branches.flatMap((it) => eventsOf(it.steps)), ...eventsOf(step.otherwise ?? [])];
      case "subflow":
        return eventsOf(step.flow.steps);
      case "task":
      case "loop":
      case "delay":
        return [];
    }
  });
}

// --- Bodies -----------------------------------------------------------------------------------

/** No loop goes further. */
const LAST_ITERATION = 4;

function keyFor(taskId: string, input: unknown, keys: readonly string[]): string {
  return keys[mix(taskId, input) % keys.length] ?? "";
}

function isDone(taskId: string, input: unknown): boolean {
  const iteration = Number(/\[(\d+)\]$/.exec(taskId)?.[1]);
  return iteration >= LAST_ITERATION || mix(`${taskId}?`, input) % 3 === 0;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

// --- The flow ---------------------------------------------------------------------------------

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
  switch (step.kind) {
    case "task":
      return builder.then(id, body, { retry: { attempts: step.failures + 1, initialDelay: 0 } });
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
    case "delay":
      return builder.delay(id, step.durationMs);
    case "wait":
      if (step.timeoutMs === null) return builder.waitForEvent(id, step.event);
      return builder.waitForEvent(id, step.event, { timeout: step.timeoutMs, onTimeout: "continue" });
    case "subflow":
      return builder.thenFlow(id, flowFrom(step.flow, onRun));
  }
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

// --- The expected course ----------------------------------------------------------------------

interface Walk {
  readonly prefix: string;
  readonly payloads: Payloads;
  readonly outputs: Map<string, unknown>;
}

function walk(steps: readonly StepDescription[], input: unknown, at: Walk): unknown {
  return steps.reduce((value, step) => walkStep(step, value, at), input);
}

function walkStep(step: StepDescription, input: unknown, at: Walk): unknown {
  const taskId = at.prefix + step.id;
  const record = (output: unknown): unknown => {
    at.outputs.set(taskId, output);
    return output;
  };
  switch (step.kind) {
    case "task":
      return record(mix(taskId, input));
    case "fork":
      return record(mix(taskId, Object.fromEntries(step.branches.map((it) => [it.name, walk(it.steps, input, at)]))));
    case "route": {
      const key = keyFor(taskId, input, step.keys);
      record(key);
      return walk(step.branches.find((it) => it.name === key)?.steps ?? step.otherwise ?? [], input, at);
    }
    case "loop":
      return walkLoop(step, input, at);
    case "delay":
      return input;
    case "wait": {
      const payload = at.payloads(step.event);
      if (step.timeoutMs === null) return record(payload);
      const result: EventResult<unknown> = payload === undefined ? { timedOut: true } : { timedOut: false, payload };
      return record(result);
    }
    case "subflow":
      return walk(step.flow.steps, input, { ...at, prefix: `${taskId}/` });
  }
}

function walkLoop(step: Extract<StepDescription, { kind: "loop" }>, input: unknown, at: Walk): unknown {
  let value = input;
  for (let iteration = 0; iteration < step.maxIterations; iteration++) {
    const taskId = `${at.prefix}${step.id}[${iteration}]`;
    const done = isDone(taskId, value);
    value = mix(taskId, value);
    at.outputs.set(taskId, value);
    if (done) break;
  }
  return value;
}

// --- Shapes: descriptions before their steps have names ----------------------------------------

type Shape =
  | { readonly kind: "task"; readonly failures: number }
  | { readonly kind: "fork"; readonly branches: readonly (readonly Shape[])[] }
  | {
      readonly kind: "route";
      readonly branches: readonly (readonly Shape[])[];
      readonly otherwise: readonly Shape[] | null;
    }
  | { readonly kind: "loop"; readonly maxIterations: number; readonly onMax: "fail" | "exitWithLast" }
  | { readonly kind: "delay"; readonly durationMs: number }
  | { readonly kind: "wait"; readonly timeoutMs: number | null }
  | { readonly kind: "subflow"; readonly steps: readonly Shape[] };

function shapes(options: RandomFlowOptions): fc.Arbitrary<readonly Shape[]> {
  const { maxDepth = 4 } = options;
  const simple = simpleShape(options);
  let inside = simple;
  for (let depth = maxDepth; depth > 0; depth--) {
    const some = fc.array(inside, { minLength: 1, maxLength: 3 });
    const any = fc.array(inside, { maxLength: 2 });
    const fork = fc.array(some, { minLength: 1, maxLength: 3 }).map((branches): Shape => ({ kind: "fork", branches }));
    const route = fc
      .tuple(fc.array(any, { minLength: 1, maxLength: 3 }), fc.option(any))
      .map(([branches, otherwise]): Shape => ({ kind: "route", branches, otherwise }));
    const subflow = some.map((steps): Shape => ({ kind: "subflow", steps }));
    inside = fc.oneof(
      { arbitrary: simple, weight: 5 },
      { arbitrary: fork, weight: 1 },
      { arbitrary: route, weight: 1 },
      { arbitrary: subflow, weight: 1 },
    );
  }
  return fc.array(inside, { minLength: 1, maxLength: 6 });
}

function simpleShape(options: RandomFlowOptions): fc.Arbitrary<Shape> {
  const { maxFailures = 0, delaysMs = [0, 1, 50], waits = true, timeoutsMs = [null] } = options;
  const task = fc.integer({ min: 0, max: maxFailures }).map((failures): Shape => ({ kind: "task", failures }));
  const loop = fc
    .tuple(fc.integer({ min: 1, max: LAST_ITERATION + 3 }), fc.boolean())
    // One that may fail is allowed enough iterations to end by itself.
    .map(([maxIterations, mayFail]): Shape => {
      const onMax = mayFail && maxIterations > LAST_ITERATION ? "fail" : "exitWithLast";
      return { kind: "loop", maxIterations, onMax };
    });
  const delay = fc.nat().map((n): Shape => ({ kind: "delay", durationMs: delaysMs[n % delaysMs.length] ?? 0 }));
  const wait = fc.nat().map((n): Shape => ({ kind: "wait", timeoutMs: timeoutsMs[n % timeoutsMs.length] ?? null }));
  return fc.oneof(
    { arbitrary: task, weight: 4 },
    { arbitrary: loop, weight: 1 },
    { arbitrary: delay, weight: delaysMs.length === 0 ? 0 : 1 },
    { arbitrary: wait, weight: waits ? 1 : 0 },
  );
}

/** Ids count within their scope, so that scopes have ids in common. */
function named(steps: readonly Shape[], prefix: string, scope: { count: number }): StepDescription[] {
  const inside = (list: readonly Shape[]): StepDescription[] => named(list, prefix, scope);
  const list = (branches: readonly (readonly Shape[])[]): NamedSteps[] =>
    branches.map((inner, index) => ({ name: `b${index + 1}`, steps: inside(inner) }));
  return steps.map((shape): StepDescription => {
    scope.count++;
    const id = `${shape.kind}-${scope.count}`;
    switch (shape.kind) {
      case "task":
      case "loop":
      case "delay":
        return { ...shape, id };
      case "wait":
        return { ...shape, id, event: `go ${prefix}${id}` };
      case "fork":
        return { kind: "fork", id, branches: list(shape.branches) };
      case "route": {
        const branches = list(shape.branches);
        const keys = branches.map((it) => it.name);
        if (shape.otherwise === null) return { kind: "route", id, keys, branches, otherwise: null };
        return { kind: "route", id, keys: [...keys, "other"], branches, otherwise: inside(shape.otherwise) };
      }
      case "subflow":
        return {
          kind: "subflow",
          id,
          flow: { name: `flow-${scope.count}`, steps: named(shape.steps, `${prefix}${id}/`, { count: 0 }) },
        };
    }
  });
}
