import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { JsonCodec } from "../../src/codec/json-codec.ts";
import { interpretOutput, isPart } from "../../src/engine/interpret-output.ts";
import { readInput } from "../../src/engine/task-inputs.ts";
import { standpoint } from "../../src/flow/continuation.ts";
import type { TaskNode } from "../../src/flow/definition.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { nextToUndo } from "../../src/flow/undo-order.ts";
import type { ApplyFacts } from "../../src/snapshot/apply.ts";
import { type Occurrence, planStart } from "../../src/snapshot/plan.ts";
import type { Position } from "../../src/snapshot/position.ts";
import type { Snapshot } from "../../src/snapshot/snapshot.ts";
import { transition } from "../../src/snapshot/transition.ts";
import { expectedRun, SOME_FAILED } from "../support/expected-run.ts";
import { isNever, randomFlow } from "../support/random-flow.ts";

const codec = new JsonCodec();
const encode = (value: unknown): Uint8Array => codec.encode(value);
/** Nothing stands for nothing: what a skipped task hands on. */
const decode = (bytes: Uint8Array | null): unknown =>
  bytes === null || bytes.length === 0 ? undefined : codec.decode(bytes);
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
    const movable = this.snapshot.positions.filter(
      ({ kind, pending, event }) => !(kind === "join" && pending > 0) && !isNever(event ?? ""),
    );
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

  /** Recorded values by task id, as the interpreter lists them: of what has one of its own. */
  outputs(): Map<string, unknown> {
    const own = this.snapshot.results.filter(
      ({ kind, outcome, output }) => kind !== "branch" && (outcome !== "completed" || output !== null),
    );
    return new Map(own.map(({ taskId, output }) => [taskId, shown(decode(output))]));
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
      case "item":
        return { kind: "begun", value: this.#bytesUnder(position.taskId) ?? encode(null) };
      case "wait":
        return { kind: "received", payload: encode(payloadOf(node.event)), sequence: 1n };
      case "task":
        return await this.#run(position, node);
      case "fork":
      case "map":
        return await this.#run(position, node.join);
      case "route":
        return await this.#run(position, node.select);
      case "loop":
        return await this.#run(position, node.body);
      case "undo": {
        const done = this.snapshot.results.filter(({ outcome }) => outcome === "completed");
        const tasks = nextToUndo(
          this.#flow,
          done.map(({ taskId }) => taskId),
        );
        return tasks.length > 0 ? { kind: "undoing", tasks } : { kind: "undone", failure: encode({}) };
      }
      case "subflow":
        throw new Error("Nothing stands at a sub-flow.");
    }
  }

  async #run(position: Position, { run, policy }: TaskNode): Promise<Occurrence> {
    const { located } = standpoint(this.#flow, position.taskId);
    const context = { taskId: position.taskId, attempt: position.attempt };
    try {
      const value = await run(await this.#inputOf(position), context as never);
      if (isPart(located.container, "list")) return listed(value as readonly unknown[]);
      const { output, decision } = interpretOutput(located, position.taskId, value);
      return { kind: "succeeded", output: encode(output), decision, durationMs: 0 };
    } catch (error) {
      const failure = encode({ name: "Error", message: String(error) });
      const isLast = position.attempt >= policy.retry.maxAttempts;
      return { kind: "failed", failure, retryAfterMs: isLast ? null : 0, durationMs: 0 };
    }
  }

  async #inputOf(position: Position): Promise<unknown> {
    const { taskId, path, attempt, inputRef } = position;
    const stand = { path, taskId, attempt, inputRef, instancePriority: 3, codec: "json" };
    const results = this.snapshot.results.map((result) => ({ ...result, output: this.#bytesUnder(result.taskId) }));
    const store = {
      loadResults: async (_: string, ids: readonly string[]) => results.filter((it) => ids.includes(it.taskId)),
      lastFailure: async () => encode({ name: "Error", message: "" }),
      findLastIteration: async () => null,
    };
    const held = {
      ...{ claim: { instanceId: "pure", path, token: 0n }, flow: this.#flow, stand, recorded: null, lost: 0 },
      codec,
      input: position.kind === "join" ? null : this.#bytesUnder(inputRef),
      ...{ armed: false, due: false, interrupted: false, isFresh: false },
    };
    return await readInput(store, held);
  }

  #bytesUnder(ref: string | null): Uint8Array | null {
    if (ref === null) return this.snapshot.input;
    const result = this.snapshot.results.find((candidate) => candidate.taskId === ref);
    if (result === undefined) throw new Error(`Nothing is recorded under ${ref}.`);
    const passesOn = result.output === null && result.outcome === "completed";
    return passesOn ? this.#bytesUnder(result.outputRef) : result.output;
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

function listed(items: readonly unknown[]): Occurrence {
  const none = encode([]);
  return { kind: "listed", items: items.map(encode), count: encode(items.length), none, durationMs: 0 };
}

/** As the interpreter shows a map's output: without what its items have failed with. */
function shown(output: unknown): unknown {
  const isSettled = Array.isArray(output) && output.some((item) => (item as { ok?: unknown } | null)?.ok !== undefined);
  return isSettled ? SOME_FAILED : output;
}

function startPositions(flow: Flow): Position[] {
  const start = planStart(flow, "json", 3);
  if (start.kind === "fork") {
    const join = positionAt("", { standing: start.join });
    return [join, ...start.branches.map((branch) => positionAt(branch.path, branch))];
  }
  if (!("to" in start)) throw new Error("An empty flow.");
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
