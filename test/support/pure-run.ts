import { JsonCodec } from "../../src/codec/json-codec.ts";
import { decisionOfRecorded, interpretOutput, isPart } from "../../src/engine/interpret-output.ts";
import { readInput } from "../../src/engine/task-inputs.ts";
import { standpoint } from "../../src/flow/continuation.ts";
import type { ChildStart, SpawnNode, TaskNode } from "../../src/flow/definition.ts";
import type { Flow, LocatedNode } from "../../src/flow/flow-definition.ts";
import { nextToUndo } from "../../src/flow/undo-order.ts";
import type { ApplyFacts } from "../../src/snapshot/apply.ts";
import { afterEvent, countTaskId } from "../../src/snapshot/events.ts";
import type { Decision, Occurrence } from "../../src/snapshot/occurrence.ts";
import { planStart } from "../../src/snapshot/plan.ts";
import type { Position } from "../../src/snapshot/position.ts";
import type { NewEntry, Snapshot, TaskResult } from "../../src/snapshot/snapshot.ts";
import type { TraceEntry } from "../../src/snapshot/trace-entry.ts";
import { transition } from "../../src/snapshot/transition.ts";
import { SOME_FAILED } from "./expected-run.ts";
import { isNever } from "./random-flow.ts";

const codec = new JsonCodec();
const encode = (value: unknown): Uint8Array => codec.encode(value);
/** Nothing stands for nothing: what a skipped task hands on. */
export const decode = (bytes: Uint8Array | null): unknown =>
  bytes === null || bytes.length === 0 ? undefined : codec.decode(bytes);
export const payloadOf = (event: string): unknown => `payload of ${event}`;

/** An instance driven by nothing but `transition`: no engine, no store. */
export class PureRun {
  snapshot: Snapshot;
  /** What has been recorded, in order. */
  readonly trace: TraceEntry[] = [];
  readonly #flow: Flow;
  #tokens = 0n;
  #sequence = 0n;
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
      deadlineAt: null,
      forkedFrom: null,
      parent: null,
      spawns: false,
      endedAt: null,
      run: 1,
      positions: [],
      results: [],
    };
    this.snapshot = { ...blank, positions: startPositions(flow) };
  }

  /** Moves on until the instance has ended. */
  async finish(choose: () => number): Promise<void> {
    while (this.snapshot.status === "in_progress") await this.step(choose());
  }

  /** Begins the items whose turn it is: nothing is recorded of that. */
  begin(): void {
    for (const { path, taskId } of this.snapshot.positions) {
      const value = taskId.endsWith("~item") ? this.#bytesUnder(taskId) : null;
      if (value === null) continue;
      this.#claim(path);
      this.#move(path, { kind: "begun", value });
    }
  }

  /** Claims one of the positions that can move, as `choice` says, and moves it once. */
  async step(choice: number): Promise<void> {
    const movable = this.snapshot.positions.filter(
      ({ kind, pending, event }) => !(kind === "join" && pending > 0) && !isNever(event ?? ""),
    );
    const chosen = movable[choice % movable.length];
    if (chosen === undefined) throw new Error("No position can move: the instance is stuck.");
    this.#now += 100;
    const occurrence = await this.#happen(chosen);
    this.#claim(chosen.path);
    this.#move(chosen.path, occurrence);
    if (occurrence.kind === "received")
      this.#move(chosen.path, { kind: "recorded", decision: this.#afterEvent(chosen) });
  }

  #claim(path: string): void {
    const claim = { workerId: "w", token: ++this.#tokens, expiresAt: null };
    const positions = this.snapshot.positions.map((position) =>
      position.path === path ? { ...position, ready: false, claim } : position,
    );
    this.snapshot = { ...this.snapshot, positions };
  }

  #move(path: string, occurrence: Occurrence): void {
    const result = transition(this.#flow, this.snapshot, path, occurrence, this.#facts());
    if (result === null) throw new Error("A held position was fenced.");
    const { run } = this.snapshot;
    this.snapshot = result.snapshot;
    for (const entry of result.effects.entries) this.#record(path, entry);
    if (occurrence.kind !== "continued") return;
    this.trace.length = 0;
    const note = { kind: "instance", outcome: "noted", outputRef: null, durationMs: null, decision: null } as const;
    this.#record("", { taskId: "$continue", attempt: run, ...note });
  }

  #record(path: string, entry: Omit<NewEntry, "output" | "failure">): void {
    const { taskId, attempt, kind, outcome, outputRef, durationMs, decision } = entry;
    const facts = { taskId, attempt, kind, outcome, outputRef, durationMs, decision };
    this.trace.push({ ...facts, sequence: ++this.#sequence, path, workerId: "w", at: this.#now });
  }

  /** Recorded values by task id, as the interpreter lists them: of what has one of its own. */
  outputs(): Map<string, unknown> {
    const own = this.snapshot.results.filter(
      ({ kind, outcome, output }) => kind !== "branch" && (outcome !== "completed" || output !== null),
    );
    return new Map(own.map(({ taskId, output }) => [taskId, shown(decode(output))]));
  }

  async #happen(position: Position): Promise<Occurrence> {
    const { located } = standpoint(this.#flow, position.taskId);
    const { node } = located;
    const recorded = this.snapshot.results.find(({ taskId }) => taskId === position.taskId);
    if (recorded !== undefined && node.kind !== "item") {
      const decision = this.#afterEvent(position);
      return decision === null ? recordedAs(located, recorded) : { kind: "recorded", decision };
    }
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
        return tasks.length > 0 ? { kind: "undoing", tasks } : { kind: "undone", failure: encode({}), asKept: false };
      }
      case "collect":
        return await this.#run(position, node.join);
      case "continue":
        return await this.#run(position, node.next);
      case "spawn":
        return await this.#spawn(position, node);
      case "children":
        return { kind: "closed" };
      case "subflow":
        throw new Error("Nothing stands at a sub-flow.");
    }
  }

  #afterEvent({ taskId }: Position): Decision | null {
    const { container } = standpoint(this.#flow, taskId).located;
    if (container.kind !== "part" || container.of.node.kind !== "collect") return null;
    const counted = (): number => Number(decode(this.#bytesUnder(countTaskId(taskId))));
    return afterEvent(taskId, "completed", container.of.node.count ?? counted());
  }
  /** A child is run to its end at once. */
  async #spawn({ taskId }: Position, node: SpawnNode): Promise<Occurrence> {
    if (!node.isAwaited) return { kind: "succeeded", output: encode(`pure/${taskId}`), decision: null, durationMs: 0 };
    const start = decode(this.#bytesUnder(`${taskId}~start`)) as ChildStart;
    const child = new PureRun(node.child, start.input);
    await child.finish(() => 0);
    const { output } = child.snapshot;
    if (output !== null) return { kind: "received", payload: output, sequence: null };
    const failure = encode({ name: "ChildFailedError", message: "" });
    return { kind: "failed", failure, retryAfterMs: null, durationMs: 0 };
  }

  async #run(position: Position, { run, policy }: TaskNode): Promise<Occurrence> {
    const { located } = standpoint(this.#flow, position.taskId);
    const output = async (taskId: string): Promise<unknown> => decode(this.#bytesUnder(taskId));
    const context = { taskId: position.taskId, attempt: position.attempt, output };
    try {
      const value = await run(await this.#inputOf(position), context as never);
      if (isPart(located.container, "list")) return listed(value as readonly unknown[]);
      if (located.node.kind === "continue") return { kind: "continued", input: encode(value), durationMs: 0 };
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
      findInstance: async () => null,
    };
    const held = {
      ...{ claim: { instanceId: "pure", path, token: 0n }, flow: this.#flow, stand, recorded: null, lost: 0, run: 1 },
      codec,
      input: position.kind === "join" ? null : this.#bytesUnder(inputRef),
      ...{
        armed: false,
        due: false,
        interrupt: null,
        isFresh: false,
        deadline: null,
        isAhead: false,
        askedForAtMs: 0,
        isAdmitted: false,
        lacksPlace: false,
        traceContext: null,
      },
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

function recordedAs(located: LocatedNode, { taskId, outcome, output }: TaskResult): Occurrence {
  return { kind: "recorded", decision: decisionOfRecorded(located, taskId, { outcome, output: decode(output) }) };
}

function listed(items: readonly unknown[]): Occurrence {
  const none = encode([]);
  return { kind: "listed", items: items.map(encode), count: encode(items.length), none, isOver: false, durationMs: 0 };
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
