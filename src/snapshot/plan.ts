import {
  after,
  branchNeedsEntry,
  type Continuation,
  enter,
  intoRouteBranch,
  nextIteration,
  type Standpoint,
  standpoint,
} from "../flow/continuation.ts";
import type { FlowNode } from "../flow/definition.ts";
import type { Flow, LocatedNode } from "../flow/flow-definition.ts";
import type { Path, TaskId } from "../ids.ts";
import type { Move, NewPosition } from "./checkpoint.ts";
import type { Lane, PositionKind, Standing } from "./position.ts";
import type { Bytes, EntryKind, NewEntry } from "./snapshot.ts";

/** Where a claimed position stands: what a plan needs to know of it. */
export interface Stand {
  readonly path: Path;
  readonly taskId: TaskId;
  readonly attempt: number;
  readonly inputRef: TaskId | null;
  /** The instance's priority, for nodes that have none of their own. */
  readonly instancePriority: number;
  readonly codec: string;
}

/** What happened to a claimed position. */
export type Occurrence =
  /** A body has given its output. `decision` is the loop's or the route's. */
  | {
      readonly kind: "succeeded";
      readonly output: Bytes;
      readonly decision: Decision | null;
      readonly durationMs: number;
    }
  /** An attempt has failed; `retryAfterMs` is `null` if it was the last. */
  | {
      readonly kind: "failed";
      readonly failure: Bytes;
      readonly retryAfterMs: number | null;
      readonly durationMs: number;
    }
  /** The outcome is in the history already: go on from it, add nothing. */
  | { readonly kind: "recorded"; readonly decision: Decision | null }
  /** The outcome is in the history already, and can't be gone on from: the instance fails. */
  | { readonly kind: "unusable"; readonly failure: Bytes }
  /** The delay is over. */
  | { readonly kind: "elapsed" }
  /** A buffered event was found. */
  | { readonly kind: "received"; readonly payload: Bytes; readonly sequence: bigint }
  /** There is no event, and the time limit has passed; `failure` where that fails the instance. */
  | { readonly kind: "timedOut"; readonly failure: Bytes | null }
  /** There is no event yet. `armed`: the time limit is running already. */
  | { readonly kind: "nothingYet"; readonly armed: boolean };

export type Decision =
  | { readonly kind: "again" }
  | { readonly kind: "done" }
  | { readonly kind: "key"; readonly key: string };

/** What is to be written. `complete` has no output yet: it is the value under `outputRef`. */
export interface Plan {
  readonly entries: readonly NewEntry[];
  readonly move: PlannedMove;
  readonly consumes: bigint | null;
}

export type PlannedMove =
  | Exclude<Move, { kind: "complete" | "note" }>
  | { readonly kind: "complete"; readonly outputRef: TaskId | null };

/** The move with which an instance begins: `advance`, `park`, `await` or `fork`. */
export function planStart(flow: Flow, codec: string, instancePriority: number): PlannedMove {
  return moveTo(flow, enter(flow), { path: "", inputRef: null, instancePriority, codec });
}

/**
 * What to write when `occurrence` has happened to a position. Pure: equal arguments, equal plans.
 * Nothing else decides what happens next.
 *
 * @throws {InvalidArgumentError} the position stands at a node that the definition does not have
 */
export function planNext(flow: Flow, stand: Stand, occurrence: Occurrence): Plan {
  const here = standpoint(flow, stand.taskId);
  switch (occurrence.kind) {
    case "succeeded":
      return planSuccess(flow, stand, here, occurrence);
    case "failed":
      return planFailure(flow, stand, here, occurrence);
    case "recorded":
      return proceed(flow, stand, here, occurrence.decision, []);
    case "unusable":
      // No entry: the one that is there stands (INV-3).
      return { entries: [], move: { kind: "fail", failure: occurrence.failure }, consumes: null };
    case "elapsed":
      return proceed(flow, stand, here, null, [entry(stand, "delay", { outputRef: stand.inputRef })]);
    case "received":
      // The position stays at the wait, now with a recorded outcome, from which it goes on.
      return {
        entries: [entry(stand, "wait", { output: occurrence.payload })],
        move: { kind: "advance", to: standing(flow, here, stand, stand.attempt) },
        consumes: occurrence.sequence,
      };
    case "timedOut":
      return planTimeout(flow, stand, here, occurrence.failure);
    case "nothingYet": {
      const { node } = here.located;
      const timeoutMs = occurrence.armed || node.kind !== "wait" ? "keep" : node.timeoutMs;
      return {
        entries: [],
        move: { kind: "await", to: standing(flow, here, stand, stand.attempt), timeoutMs },
        consumes: null,
      };
    }
  }
}

function planSuccess(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  occurrence: Extract<Occurrence, { kind: "succeeded" }>,
): Plan {
  const { output, durationMs } = occurrence;
  return proceed(flow, stand, here, occurrence.decision, [
    entry(stand, entryKindOf(here.located.node), { output, durationMs }),
  ]);
}

function planFailure(
  flow: Flow,
  stand: Stand,
  here: Standpoint,
  occurrence: Extract<Occurrence, { kind: "failed" }>,
): Plan {
  const { failure, durationMs, retryAfterMs } = occurrence;
  const entries = [entry(stand, entryKindOf(here.located.node), { outcome: "failed", failure, durationMs })];
  if (retryAfterMs === null) return { entries, move: { kind: "fail", failure }, consumes: null };
  const to = standing(flow, here, stand, stand.attempt + 1);
  const move: Move = retryAfterMs === 0 ? { kind: "advance", to } : { kind: "park", to, wakeAfterMs: retryAfterMs };
  return { entries, move, consumes: null };
}

function planTimeout(flow: Flow, stand: Stand, here: Standpoint, failure: Bytes | null): Plan {
  if (failure === null) return proceed(flow, stand, here, null, [entry(stand, "wait", { outcome: "timed_out" })]);
  return {
    entries: [entry(stand, "wait", { outcome: "failed", failure })],
    move: { kind: "fail", failure },
    consumes: null,
  };
}

/** The node is behind: on to what follows, with the value that flows on. */
function proceed(flow: Flow, stand: Stand, here: Standpoint, decision: Decision | null, entries: NewEntry[]): Plan {
  const value = valueAfter(stand, here.located.node);
  if (decision?.kind === "again") {
    const to = standing(flow, nextIteration(flow, stand.taskId), { ...stand, inputRef: value }, 1);
    return { entries, move: { kind: "advance", to }, consumes: null };
  }
  const next = decision?.kind === "key" ? intoRouteBranch(flow, stand.taskId, decision.key) : after(flow, stand.taskId);
  if (next === null) throw new TypeError(`The engine let an unknown route key through at "${stand.taskId}".`);
  const all =
    next.kind === "endBranch" && branchNeedsEntry(flow, next.path)
      ? [...entries, { ...entry(stand, "branch", { outputRef: value }), taskId: next.path, attempt: 1 }]
      : entries;
  return { entries: all, move: moveTo(flow, next, { ...stand, inputRef: value }), consumes: null };
}

/** Whose output is the value that flows on from a node. */
function valueAfter(stand: Stand, node: FlowNode): TaskId | null {
  return node.kind === "delay" || node.kind === "route" ? stand.inputRef : stand.taskId;
}

/** Where a position stands already: for what leaves it there. */
export function standingHere(flow: Flow, stand: Stand): Standing {
  return standing(flow, standpoint(flow, stand.taskId), stand, stand.attempt);
}

type From = Pick<Stand, "path" | "inputRef" | "instancePriority" | "codec">;

function moveTo(flow: Flow, next: Continuation, from: From): PlannedMove {
  switch (next.kind) {
    case "stand": {
      const to = standing(flow, next.at, from, 1);
      const { node } = next.at.located;
      if (node.kind === "delay") return { kind: "park", to, wakeAfterMs: node.durationMs };
      if (node.kind === "wait") return { kind: "await", to, timeoutMs: node.timeoutMs };
      return { kind: "advance", to };
    }
    case "fork": {
      const join = { ...standing(flow, next.join, from, 1), pending: next.branches.length };
      return {
        kind: "fork",
        join,
        branches: next.branches.flatMap((branch) => startBranch(flow, branch.path, branch.first, from)),
      };
    }
    case "endBranch":
      return { kind: "endBranch", joinPath: next.joinPath };
    case "end":
      return { kind: "complete", outputRef: from.inputRef };
  }
}

/** A branch that starts with a fork is a join from the start, with its own branches beside it. */
function startBranch(flow: Flow, path: Path, first: Continuation, from: From): NewPosition[] {
  const move = moveTo(flow, first, { ...from, path });
  switch (move.kind) {
    case "advance":
      return [{ path, standing: move.to, wakeAfterMs: 0, claimed: false }];
    case "park":
      return [{ path, standing: move.to, wakeAfterMs: move.wakeAfterMs, claimed: false }];
    case "await":
      // Ready at once: whoever claims it looks for a buffered event and parks it if there is none.
      // The time limit starts then.
      return [{ path, standing: move.to, wakeAfterMs: 0, claimed: false }];
    case "fork":
      return [{ path, standing: move.join, wakeAfterMs: null, claimed: false }, ...move.branches];
    case "endBranch":
    case "complete":
    case "fail":
      throw new TypeError(`A branch can't start with "${move.kind}".`);
  }
}

function standing(flow: Flow, at: Standpoint, from: From, attempt: number): Standing {
  const { node } = at.located;
  const policy = policyOf(node);
  return {
    taskId: at.taskId,
    kind: positionKindOf(node),
    inputRef: from.inputRef,
    attempt,
    priority: policy?.priority ?? from.instancePriority,
    lane: laneOf(flow, at.located, from.codec),
    event: node.kind === "wait" ? node.event : null,
    pending: 0,
  };
}

function policyOf(node: FlowNode): { readonly priority: number | null; readonly tags: readonly string[] } | null {
  switch (node.kind) {
    case "task":
      return node.policy;
    case "route":
      return node.select.policy;
    case "loop":
      return node.body.policy;
    case "fork":
      return node.join.policy;
    case "delay":
    case "wait":
    case "subflow":
      return null;
  }
}

const NO_TAGS: readonly string[] = [];
const laneCache = new WeakMap<LocatedNode, Map<string, Lane>>();

/** The lane of a node's positions. The same object each time, so that backends can key caches by it. */
export function laneOf(flow: Flow, located: LocatedNode, codec: string): Lane {
  const byCodec = laneCache.get(located) ?? new Map<string, Lane>();
  laneCache.set(located, byCodec);
  let lane = byCodec.get(codec);
  if (lane === undefined) {
    lane = { flow: flow.name, definitionHash: flow.hash, codec, tags: policyOf(located.node)?.tags ?? NO_TAGS };
    byCodec.set(codec, lane);
  }
  return lane;
}

function positionKindOf(node: FlowNode): PositionKind {
  switch (node.kind) {
    case "delay":
      return "delay";
    case "wait":
      return "wait";
    case "fork":
      return "join";
    case "task":
    case "route":
    case "loop":
    case "subflow":
      return "task";
  }
}

/** How history names what a node does. */
export function entryKindOf(node: FlowNode): EntryKind {
  switch (node.kind) {
    case "fork":
      return "join";
    case "subflow":
      return "task";
    case "task":
    case "route":
    case "loop":
    case "delay":
    case "wait":
      return node.kind;
  }
}

function entry(stand: Stand, kind: EntryKind, facts: Partial<NewEntry>): NewEntry {
  return {
    taskId: stand.taskId,
    attempt: stand.attempt,
    kind,
    outcome: "completed",
    output: null,
    outputRef: null,
    failure: null,
    durationMs: null,
    ...facts,
  };
}
