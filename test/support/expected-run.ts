import type { EventResult } from "../../src/flow/definition.ts";
import type { FlowDescription, StepDescription } from "./flow-description.ts";
import { CHILD_TASK, isDone, itemsOf, keyFor, mix, settledAs } from "./random-flow.ts";

/** What is sent for a wait; `undefined` if nothing comes before its time limit. */
export type Payloads = (event: string) => unknown;

/** The course that an instance must take. */
export interface ExpectedRun {
  readonly output: unknown;
  /** Output of every body that runs and of every wait, by task id; a route's is its key. */
  readonly outputs: ReadonlyMap<string, unknown>;
  /** The bodies that have succeeded, in the order of the flow, as far as they count: not those of branches that have failed. */
  readonly trail: readonly string[];
}

/** Computes, without any of the engine, what an instance of the flow does. */
export function expectedRun(description: FlowDescription, input: unknown, payloads: Payloads): ExpectedRun {
  const outputs = new Map<string, unknown>();
  const { steps, restarts } = description;
  const trail: string[] = [];
  if (restarts === undefined)
    return { output: walk(steps, input, { prefix: "", payloads, outputs, trail }), outputs, trail };
  let value = input;
  for (let left = restarts; ; left--) {
    // Of each run but the last nothing is left.
    outputs.clear();
    outputs.set("begin", value).set("more", left > 0 ? "again" : "over");
    trail.push("begin");
    const output = walk(steps, value, { prefix: "", payloads, outputs, trail });
    trail.push("more");
    if (left === 0) return { output, outputs, trail };
    trail.push("go-on");
    value = { left: left - 1, value: mix("go-on", output) };
  }
}

/** Stands for the output of a map that has borne failures: a list of which they are part. */
export const SOME_FAILED = "(some failed)";

interface Walk {
  readonly prefix: string;
  readonly payloads: Payloads;
  readonly outputs: Map<string, unknown>;
  readonly trail: string[];
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
  const ran = (output: unknown): unknown => {
    at.trail.push(taskId);
    return record(output);
  };
  switch (step.kind) {
    case "task":
      return ran(mix(taskId, input));
    case "fork":
      return ran(mix(taskId, Object.fromEntries(step.branches.map((it) => [it.name, walk(it.steps, input, at)]))));
    case "route": {
      const key = keyFor(taskId, input, step.keys);
      ran(key);
      return walk(step.branches.find((it) => it.name === key)?.steps ?? step.otherwise ?? [], input, at);
    }
    case "loop":
      return walkLoop(step, input, at);
    case "rounds":
      return walkRounds(step, input, at);
    case "map":
      return walkMap(step, input, at);
    case "first": {
      const [winner] = step.branches;
      const inside = { ...at, prefix: `${taskId}/${winner?.name ?? ""}/` };
      const result = { branch: winner?.name, output: walk(winner?.steps ?? [], input, inside) };
      return step.mode === "race" ? record(result) : ran(mix(taskId, result));
    }
    case "settled": {
      const all = step.branches.map(({ name, steps }, index) => {
        const inside = { ...at, prefix: `${taskId}/${name}/`, trail: index % 2 === 0 ? at.trail : [] };
        const value = walk(steps, input, inside);
        return [name, index % 2 === 0 ? { ok: true, value } : { ok: false }] as const;
      });
      return ran(mix(taskId, Object.fromEntries(all)));
    }
    case "hopeless": {
      const result = (id: string): unknown => {
        at.outputs.set(id, mix(id, input));
        at.trail.push(id);
        return at.outputs.get(id);
      };
      if (step.handling === "skip") return record(undefined);
      return result(step.handling === "fallback" ? `${taskId}~fallback` : `${taskId}-target`);
    }
    case "delay":
      return input;
    case "until":
      at.outputs.set(`${taskId}~until`, 1);
      return input;
    case "wait": {
      const payload = at.payloads(step.event);
      if (step.late !== null && step.timeoutMs !== null) {
        record(payload);
        return payload === undefined ? walk(step.late, input, at) : payload;
      }
      if (step.timeoutMs === null) return record(payload);
      const result: EventResult<unknown> = payload === undefined ? { timedOut: true } : { timedOut: false, payload };
      return record(result);
    }
    case "several":
      return walkSeveral(step, input, at);
    case "child":
      at.outputs.set(`${taskId}~start`, { instanceId: null, input });
      return record(step.fails ? undefined : mix(CHILD_TASK, input));
    case "subflow":
      return walk(step.flow.steps, input, { ...at, prefix: `${taskId}/` });
  }
}

function walkSeveral(step: Extract<StepDescription, { kind: "several" }>, input: unknown, at: Walk): unknown {
  const taskId = at.prefix + step.id;
  const payload = at.payloads(step.event);
  const timedOut = payload === undefined;
  if (step.counted) {
    at.outputs.set(`${taskId}~count`, step.count);
    at.trail.push(`${taskId}~count`);
  }
  const come = Array.from({ length: timedOut ? 1 : step.count }, (_, index) => `${taskId}[${index}]`);
  for (const one of come) at.outputs.set(one, payload);
  const payloads = timedOut ? [] : come.map(() => payload);
  const output = step.timeoutMs === null || step.late !== null ? payloads : { timedOut, payloads };
  at.outputs.set(taskId, output);
  return timedOut && step.late !== null ? walk(step.late, input, at) : output;
}

function walkLoop(step: Extract<StepDescription, { kind: "loop" }>, input: unknown, at: Walk): unknown {
  let value = input;
  for (let iteration = 0; iteration < step.maxIterations; iteration++) {
    const taskId = `${at.prefix}${step.id}[${iteration}]`;
    const done = isDone(taskId, value);
    value = mix(taskId, value);
    at.outputs.set(taskId, value);
    at.trail.push(taskId);
    if (done) break;
  }
  return value;
}

function walkRounds(step: Extract<StepDescription, { kind: "rounds" }>, input: unknown, at: Walk): unknown {
  let value = input;
  for (let iteration = 0; iteration < step.maxIterations; iteration++) {
    const taskId = `${at.prefix}${step.id}[${iteration}]`;
    value = walk(step.flow.steps, value, { ...at, prefix: `${taskId}/` });
    if (isDone(taskId, value)) break;
  }
  return value;
}

function walkMap(step: Extract<StepDescription, { kind: "map" }>, input: unknown, at: Walk): unknown {
  const mapId = at.prefix + step.id;
  const list = itemsOf(`${mapId}~list`, input, step.count);
  at.outputs.set(`${mapId}~list`, step.count);
  at.trail.push(`${mapId}~list`);
  const settled = list.map((item, index) => {
    at.outputs.set(`${mapId}[${index}]~item`, item);
    const prefix = `${mapId}[${index}]/`;
    const fails = step.bearsFailures && index % 2 === 1;
    const value = walk(step.flow.steps, item, { ...at, prefix, trail: fails ? [] : at.trail });
    if (fails) return { ok: false } as const;
    const checked = mix(`${prefix}check`, value);
    at.outputs.set(`${prefix}check`, checked);
    at.trail.push(`${prefix}check`);
    return { ok: true, value: checked } as const;
  });
  if (!step.bearsFailures) {
    const all = settled.map((one) => one.value);
    at.outputs.set(mapId, all);
    return all;
  }
  // What a failure looks like is not for the interpreter to say.
  at.outputs.set(mapId, step.count === 0 ? [] : SOME_FAILED);
  const allId = `${mapId}-all`;
  at.trail.push(allId);
  at.outputs.set(allId, mix(allId, settledAs(Object.entries(settled))));
  return at.outputs.get(allId);
}
