import { joinTaskIdOf } from "../../src/flow/task-id.ts";
import type { Checkpoint, ClaimRef, Move } from "../../src/snapshot/checkpoint.ts";
import type { Lane, Position, Standing } from "../../src/snapshot/position.ts";
import type { NewEntry } from "../../src/snapshot/snapshot.ts";
import { stepTaskId } from "../../src/snapshot/step-ids.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { InstanceState } from "../../src/store/instance-store.ts";
import { aCheckpoint, aLane, aNewPosition, anEntry, aStanding, branchOf, bytesOf } from "../../src/testing/builders.ts";
import type { Step } from "./store-operation.ts";

/** Makes checkpoints of steps: what a claimed position can do where it stands. */
export class StepCheckpoints {
  readonly #backend: Backend;
  readonly #name: (prefix: string) => string;

  /** @param name - gives a name that was not used before */
  constructor(backend: Backend, name: (prefix: string) => string) {
    this.#backend = backend;
    this.#name = name;
  }

  /** `null` where the step makes no sense. */
  async checkpoint(claim: ClaimRef, step: Step, records: boolean): Promise<Checkpoint | null> {
    const state = await this.#backend.findInstance(claim.instanceId);
    const position = state?.positions.find((one) => one.path === claim.path);
    // Whoever is fenced has another picture of where it stands.
    if (state === null || position === undefined) return aCheckpoint(claim);
    if (position.kind === "join" && position.pending > 0) return null;
    const isItem = position.taskId.endsWith("~item");
    const entry = anEntry({
      // The value of an item is recorded from the start.
      taskId: isItem ? `${position.path}/${this.#name("t")}` : position.taskId,
      attempt: isItem ? 1 : position.attempt,
      kind: entryKindOf(position),
      output: bytesOf(this.#name("o")),
    });
    const planned = await this.#planned(state, position, step);
    if (planned === null) return null;
    const { move, entries = records ? [entry] : [], consumes = null } = planned;
    return aCheckpoint(claim, { move, entries, consumes });
  }

  async #planned(
    { instance: { instanceId, codec }, positions }: InstanceState,
    at: Position,
    step: Step,
  ): Promise<{ move: Move; entries?: readonly NewEntry[]; consumes?: bigint } | null> {
    const lane = aLane({ codec });
    const standing = (parts: Partial<Standing>): Standing => aStanding({ lane, inputRef: at.inputRef, ...parts });
    const failed = anEntry({
      taskId: at.taskId,
      attempt: at.attempt,
      outcome: "failed",
      output: null,
      failure: bytesOf("3"),
    });
    switch (step.kind) {
      case "advance":
        return { move: { kind: "advance", to: standing(await this.#visit(instanceId, at, step.to)) } };
      case "ready":
        return { move: { kind: "park", to: standing(await this.#visit(instanceId, at, step.to)), wakeAfterMs: 0 } };
      case "sleep":
        return {
          move: { kind: "park", to: standing({ taskId: this.#name("s"), kind: "delay" }), wakeAfterMs: step.ms },
        };
      case "retry": {
        const to = standing({ taskId: at.taskId, attempt: at.attempt + 1 });
        return at.kind === "task" ? { move: { kind: "park", to, wakeAfterMs: step.ms }, entries: [failed] } : null;
      }
      case "await": {
        const to = standing({ taskId: this.#name("w"), kind: "wait", event: step.event });
        return { move: { kind: "await", to, timeoutMs: step.timeoutMs } };
      }
      case "note": {
        const entry = anEntry({
          taskId: stepTaskId(at.taskId, step.step),
          kind: "step",
          output: bytesOf(this.#name("o")),
        });
        return { move: { kind: "note" }, entries: [entry] };
      }
      case "waitOn": {
        const to = standing({ taskId: at.taskId, kind: "wait", event: at.event, attempt: at.attempt });
        return at.kind === "wait" ? { move: { kind: "await", to, timeoutMs: "keep" }, entries: [] } : null;
      }
      case "receive": {
        const event = at.event === null ? null : await this.#backend.peekEvent(instanceId, at.event);
        if (event === null) return null;
        const to = standing({ taskId: at.taskId, kind: "wait", event: at.event, attempt: at.attempt });
        const entry = anEntry({ taskId: at.taskId, attempt: at.attempt, kind: "wait", output: event.payload });
        return { move: { kind: "advance", to }, entries: [entry], consumes: event.sequence };
      }
      case "fork":
        return isDeep(at) ? null : { move: this.#fork(standing, scopeOf(at), step.claimed) };
      case "map":
        return isDeep(at) ? null : this.#map(standing, scopeOf(at), step);
      case "end":
        return { move: endOf(at, positions, lane) };
      case "leave":
        return this.#leave(at, positions, step);
      case "fail":
        return { move: { ...failureOf(at, lane), asKept: step.asKept && at.path === "" }, entries: [failed] };
      case "collapse": {
        const keeps = step.keeps ? failureOf(at, lane).to : null;
        const to = standing({ taskId: this.#name("u") });
        const note = {
          ...failed,
          taskId: step.cancels ? "$cancelling" : "$failed",
          kind: "instance",
          outcome: "noted",
        } as const;
        return { move: { kind: "collapse", to, keeps, cancels: step.cancels }, entries: [{ ...note, attempt: 1 }] };
      }
      case "cancel": {
        const note = { ...failed, taskId: "$cancel", attempt: 1, kind: "instance", outcome: "noted" } as const;
        return { move: { kind: "cancel", reason: "not wanted" }, entries: [{ ...note, failure: null }] };
      }
    }
  }

  /**
   * A flow never comes to a task again that has an outcome; if one did, it would not be its first attempt. Each branch has
   * tasks of its own: no two positions of an instance stand at one.
   */
  async #visit(instanceId: string, at: Position, task: string): Promise<Pick<Standing, "taskId" | "attempt">> {
    const taskId = at.path === "" ? task : `${at.path}/${task}`;
    const isKnown = taskId === at.taskId || (await this.#backend.loadResults(instanceId, [taskId])).length > 0;
    return { taskId, attempt: isKnown ? 2 : 1 };
  }

  #fork(standing: (parts: Partial<Standing>) => Standing, scope: string, claimed: boolean): Move {
    const join = `${scope}${this.#name("j")}`;
    const branches = ["y", "x"].map((name) =>
      aNewPosition({
        path: branchOf(join, name),
        standing: standing({ taskId: `${join}${name}` }),
        claimed: claimed && name === "x",
      }),
    );
    return { kind: "fork", join: standing({ taskId: join, kind: "join", pending: 2 }), branches };
  }

  #map(
    standing: (parts: Partial<Standing>) => Standing,
    scope: string,
    step: Extract<Step, { kind: "map" }>,
  ): { move: Move; entries: readonly NewEntry[] } {
    const join = `${scope}${this.#name("m")}`;
    const { total, claimed } = step;
    const begun = Math.min(step.begun, total);
    const paths = Array.from({ length: total }, (_, index) => `${join}[${index}]`);
    const branches = paths
      .slice(0, begun)
      .map((path) => aNewPosition({ path, standing: standing({ taskId: `${path}~item`, inputRef: null }), claimed }));
    const items = { total, started: begun, failed: 0 };
    return {
      move: { kind: "fork", join: standing({ taskId: join, kind: "join", pending: total, items }), branches },
      entries: paths.map((path) => anEntry({ taskId: `${path}~item`, kind: "item", output: bytesOf(this.#name("v")) })),
    };
  }

  /** `null` on the trunk, which can't be left. */
  #leave(
    at: Position,
    positions: readonly Position[],
    step: Extract<Step, { kind: "leave" }>,
  ): { move: Move; entries: readonly NewEntry[] } | null {
    const outermost = positions.find(({ path }) => path !== "" && at.path.startsWith(`${path}/`));
    const path = (step.outermost ? outermost?.path : undefined) ?? at.path;
    const joinTaskId = joinTaskIdOf(path);
    const join = positions.find((one) => one.kind === "join" && one.taskId === joinTaskId);
    if (at.path === "" || join === undefined) return null;
    const { closes, mostFailed } = step;
    const left = { taskId: path, kind: "branch", outcome: "tolerated", output: null, failure: bytesOf("3") } as const;
    return {
      move: {
        ...{ kind: "leaveBranch", path, joinPath: join.path, closes, mostFailed },
        within: path.slice(0, joinTaskId.length + 1),
      },
      entries: [anEntry(left)],
    };
  }
}

function entryKindOf(position: Position): NewEntry["kind"] {
  return position.kind === "delay" ? "task" : position.kind;
}

/** How a path comes to its end: the trunk completes the instance, a branch counts its join down. */
function endOf(at: Position, positions: readonly Position[], lane: Lane): Move {
  const joinTaskId = at.path === "" ? "" : joinTaskIdOf(at.path);
  const join = positions.find((one) => one.kind === "join" && one.taskId === joinTaskId);
  if (at.path === "" || join === undefined)
    return at.path === "" ? { kind: "complete", output: bytesOf("9"), codec: "json" } : failureOf(at, lane);
  return { kind: join.items === null ? "endBranch" : "endItem", joinPath: join.path };
}

/** Not always at where the row stands: an engine may be a step ahead of it. */
function failureOf(at: Position, lane: Lane): Extract<Move, { kind: "fail" }> {
  const { taskId, kind, inputRef, attempt, priority, event } = at;
  const to = aStanding({ taskId, kind, inputRef, attempt: attempt + 1, priority, event, lane });
  return { kind: "fail", failure: bytesOf("3"), to };
}

/** What task ids and paths within a branch or item begin with. */
function scopeOf({ path }: Position): string {
  return path === "" ? "" : `${path}/`;
}

function isDeep({ path }: Position): boolean {
  return path.split("/").length > 3;
}
