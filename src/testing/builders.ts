import type { InstanceId, Path, TaskId } from "../ids.ts";
import type { Checkpoint, ClaimRef, NewPosition } from "../snapshot/checkpoint.ts";
import type { Lane, Position, Standing } from "../snapshot/position.ts";
import type { Bytes, NewEntry, Snapshot, TaskResult } from "../snapshot/snapshot.ts";
import type { NewInstance } from "../store/instance-store.ts";

// Data for tests: valid as it is, so that a test names only what it is about.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Text as UTF-8. Valid JSON as well where it is a number. */
export function bytesOf(text: string): Bytes {
  return encoder.encode(text);
}

export function textOf(bytes: Bytes | null | undefined): string | null {
  return bytes == null ? null : decoder.decode(bytes);
}

export function aLane(overrides: Partial<Lane> = {}): Lane {
  return { flow: "order", definitionHash: "0123456789abcdef".repeat(4), codec: "json", tags: [], ...overrides };
}

/** A task, unless said otherwise. */
export function aStanding(overrides: Partial<Standing> = {}): Standing {
  return {
    taskId: "first",
    kind: "task",
    inputRef: null,
    attempt: 1,
    priority: 3,
    lane: aLane(),
    event: null,
    pending: 0,
    items: null,
    ...overrides,
  };
}

/** Ready at once, on the trunk, unless said otherwise. */
export function aNewPosition(overrides: Partial<NewPosition> = {}): NewPosition {
  return { path: "", standing: aStanding(), wakeAfterMs: 0, claimed: false, ...overrides };
}

/** Ready at its first task, unless said otherwise. */
export function aNewInstance(overrides: Partial<NewInstance> = {}): NewInstance {
  const lane = aLane();
  return {
    instanceId: "order-1",
    flow: lane.flow,
    definitionHash: lane.definitionHash,
    codec: lane.codec,
    input: bytesOf("1"),
    priority: 3,
    tags: [],
    labels: {},
    deadline: null,
    positions: [aNewPosition()],
    awaitsEvents: true,
    spawns: false,
    ...overrides,
  };
}

/** A completed task, unless said otherwise. */
export function anEntry(overrides: Partial<NewEntry> = {}): NewEntry {
  return {
    taskId: "first",
    attempt: 1,
    kind: "task",
    outcome: "completed",
    output: bytesOf("2"),
    outputRef: null,
    failure: null,
    durationMs: 5,
    decision: null,
    ...overrides,
  };
}

/** The end of an instance by its first task, unless said otherwise. */
export function aCheckpoint(claim: ClaimRef, overrides: Partial<Omit<Checkpoint, "claim">> = {}): Checkpoint {
  return {
    claim: { instanceId: claim.instanceId, path: claim.path, token: claim.token },
    entries: [anEntry()],
    move: { kind: "complete", output: bytesOf("2"), codec: "json" },
    consumes: null,
    ...overrides,
  };
}

/** A stored position, ready since the epoch, unless said otherwise. */
export function aPosition(overrides: Partial<Position> = {}): Position {
  return {
    path: "",
    taskId: "first",
    kind: "task",
    inputRef: null,
    attempt: 1,
    priority: 3,
    tags: [],
    event: null,
    pending: 0,
    items: null,
    ready: true,
    availableAt: 0,
    wakeAt: null,
    interrupt: null,
    lost: 0,
    claim: null,
    ...overrides,
  };
}

export function aTaskResult(overrides: Partial<TaskResult> = {}): TaskResult {
  return {
    taskId: "first",
    kind: "task",
    outcome: "completed",
    output: bytesOf("2"),
    outputRef: null,
    failure: null,
    decision: null,
    ...overrides,
  };
}

/** In progress and ready at its first task, unless said otherwise. */
export function aSnapshot(overrides: Partial<Snapshot> = {}): Snapshot {
  const lane = aLane();
  return {
    instanceId: "order-1",
    flow: lane.flow,
    definitionHash: lane.definitionHash,
    codec: lane.codec,
    status: "in_progress",
    input: bytesOf("1"),
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
    positions: [aPosition()],
    results: [],
    ...overrides,
  };
}

/** A right that nobody ever had. */
export function aForgedClaim(instanceId: InstanceId = "order-1", path: Path = ""): ClaimRef {
  return { instanceId, path, token: 9_007_199_254_740_993n };
}

/** The path of a fork's branch. */
export function branchOf(joinTaskId: TaskId, branch: string): Path {
  return `${joinTaskId}/${branch}`;
}
