import type { Path, TaskId, WorkerId } from "../ids.ts";
import { type Bytes, type HistoryEntry, isRecordedKind, type NewEntry, type TaskResult } from "../snapshot/snapshot.ts";
import { outlivesRun } from "../snapshot/state-ids.ts";
import { taskOfStep } from "../snapshot/step-ids.ts";
import type { TraceEntry } from "../snapshot/trace-entry.ts";
import { copyOf, copyOrNull } from "./bytes.ts";

/** Where and by whom an entry was written. */
export interface EntryOrigin {
  readonly sequence: bigint;
  readonly path: Path;
  readonly workerId: WorkerId | null;
  readonly at: number;
}

interface TaskRecord {
  readonly attempts: Map<number, HistoryEntry>;
  highest: number;
  outcome: OutcomeEntry | null;
}

type OutcomeEntry = HistoryEntry & Pick<TaskResult, "outcome">;

const ITERATION = /^(.+)\[(0|[1-9][0-9]{0,14})\]$/s;

/** The history of one instance's run, append-only (INV-4), indexed by task id. */
export class InstanceHistory {
  readonly #entries: HistoryEntry[] = [];
  readonly #tasks = new Map<TaskId, TaskRecord>();
  /** By the task that they are part of, in order. */
  readonly #steps = new Map<TaskId, OutcomeEntry[]>();
  /** Greatest index of a recorded iteration, by the loop's task id. */
  readonly #lastIterations = new Map<TaskId, number>();

  /** Whether an entry would break INV-3 or INV-4: its attempt is there, or its task id has an outcome. */
  conflictsWith(entry: Pick<NewEntry, "taskId" | "attempt">): boolean {
    const record = this.#tasks.get(entry.taskId);
    return record !== undefined && (record.outcome !== null || record.attempts.has(entry.attempt));
  }

  /** The caller has made sure that nothing conflicts. */
  append(entry: NewEntry, origin: EntryOrigin): void {
    const stored: HistoryEntry = {
      taskId: entry.taskId,
      attempt: entry.attempt,
      kind: entry.kind,
      outcome: entry.outcome,
      output: copyOrNull(entry.output),
      outputRef: entry.outputRef,
      failure: copyOrNull(entry.failure),
      durationMs: entry.durationMs,
      decision: entry.decision,
      sequence: origin.sequence,
      path: origin.path,
      workerId: origin.workerId,
      at: origin.at,
    };
    this.#entries.push(stored);
    this.#index(stored);
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Forgets the run that is over, but for the last entries of what outlives it. */
  forget(): void {
    const kept = this.#entries.filter(
      ({ taskId, attempt }) => outlivesRun(taskId) && attempt === this.highestAttemptOf(taskId),
    );
    this.#entries.length = 0;
    for (const index of [this.#tasks, this.#steps, this.#lastIterations]) index.clear();
    for (const entry of kept) {
      this.#entries.push(entry);
      this.#index(entry);
    }
  }

  outcomeOf(taskId: TaskId): OutcomeEntry | null {
    return this.#tasks.get(taskId)?.outcome ?? null;
  }

  stepsOf(taskId: TaskId): TaskResult[] {
    return (this.#steps.get(taskId) ?? []).map(resultFrom);
  }

  /** When an attempt began, by the clock of entries; `null` if it has no entry. */
  beginningOf(taskId: TaskId, attempt: number): number | null {
    const entry = this.#tasks.get(taskId)?.attempts.get(attempt);
    return entry === undefined ? null : entry.at - (entry.durationMs ?? 0);
  }

  /** An attempt of a task that has no entry yet: `preferred` if it is free, else the one after the highest. */
  freeAttempt(taskId: TaskId, preferred: number | null): number {
    const record = this.#tasks.get(taskId);
    if (preferred !== null && record?.attempts.has(preferred) !== true) return preferred;
    return (record?.highest ?? 0) + 1;
  }

  /** 0 if there is no entry of it. */
  highestAttemptOf(taskId: TaskId): number {
    return this.#tasks.get(taskId)?.highest ?? 0;
  }
  /** The last entry under a task id; `null` if there is none. */
  lastOf(taskId: TaskId): HistoryEntry | null {
    const record = this.#tasks.get(taskId);
    return record?.attempts.get(record.highest) ?? null;
  }

  attemptOf(taskId: TaskId, attempt: number): HistoryEntry | null {
    return this.#tasks.get(taskId)?.attempts.get(attempt) ?? null;
  }

  /** The recorded value under a task id; what passes on another's output is followed. */
  valueOf(taskId: TaskId | null, instanceInput: Bytes): Bytes | null {
    const seen = new Set<TaskId>();
    for (let next = taskId; next !== null && !seen.has(next); ) {
      seen.add(next);
      const entry = this.outcomeOf(next);
      if (entry === null || entry.output !== null || !passesOn(entry)) return entry?.output ?? null;
      if (entry.outputRef === null) return instanceInput;
      next = entry.outputRef;
    }
    return taskId === null ? instanceInput : null;
  }

  /** The task's outcome, with the output that it has or passes on. */
  resolvedResult(taskId: TaskId, instanceInput: Bytes): TaskResult | null {
    const entry = this.outcomeOf(taskId);
    return entry === null ? null : { ...resultFrom(entry), output: copyOrNull(this.valueOf(taskId, instanceInput)) };
  }

  /** What the last failed attempt of a task failed with. */
  lastFailureOf(taskId: TaskId): Bytes | null {
    const record = this.#tasks.get(taskId);
    for (let attempt = record?.highest ?? 0; attempt > 0; attempt--) {
      const failure = record?.attempts.get(attempt)?.failure ?? null;
      if (failure !== null) return copyOf(failure);
    }
    return null;
  }

  /** All outcomes as they were recorded, in order. */
  results(): TaskResult[] {
    return this.#entries.filter(isOutcome).map(resultFrom);
  }

  /** At most `limit` entries with a sequence greater than `after`, in order. */
  page(after: bigint | null, limit: number): HistoryEntry[] {
    const start = after === null ? 0 : this.#firstAfter(after);
    return this.#entries.slice(start, start + limit).map((entry) => ({
      ...entry,
      output: copyOrNull(entry.output),
      failure: copyOrNull(entry.failure),
    }));
  }

  /** All entries without their payloads, in order. */
  trace(): TraceEntry[] {
    return this.#entries.map(traceOf);
  }

  lastIteration(loopTaskId: TaskId): TaskId | null {
    const index = this.#lastIterations.get(loopTaskId);
    return index === undefined ? null : `${loopTaskId}[${index}]`;
  }

  #index(entry: HistoryEntry): void {
    let record = this.#tasks.get(entry.taskId);
    if (record === undefined) {
      record = { attempts: new Map(), highest: 0, outcome: null };
      this.#tasks.set(entry.taskId, record);
    }
    record.attempts.set(entry.attempt, entry);
    record.highest = Math.max(record.highest, entry.attempt);
    if (!isOutcome(entry)) return;
    record.outcome = entry;
    const task = entry.kind === "step" ? taskOfStep(entry.taskId) : null;
    if (task !== null) this.#addStep(task, entry);
    const [, loopTaskId, index] = ITERATION.exec(entry.taskId) ?? [];
    if (loopTaskId === undefined) return;
    this.#lastIterations.set(loopTaskId, Math.max(this.#lastIterations.get(loopTaskId) ?? 0, Number(index)));
  }

  #addStep(taskId: TaskId, step: OutcomeEntry): void {
    const steps = this.#steps.get(taskId);
    if (steps === undefined) this.#steps.set(taskId, [step]);
    else steps.push(step);
  }

  #firstAfter(sequence: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && entry.sequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isOutcome(entry: HistoryEntry): entry is OutcomeEntry {
  return isRecordedKind(entry.outcome);
}

function traceOf(entry: HistoryEntry): TraceEntry {
  const { sequence, taskId, attempt, path, kind, outcome, outputRef, workerId, durationMs, decision, at } = entry;
  return { sequence, taskId, attempt, path, kind, outcome, outputRef, workerId, durationMs, decision, at };
}

/** Delays, and the ends of branches, have no output of their own. */
function passesOn(entry: HistoryEntry): boolean {
  return entry.output === null && entry.outcome === "completed";
}

function resultFrom(entry: OutcomeEntry): TaskResult {
  return {
    taskId: entry.taskId,
    kind: entry.kind,
    outcome: entry.outcome,
    output: entry.output === null ? null : copyOf(entry.output),
    outputRef: entry.outputRef,
    failure: copyOrNull(entry.failure),
    decision: entry.decision,
  };
}
