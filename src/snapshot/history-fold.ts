import { standpoint } from "../flow/continuation.ts";
import { type Flow, UNDO_ID } from "../flow/flow-definition.ts";
import { itemTaskId } from "../flow/output-ids.ts";
import { joinTaskIdOf } from "../flow/task-id.ts";
import { handlerTaskId, isUndoTaskId, nextToUndo } from "../flow/undo-order.ts";
import type { Path, TaskId } from "../ids.ts";
import { applyCheckpoint, type Changes, NOTES } from "./apply.ts";
import type { Move } from "./checkpoint.ts";
import { isDeadline } from "./deadline.ts";
import type { Decision, Occurrence } from "./occurrence.ts";
import { planNext, planStart } from "./plan.ts";
import type { Plan } from "./plan-move.ts";
import { atUndo, isUndoing } from "./plan-undo.ts";
import type { Position, Standing } from "./position.ts";
import { isPendingJoin } from "./position-rules.ts";
import type { InstanceRecord } from "./snapshot.ts";
import type { Stand } from "./standing.ts";
import { type StoodPosition, standingStill } from "./stood-position.ts";
import { decisionOf, isByHand, needsOutput, type TraceEntry } from "./trace-entry.ts";

/** How an instance began. */
export type Origin = Pick<InstanceRecord, "codec" | "priority" | "createdAt">;

/** The state that a history leads to. */
export interface DerivedState {
  /** The entries up to this one are covered; 0 if there are none. */
  readonly sequence: bigint;
  /** When the last of them was recorded, in milliseconds since the epoch; before any, when the instance was made. */
  readonly at: number;
  /** Where it stands, or where it stood when it failed or was cancelled. By path. */
  readonly positions: readonly StoodPosition[];
  /** The outcomes that stand, in the order in which they were recorded. */
  readonly results: readonly TraceEntry[];
  /** `null` if it had not ended by then. */
  readonly ended: "completed" | "failed" | "cancelled" | null;
}

/** Which part of the history makes no sense, as the end of a sentence about its state. */
export class UnreadableTrace extends Error {
  readonly sequence: bigint;

  constructor(sequence: bigint, problem: string) {
    super(problem);
    this.sequence = sequence;
  }
}

const NOTHING: Uint8Array = new Uint8Array();
const CLAIM = { workerId: "", token: 0n, expiresAt: null };

/**
 * Follows an instance through its history, entry by entry: each is an occurrence at the position that stands at its task.
 * What it leads to is decided by `planNext` and `applyCheckpoint`, as it was when it happened.
 *
 * A checkpoint can have several entries; what it does is done with the last of them. Between them the state is not whole.
 */
export class HistoryFold {
  readonly #flow: Flow;
  readonly #origin: Origin;
  readonly #itemCounts: ReadonlyMap<TaskId, number>;
  readonly #decisions: ReadonlyMap<TaskId, Decision>;
  readonly #positions = new Map<Path, Position>();
  readonly #paths = new Map<TaskId, Path>();
  readonly #results = new Map<TaskId, TraceEntry>();
  /** What a position does when the last entry of its checkpoint is there. */
  readonly #leaving = new Map<Path, Plan>();
  /** Paths whose last checkpoint has entries that are still to come. */
  readonly #open = new Set<Path>();
  /** Tasks and updates whose version of the state is still to come. */
  readonly #changing: Set<TaskId>;
  /** Of these, the updates that have come. */
  readonly #openUpdates = new Set<TaskId>();
  #ended: DerivedState["ended"] = null;
  /** What a collapse has kept, for a retry. */
  #kept: readonly Position[] = [];
  /** How often the instance has been taken back, or forked, since it was made. */
  #resumptions = 0;
  #isCancelling = false;
  #sequence = 0n;
  #now: number;

  /**
   * @param itemCounts - how many items a map has, by its task id
   * @param decisions - those that only outputs tell (`needsOutput`), by task id
   * @param changing - tasks and updates that have changed the state: the last entry of their checkpoint says so
   */
  constructor(
    flow: Flow,
    origin: Origin,
    itemCounts: ReadonlyMap<TaskId, number>,
    decisions: ReadonlyMap<TaskId, Decision>,
    changing: ReadonlySet<TaskId>,
  ) {
    this.#flow = flow;
    this.#origin = origin;
    this.#itemCounts = itemCounts;
    this.#decisions = decisions;
    this.#changing = new Set(changing);
    this.#now = origin.createdAt;
    this.#begin();
  }

  /** Whether all entries of the checkpoints that have begun are there. */
  get isWhole(): boolean {
    return this.#open.size === 0 && this.#openUpdates.size === 0;
  }

  get state(): DerivedState {
    return {
      sequence: this.#sequence,
      at: this.#now,
      positions: standingStill(this.#positions.values()),
      results: [...this.#results.values()],
      ended: this.#ended,
    };
  }

  /** @throws {UnreadableTrace} the entry can't be what follows */
  add(entry: TraceEntry): void {
    this.#sequence = entry.sequence;
    this.#now = entry.at;
    if (entry.kind === "state") return this.#changeState(entry);
    if (entry.outcome === "noted") return this.#note(entry);
    if (entry.outcome === "failed") return this.#fail(entry);
    this.#results.set(entry.taskId, entry);
    if (entry.kind === "step") return;
    if (entry.kind === "item") this.#addItem(entry);
    else if (entry.kind === "branch") this.#endBranch(entry);
    else this.#succeed(entry);
  }

  /** At the start of the flow, where an instance begins each of its runs. */
  #begin(): void {
    for (const path of [...this.#positions.keys()]) this.#remove(path);
    this.#positions.set("", NOWHERE);
    this.#apply("", planStart(this.#flow, this.#origin.codec, this.#origin.priority));
  }
  /** The last entry of the checkpoint of a task, which can be followed now; or of an update. */
  #changeState({ path, outputRef }: TraceEntry): void {
    if (outputRef === null || !this.#changing.delete(outputRef) || this.#openUpdates.delete(outputRef)) return;
    const left = this.#leaving.get(path);
    this.#leaving.delete(path);
    if (left !== undefined) this.#apply(path, left.move);
    else this.#goOn(path);
  }

  #note({ taskId, path, sequence }: TraceEntry): void {
    if (this.#changing.has(taskId)) this.#openUpdates.add(taskId);
    const failing = taskId === NOTES.failed ? this.#failingAt(path) : null;
    if (failing !== null) {
      this.#apply(path, failing.move);
      // It is no point at which the instance stands.
      if (isDeadline({ path })) this.#remove(path);
    } // The history of a run begins with it; what is told of before is when.
    else if (taskId === NOTES.continue) this.#begin();
    else if (taskId === NOTES.cancelling) this.#beginCancel(path, sequence);
    else if (taskId === NOTES.cancel) this.#ended = "cancelled";
    else if (taskId === NOTES.retry || taskId === NOTES.fork) this.#resume();
    else if (taskId === NOTES.save)
      throw new UnreadableTrace(sequence, "the instance was saved from outside, wherever it stood");
  }

  /** It failed where it stood, or what it has done is undone: then the next entry says so. */
  #passDeadline({ path, attempt }: TraceEntry): void {
    this.#positions.set(path, { ...NOWHERE, path, taskId: path, kind: "delay", attempt });
    const plan = planNext(this.#flow, this.#standAt(path), { kind: "overdue", failure: NOTHING });
    if (plan.move.kind === "fail") {
      this.#positions.delete(path);
      this.#ended = "failed";
    } else {
      this.#leaving.set(path, plan);
      this.#open.add(path);
    }
  }
  /** A failure that has no entry of its own, because the task has an outcome, is known by the note alone. */
  #failingAt(path: Path): Plan | null {
    const known = this.#leaving.get(path);
    if (known !== undefined) return known;
    const position = this.#positions.get(path);
    if (position === undefined || isUndoing(standpoint(this.#flow, position.taskId))) return null;
    return planNext(this.#flow, this.#standAt(path), { kind: "unusable", failure: NOTHING });
  }

  #beginCancel(path: Path, sequence: bigint): void {
    if (!this.#positions.has(path)) throw new UnreadableTrace(sequence, `nothing stood at path "${path}"`);
    this.#isCancelling = true;
    const plan = planNext(this.#flow, this.#standAt(path), { kind: "cancelling", why: NOTHING, reason: null });
    this.#positions.set(path, { ...this.#positionAt(path), interrupt: "undo" });
    this.#apply(path, plan.move);
  }

  #resume(): void {
    this.#ended = null;
    this.#resumptions++;
    // Where the handler was due, that of the fork is: it runs under another task id.
    const stand = this.#standAt("");
    if (stand.taskId === handlerTaskId(this.#resumptions - 1))
      this.#apply("", { kind: "advance", to: atUndo(this.#flow, stand, stand.inputRef) });
  }

  /** The instance fails, and stands where a retry would put it. */
  #endFailed(asKept: boolean): void {
    this.#ended = "failed";
    if (!asKept || this.#kept.length === 0) return;
    for (const path of [...this.#positions.keys()]) this.#remove(path);
    for (const position of this.#kept) this.#place(position);
  }

  #fail(entry: TraceEntry): void {
    if (isDeadline(entry)) return this.#passDeadline(entry);
    const path = this.#pathOf(entry);
    const isLast = entry.decision === "last";
    const stand = { ...this.#standAt(path), attempt: entry.attempt };
    const plan = planNext(this.#flow, stand, failed(isLast ? null : 0));
    if (plan.move.kind === "fail") {
      this.#apply(path, { kind: "advance", to: plan.move.to });
      this.#ended = "failed";
    } else if (plan.entries.length > 1 || (isLast && this.#changing.has(entry.taskId))) {
      // The branch is left, the instance undone, or what was joined kept, with the entry that says so.
      this.#leave(path, plan);
    } else {
      this.#apply(path, plan.move);
    }
  }

  #succeed(entry: TraceEntry): void {
    const { taskId, kind } = entry;
    const listPath = kind === "join" ? this.#paths.get(listOf(taskId)) : undefined;
    if (listPath !== undefined) this.#skipItems(listPath, taskId);
    const path = this.#paths.get(taskId);
    if (path !== undefined) return this.#goOn(path);
    // What is recorded by hand need not have been waited for yet.
    if (!isByHand(entry)) throw misplaced(entry);
  }

  /** The items are recorded in their order, after the list: with the last one, they begin. */
  #addItem({ taskId }: TraceEntry): void {
    const mapTaskId = joinTaskIdOf(taskId.slice(0, taskId.lastIndexOf("~")));
    const path = this.#paths.get(listOf(mapTaskId));
    if (path === undefined) return;
    const count = this.#itemCounts.get(mapTaskId) ?? 0;
    this.#open.add(path);
    if (taskId !== itemTaskId(mapTaskId, count - 1)) return;
    const items = Array.from({ length: count }, () => NOTHING);
    const listed: Occurrence = { kind: "listed", items, count: null, none: NOTHING, isOver: false, durationMs: 0 };
    const plan = planNext(this.#flow, this.#standAt(path), listed);
    if (this.#changing.has(listOf(mapTaskId))) this.#leave(path, plan);
    else this.#apply(path, plan.move);
  }

  #leave(path: Path, plan: Plan): void {
    this.#leaving.set(path, plan);
    this.#open.add(path);
  }

  /** A map without items: its join is recorded together with its list. */
  #skipItems(path: Path, mapTaskId: TaskId): void {
    const { taskId, ...rest } = this.#positionAt(path);
    this.#paths.delete(taskId);
    this.#place({ ...rest, taskId: mapTaskId, kind: "join", attempt: 1 });
  }

  #endBranch(entry: TraceEntry): void {
    const { path, outcome } = entry;
    if (!this.#positions.has(path)) throw misplaced(entry);
    if (outcome !== "tolerated") return this.#goOn(path);
    const unusable: Occurrence = { kind: "unusable", failure: NOTHING };
    const { move } = this.#leaving.get(path) ?? planNext(this.#flow, this.#standAt(path), unusable);
    this.#leaving.delete(path);
    this.#apply(path, move);
  }

  /** Moves a position on from where its task has an outcome, as far as the entries that go with that are there. */
  #goOn(path: Path): void {
    const position = this.#positionAt(path);
    if (position.taskId === UNDO_ID && !isPendingJoin(position)) return this.#undoNext(path);
    const result = this.#results.get(position.taskId);
    if (result === undefined || isPendingJoin(position)) return;
    if (this.#changing.has(position.taskId) || this.#changing.has(listOf(position.taskId))) {
      this.#open.add(path);
      return;
    }
    const { container, node } = standpoint(this.#flow, position.taskId).located;
    // Whoever goes on from what was recorded by hand begins the next run, which forgets it.
    if (node.kind === "continue") return;
    const isList = container.kind === "part" && container.role === "list";
    // Nobody could go on from an output that can't be read.
    const isUnknown = needsOutput(this.#flow, result) && !this.#decisions.has(result.taskId);
    const plan = isList || isUnknown ? null : planNext(this.#flow, this.#standAt(path), this.#occurrence(result));
    const isThere = plan?.entries.every(({ taskId }) => this.#results.has(taskId)) ?? false;
    if (plan !== null && isThere) this.#apply(path, plan.move);
    // What somebody else has recorded is gone on from in a later checkpoint.
    else if (!isByHand(result) && !isTaken(result, position)) this.#open.add(path);
  }

  /** What is undone next follows from what is recorded; nothing says that it begins. */
  #undoNext(path: Path): void {
    const completed = [...this.#results.values()].filter(({ outcome }) => outcome === "completed");
    const tasks = nextToUndo(
      this.#flow,
      completed.map(({ taskId }) => taskId),
    );
    const stand = this.#standAt(path);
    if (stand.inputRef === null && tasks.length > 0)
      return this.#apply(path, planNext(this.#flow, stand, { kind: "undoing", tasks }).move);
    // The note says that it has been cancelled.
    if (stand.inputRef === null && this.#isCancelling) return;
    const taskId = handlerTaskId(this.#resumptions);
    if (this.#flow.onFailure !== null && !this.#results.has(taskId))
      return this.#apply(path, planNext(this.#flow, stand, { kind: "handling", taskId }).move);
    const isUndone = completed.some((result) => isUndoTaskId(result.taskId));
    this.#endFailed(stand.inputRef !== null || !isUndone);
  }

  #occurrence(result: TraceEntry): Occurrence {
    if (result.outcome === "tolerated") return failed(null);
    return { kind: "recorded", decision: decisionOf(this.#flow, result, this.#decisions) };
  }

  #apply(path: Path, planned: Plan["move"]): void {
    const move: Move =
      planned.kind === "complete" ? { kind: "complete", output: NOTHING, codec: this.#origin.codec } : planned;
    this.#open.delete(path);
    this.#positions.set(path, { ...this.#positionAt(path), claim: CLAIM });
    const claim = { instanceId: "", path, token: CLAIM.token };
    const facts = { now: this.#now, workerId: "", leaseEnd: this.#now, nextToken: () => 0n, hasEvent: () => false };
    const changes = applyCheckpoint(this.#positions, { claim, entries: [], move, consumes: null }, facts);
    if (changes === null) throw new UnreadableTrace(this.#sequence, `nothing waits for the branch at "${path}" to end`);
    if (move.kind === "collapse" && move.keeps !== null) this.#keep(path, move.keeps);
    this.#write(changes);
  }

  #keep(failedPath: Path, to: Standing): void {
    const { lane: _, ...standing } = to;
    this.#kept = Array.from(this.#positions.values(), (position) => ({
      ...position,
      ...(position.path === failedPath ? { ...standing, tags: to.lane.tags, wakeAt: null } : {}),
      claim: null,
    }));
  }

  #write({ removals, upserts }: Changes): void {
    if (removals === "all") this.#ended = "completed";
    for (const path of removals === "all" ? [...this.#positions.keys()] : removals) this.#remove(path);
    for (const position of upserts) this.#place({ ...position, claim: null });
    for (const { path } of upserts) if (this.#positions.has(path)) this.#goOn(path);
  }

  #place(position: Position): void {
    this.#remove(position.path);
    this.#positions.set(position.path, position);
    this.#paths.set(position.taskId, position.path);
  }

  #remove(path: Path): void {
    const position = this.#positions.get(path);
    if (position !== undefined) this.#paths.delete(position.taskId);
    this.#positions.delete(path);
    this.#open.delete(path);
    this.#leaving.delete(path);
  }

  #pathOf(entry: TraceEntry): Path {
    const path = this.#paths.get(entry.taskId);
    if (path === undefined) throw misplaced(entry);
    return path;
  }

  #positionAt(path: Path): Position {
    return this.#positions.get(path) ?? NOWHERE;
  }

  #standAt(path: Path): Stand {
    const { taskId, attempt, inputRef } = this.#positionAt(path);
    const { codec, priority: instancePriority } = this.#origin;
    return { path, taskId, attempt, inputRef, instancePriority, codec };
  }
}

function failed(retryAfterMs: number | null): Occurrence {
  return { kind: "failed", failure: NOTHING, retryAfterMs, durationMs: 0 };
}

/** Whether it is a child's output: it is recorded when the event is taken that tells of it, and gone on from after that. */
function isTaken({ kind, outcome }: TraceEntry, position: Position): boolean {
  return kind === "spawn" && outcome === "completed" && position.kind === "wait";
}

function listOf(mapTaskId: TaskId): TaskId {
  return `${mapTaskId}~list`;
}

function misplaced({ sequence, taskId }: TraceEntry): UnreadableTrace {
  return new UnreadableTrace(sequence, `nothing stood at "${taskId}"`);
}

const NOWHERE: Position = {
  ...{ path: "", taskId: "", kind: "task", inputRef: null, attempt: 1, priority: 3, tags: [], event: null, pending: 0 },
  ...{ items: null, ready: false, availableAt: null, wakeAt: null, interrupt: null, lost: 0, claim: null },
};
