import { BackendError } from "../errors/backend-errors.ts";
import type { WorkerId } from "../ids.ts";
import { applyCheckpoint, type Changes, NOTES } from "../snapshot/apply.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import { type Bytes, isTerminal, type NewEntry } from "../snapshot/snapshot.ts";
import { outlivesRun } from "../snapshot/state-ids.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import { copyOf, copyOrNull } from "./bytes.ts";
import type { MemoryState } from "./memory-state.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** Who writes, and when. */
export interface WriteFacts {
  readonly workerId: WorkerId;
  readonly leaseEnd: number;
  readonly now: number;
}

/** Writes one checkpoint as a whole, or not at all. */
export function writeCheckpoint(state: MemoryState, checkpoint: Checkpoint, facts: WriteFacts): CheckpointFate {
  const { claim, consumes } = checkpoint;
  const instance = state.find(claim.instanceId);
  if (instance === null || !holdsClaim(instance, checkpoint)) return { kind: "fenced" };
  const entries = numbered(instance, checkpoint);
  if (entries.some((entry) => instance.history.conflictsWith(entry))) return { kind: "recorded" };
  const mailbox = state.findMailbox(instance.id);
  const event = awaitedEvent(checkpoint);
  if (consumes !== null && mailbox?.holds(event, consumes) !== true) return { kind: "eventGone" };
  const taken = takenPath(instance, checkpoint);
  if (taken !== null) return refusal(`A fork makes a position at "${taken}", where there is one`);

  const changes = applyCheckpoint(instance.positions, checkpoint, {
    now: facts.now,
    workerId: facts.workerId,
    leaseEnd: facts.leaseEnd,
    nextToken: () => state.nextToken(),
    hasEvent: (name) => mailbox?.has(name) ?? false,
  });
  if (changes === null) return { kind: "fenced" };
  if (consumes !== null) mailbox?.take(event, consumes);
  for (const entry of changes.restart === null ? entries : entries.filter(({ taskId }) => outlivesRun(taskId))) {
    state.append(instance, entry, { path: claim.path, workerId: facts.workerId, at: facts.now });
  }
  if (changes.restart !== null) beginRun(state, instance, changes.restart, facts);
  write(state, instance, changes, facts.now);
  const owes = isTerminal(changes.instance?.status ?? "in_progress") && hasRelatives(instance);
  return {
    kind: "accepted",
    kept: changes.kept,
    interrupt: changes.interrupt,
    granted: changes.granted.map(({ path, claim: granted }) => ({ path, token: granted?.token ?? 0n })),
    ...(owes ? { owes } : {}),
  };
}

/** Notes of an instance that is to end get an attempt here: it may have come there before. */
function numbered({ history }: StoredInstance, { entries, move }: Checkpoint): readonly NewEntry[] {
  if (move.kind !== "collapse" && move.kind !== "cancel") return entries;
  return entries.map((entry) =>
    entry.outcome === "noted" ? { ...entry, attempt: history.freeAttempt(entry.taskId, null) } : entry,
  );
}

function hasRelatives({ record }: StoredInstance): boolean {
  return record.parent !== null || record.spawns;
}

function holdsClaim(instance: StoredInstance, { claim }: Checkpoint): boolean {
  return instance.positions.get(claim.path)?.claim?.token === claim.token;
}

function awaitedEvent({ move }: Checkpoint): string {
  return move.kind === "advance" ? (move.to.event ?? "") : "";
}

/** The first path that a fork would make a second time. */
function takenPath(instance: StoredInstance, { move }: Checkpoint): string | null {
  if (move.kind !== "fork") return null;
  return move.branches.find((branch) => instance.positions.has(branch.path))?.path ?? null;
}

function refusal(problem: string): CheckpointFate {
  return { kind: "refused", error: new BackendError("BACKEND_BUG", { queryName: "commitCheckpoints", problem }) };
}

/** What the run that is over has left behind is forgotten. */
function beginRun(state: MemoryState, instance: StoredInstance, input: Bytes, facts: WriteFacts): void {
  const { run } = instance.record;
  instance.record = { ...instance.record, input: copyOf(input), run: run + 1 };
  instance.history.forget();
  const nothing = { output: null, outputRef: null, failure: null, durationMs: null, decision: null };
  const note: NewEntry = { taskId: NOTES.continue, attempt: run, kind: "instance", outcome: "noted", ...nothing };
  state.append(instance, note, { path: "", workerId: facts.workerId, at: facts.now });
}

function write(state: MemoryState, instance: StoredInstance, changes: Changes, now: number): void {
  const { status = null, reason = null } = changes.instance ?? {};
  const keepsOn =
    changes.stood === null ? !isTerminal(status ?? "in_progress") : changes.staysKept && instance.stood !== null;
  if (!keepsOn) instance.stood = changes.stood;
  if (status !== null && isTerminal(status)) {
    state.end(instance, {
      status,
      reason,
      endedAt: now,
      output: copyOrNull(changes.instance?.output ?? null),
      failure: copyOrNull(changes.instance?.failure ?? null),
    });
    return;
  }
  if (status !== null && status !== instance.record.status) instance.record = { ...instance.record, status, reason };
  if (changes.clears) instance.signals.clear();
  for (const path of changes.removals === "all" ? [] : changes.removals) state.table.remove(instance, path);
  // What a fork makes is taken in the order of the branches; the first position is the join. A run begins in that of the paths.
  for (const [index, position] of changes.upserts.entries())
    state.place(instance, position, now, changes.restart === null ? index : 0);
}
