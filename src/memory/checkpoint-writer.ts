import { BackendError } from "../errors/backend-errors.ts";
import type { WorkerId } from "../ids.ts";
import { applyCheckpoint, type Changes } from "../snapshot/apply.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import { copyOrNull } from "./bytes.ts";
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
  const { claim, entries, consumes } = checkpoint;
  const instance = state.find(claim.instanceId);
  if (instance === null || !holdsClaim(instance, checkpoint)) return { kind: "fenced" };
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
  for (const entry of entries) {
    state.append(instance, entry, { path: claim.path, workerId: facts.workerId, at: facts.now });
  }
  write(state, instance, changes, facts.now);
  return {
    kind: "accepted",
    kept: changes.kept,
    interrupt: changes.interrupt,
    granted: changes.granted.map(({ path, claim: granted }) => ({ path, token: granted?.token ?? 0n })),
    ...(changes.instance !== null && hasRelatives(instance) ? { owes: true } : {}),
  };
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

function write(state: MemoryState, instance: StoredInstance, changes: Changes, now: number): void {
  if (changes.instance?.status !== undefined) {
    instance.stood = changes.stood;
    state.end(instance, {
      status: changes.instance.status,
      endedAt: now,
      output: copyOrNull(changes.instance.output ?? null),
      failure: copyOrNull(changes.instance.failure ?? null),
    });
    return;
  }
  for (const path of changes.removals === "all" ? [] : changes.removals) state.table.remove(instance, path);
  // What a fork makes is taken in the order of the branches; the first position is the join.
  for (const [index, position] of changes.upserts.entries()) state.place(instance, position, now, index);
}
