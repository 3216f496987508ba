import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { interpretOutput } from "../../src/engine/interpret-output.ts";
import { branchOutputs, iterationOf, standpoint } from "../../src/flow/continuation.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import type { ApplyFacts } from "../../src/snapshot/apply.ts";
import { type Occurrence, planStart } from "../../src/snapshot/plan.ts";
import type { Position } from "../../src/snapshot/position.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import { transition } from "../../src/snapshot/transition.ts";
import { expectedRun, randomFlow } from "../support/random-flow.ts";

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value) ?? "null");
const decode = (bytes: Uint8Array | null): unknown => JSON.parse(new TextDecoder().decode(bytes ?? encode(null)));
const payloadOf = (event: string): unknown => `payload of ${event}`;

describe("transitions", () => {
  test.prop(
    [
      randomFlow({ maxFailures: 2, delaysMs: [0, 50] }),
      fc.integer({ min: 0, max: 1_000 }),
      fc.infiniteStream(fc.nat()),
    ],
    { numRuns: 300 },
  )(
    "take every flow through exactly the tasks that a recursive interpreter visits, in whatever order its branches run",
    async ({ flow, description }, input, choices) => {
      const expected = expectedRun(description, input, payloadOf);
      const run = new PureRun(flow, input);
      for (const choice of choices) {
        if (run.snapshot.status !== "in_progress") break;
        await run.step(choice);
      }

      expect(run.snapshot.status).toBe("completed");
      expect(decode(run.snapshot.output)).toEqual(expected.output);
      expect(run.outputs()).toEqual(new Map(expected.outputs));
      expect(run.snapshot.positions).toEqual([]);
    },
  );

  test.prop([randomFlow({ maxFailures: 1 }), fc.integer({ min: 0, max: 1_000 })], { numRuns: 50 })(
    "are pure: the same again gives the same, and arguments stay as they are",
    async ({ flow }, input) => {
      const [one, two] = [new PureRun(flow, input), new PureRun(flow, input)];
      for (let step = 0; step < 10 && one.snapshot.status === "in_progress"; step++) {
        const before = structuredClone(one.snapshot);
        const kept = one.snapshot;
        await one.step(step);
        await two.step(step);
        expect(kept).toEqual(before);
        expect(one.snapshot).toEqual(two.snapshot);
      }
    },
  );
});

/** An instance driven by nothing but `transition`: no engine, no store. */
class PureRun {
  snapshot: Snapshot;
  readonly #flow: Flow;
  #tokens = 0n;
  #now = 1_000;

  constructor(flow: Flow, input: unknown) {
    this.#flow = flow;
    const blank: Snapshot = {
      instanceId: "pure",
      flow: flow.name,
      definitionHash: flow.hash,
      codec: "json",
      status: "in_progress",
      input: encode(input),
      output: null,
      failure: null,
      reason: null,
      priority: 3,
      tags: [],
      labels: {},
      createdAt: 0,
      endedAt: null,
      positions: [],
      results: [],
    };
    this.snapshot = { ...blank, positions: startPositions(flow) };
  }

  /** Claims one of the positions that can move, as `choice` says, and moves it once. */
  async step(choice: number): Promise<void> {
    const movable = this.snapshot.positions.filter((position) => !(position.kind === "join" && position.pending > 0));
    const chosen = movable[choice % movable.length];
    if (chosen === undefined) throw new Error("No position can move: the instance is stuck.");
    const claim = { workerId: "w", token: ++this.#tokens, expiresAt: null };
    const positions = this.snapshot.positions.map((position) =>
      position === chosen ? { ...position, ready: false, claim } : position,
    );
    this.#now += 100;
    const occurrence = await this.#happen(chosen);
    const result = transition(this.#flow, { ...this.snapshot, positions }, chosen.path, occurrence, this.#facts());
    if (result === null) throw new Error("A held position was fenced.");
    this.snapshot = result.snapshot;
    if (occurrence.kind === "received") await this.#goOn(chosen.path);
  }

  /** Recorded values by task id, as the interpreter lists them: no delays, no branch ends. */
  outputs(): Map<string, unknown> {
    const own = this.snapshot.results.filter((result) => result.kind !== "delay" && result.kind !== "branch");
    return new Map(own.map((result) => [result.taskId, decode(result.output)]));
  }

  async #goOn(path: string): Promise<void> {
    const result = transition(this.#flow, this.snapshot, path, { kind: "recorded", decision: null }, this.#facts());
    if (result === null) throw new Error("A held position was fenced.");
    this.snapshot = result.snapshot;
  }

  async #happen(position: Position): Promise<Occurrence> {
    const { node } = standpoint(this.#flow, position.taskId).located;
    switch (node.kind) {
      case "delay":
        return { kind: "elapsed" };
      case "wait":
        return { kind: "received", payload: encode(payloadOf(node.event)), sequence: 1n };
      case "task":
        return await this.#run(position, node.run, node.policy.retry.maxAttempts);
      case "fork":
        return await this.#run(position, node.join.run, node.join.policy.retry.maxAttempts);
      case "route":
        return await this.#run(position, node.select.run, node.select.policy.retry.maxAttempts);
      case "loop":
        return await this.#run(position, node.body.run, node.body.policy.retry.maxAttempts);
      case "subflow":
        throw new Error("Nothing stands at a sub-flow.");
    }
  }

  async #run(
    position: Position,
    body: (input: unknown, context: never) => unknown,
    maxAttempts: number,
  ): Promise<Occurrence> {
    const { node } = standpoint(this.#flow, position.taskId).located;
    const context = { taskId: position.taskId, attempt: position.attempt };
    try {
      const value = await body(this.#inputOf(position), context as never);
      const { output, decision } = interpretOutput(node, position.taskId, value);
      return { kind: "succeeded", output: encode(output), decision, durationMs: 0 };
    } catch {
      if (position.attempt >= maxAttempts)
        throw new Error(
          `${position.taskId} failed for good at ${iterationOf(position.taskId) ?? "its only"} iteration.`,
        );
      return { kind: "failed", failure: encode({}), retryAfterMs: 0, durationMs: 0 };
    }
  }

  #inputOf(position: Position): unknown {
    if (position.kind !== "join") return decode(this.#bytesUnder(position.inputRef));
    const outputs = branchOutputs(this.#flow, position.taskId);
    return Object.fromEntries(Array.from(outputs, ([branch, taskId]) => [branch, decode(this.#bytesUnder(taskId))]));
  }

  #bytesUnder(ref: string | null): Uint8Array | null {
    if (ref === null) return this.snapshot.input;
    const result = this.snapshot.results.find((candidate) => candidate.taskId === ref);
    if (result === undefined) throw new Error(`Nothing is recorded under ${ref}.`);
    return result.kind === "branch" || result.kind === "delay" ? this.#bytesUnder(result.outputRef) : result.output;
  }

  #facts(): ApplyFacts {
    return {
      now: this.#now,
      workerId: "w",
      leaseEnd: this.#now + 1_000,
      nextToken: () => ++this.#tokens,
      hasEvent: () => true,
    };
  }
}

function startPositions(flow: Flow): Position[] {
  const start = planStart(flow, "json", 3);
  if (start.kind === "fork") {
    const join = positionAt("", { standing: start.join });
    return [join, ...start.branches.map((branch) => positionAt(branch.path, branch))];
  }
  if (start.kind === "endBranch" || start.kind === "complete" || start.kind === "fail")
    throw new Error("An empty flow.");
  return [positionAt("", { standing: start.to })];
}

function positionAt(path: string, { standing }: { standing: Parameters<typeof Object.assign>[0] }): Position {
  const { lane, ...rest } = standing as { lane: { tags: readonly string[] } } & Omit<Position, "path" | "tags">;
  return {
    ...rest,
    path,
    tags: lane.tags,
    ready: true,
    availableAt: 0,
    wakeAt: null,
    interrupt: null,
    lost: 0,
    claim: null,
  };
}
