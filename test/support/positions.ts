import type { Pool, PoolClient } from "pg";
import type { Checkpoint, ClaimRef, Move, NewPosition } from "../../src/snapshot/checkpoint.ts";
import type { Lane, Standing } from "../../src/snapshot/position.ts";
import type { NewEntry } from "../../src/snapshot/snapshot.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { NewInstance } from "../../src/store/instance-store.ts";
import type { CheckpointFate, ClaimedPosition } from "../../src/store/position-store.ts";

export const lane: Lane = { flow: "test", definitionHash: "0".repeat(64), codec: "json", tags: [] };
export const holder = { workerId: "worker-a", leaseMs: 60_000 };

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function standing(taskId: string, facts: Partial<Standing> = {}): Standing {
  return {
    taskId,
    kind: "task",
    inputRef: null,
    attempt: 1,
    priority: 3,
    lane,
    event: null,
    pending: 0,
    items: null,
    ...facts,
  };
}

export function entry(taskId: string, facts: Partial<NewEntry> = {}): NewEntry {
  return {
    taskId,
    attempt: 1,
    kind: "task",
    outcome: "completed",
    output: bytes(`"${taskId}"`),
    outputRef: null,
    failure: null,
    durationMs: 1,
    decision: null,
    ...facts,
  };
}

export function checkpoint(claim: ClaimRef, move: Move, entries: readonly NewEntry[] = []): Checkpoint {
  const { instanceId, path, token } = claim;
  return { claim: { instanceId, path, token }, entries, move, consumes: null };
}

export function branchAt(path: string, taskId: string, facts: Partial<NewPosition> = {}): NewPosition {
  return { path, standing: standing(taskId), wakeAfterMs: 0, claimed: false, ...facts };
}

export function newInstance(instanceId: string, facts: Partial<NewInstance> = {}): NewInstance {
  return {
    instanceId,
    flow: lane.flow,
    definitionHash: lane.definitionHash,
    codec: lane.codec,
    input: bytes("null"),
    priority: 3,
    tags: [],
    labels: {},
    deadline: null,
    positions: [branchAt("", "a")],
    awaitsEvents: true,
    spawns: false,
    ...facts,
  };
}

/** Makes an instance and claims its trunk. */
export async function startAndClaim(
  backend: Backend,
  instanceId: string,
  facts?: Partial<NewInstance>,
): Promise<ClaimedPosition> {
  await backend.createInstances([newInstance(instanceId, facts)]);
  return await claimOne(backend, instanceId);
}

export async function claimOne(
  backend: Backend,
  instanceId: string,
  workerId: string = holder.workerId,
): Promise<ClaimedPosition> {
  const [claimed] = await backend.claimPositions({ ...holder, workerId, limit: 1, lanes: [], instanceId });
  if (claimed === undefined) throw new Error(`Nothing to claim of ${instanceId}.`);
  return claimed;
}

export async function commit(backend: Backend, one: Checkpoint): Promise<CheckpointFate> {
  const [fate] = await backend.commitCheckpoints([one], holder);
  if (fate === undefined) throw new Error("No fate.");
  return fate;
}

/** Tries until no row is in the way, as the engine does. */
export async function commitUntilDone(backend: Backend, one: Checkpoint): Promise<CheckpointFate> {
  for (;;) {
    const fate = await commit(backend, one);
    if (fate.kind !== "busy") return fate;
  }
}

/** A session of its own, for transactions that stay open. */
export async function inSession<T>(pool: Pool, work: (session: PoolClient) => Promise<T>): Promise<T> {
  const session = await pool.connect();
  try {
    return await work(session);
  } finally {
    session.release();
  }
}
