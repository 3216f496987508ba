import type { InstanceId, Path, TaskId } from "../ids.ts";
import type { Position } from "../snapshot/position.ts";
import type { InstanceRecord } from "../snapshot/snapshot.ts";
import type { StoodPosition } from "../snapshot/stood-position.ts";
import type { SavedProgress } from "../store/progress-store.ts";
import type { CancelRequest, SignalKind } from "../store/signal-store.ts";
import { compareCodePoints } from "./code-points.ts";
import type { KeyQueue } from "./gate-table.ts";
import { IndexedHeap } from "./indexed-heap.ts";
import { InstanceGates } from "./instance-gates.ts";
import { InstanceHistory } from "./instance-history.ts";

/** A position together with its places in the indexes; -1 where it is in none. */
export interface Slot {
  readonly instance: StoredInstance;
  readonly path: Path;
  position: Position;
  /** Since when it waits for its event; meaningful only while it is parked. */
  parkedAt: number;
  /** Its turn among those that became ready in the same call, counted from 1; 0 where there is no order. */
  turn: number;
  lane: LaneQueue | null;
  /** Whether it is among what is ready of its definition. */
  isCounted: boolean;
  /** Where it waits before a gate, ready; then it is in no lane's queue. */
  before: KeyQueue | null;
  inLane: number;
  inKey: number;
  inInstance: number;
  inDue: number;
  inInstanceDue: number;
  inParked: number;
}

/** What a child keeps of its beginning besides what its record says. */
export interface ParentLink {
  /** The token of the claim under which it was made. */
  readonly token: bigint;
  /** Where its end is waited for; `null` if it is not. */
  readonly awaitedAt: Path | null;
}

/** The ready positions that the same workers can run, in the order in which they should be taken. */
export interface LaneQueue {
  readonly key: string;
  readonly tags: readonly string[];
  readonly ready: IndexedHeap<"inLane", Slot>;
}

/** What five minutes of waiting are worth: one step of priority. */
const AGING_INTERVAL_MS = 300_000;

/** One instance with all that belongs to it, its events excepted: those may be there before it. */
export class StoredInstance {
  record: InstanceRecord;
  /** By whom it was started; `null` if by none. */
  link: ParentLink | null = null;
  /** What tracing has to know of its submission; `null` for nothing. */
  traceContext: string | null = null;
  /** Under which key of its flow it lives alone; `null` for none. */
  singletonKey: string | null = null;
  /** Where it stood when it failed, or what that is to be; `null` unless it has, at a position. */
  stood: readonly StoodPosition[] | null = null;
  readonly slots: Map<Path, Slot> = new Map();
  /** The same positions as in `slots`, as `applyCheckpoint` reads them. */
  readonly positions: Map<Path, Position> = new Map();
  /** Paths of the positions that somebody holds. */
  readonly held: Set<Path> = new Set();
  readonly pathsByTask: Map<TaskId, Path> = new Map();
  readonly ready: IndexedHeap<"inInstance", Slot> = new IndexedHeap("inInstance", compareReady);
  /** What is ready, but waits before a gate. */
  readonly gated: InstanceGates = new InstanceGates(compareReady);
  /** Positions whose time is known, the next one first. */
  readonly due: IndexedHeap<"inInstanceDue", Slot> = new IndexedHeap("inInstanceDue", compareDue);
  /** Parked waits by the event that they wait for, longest parked first. */
  readonly parked: Map<string, IndexedHeap<"inParked", Slot>> = new Map();
  readonly signals: Map<SignalKind, CancelRequest> = new Map();
  /** What was saved last at each path. */
  readonly progress: Map<Path, SavedProgress> = new Map();
  readonly history: InstanceHistory = new InstanceHistory();

  constructor(record: InstanceRecord) {
    this.record = record;
  }

  get id(): InstanceId {
    return this.record.instanceId;
  }

  /** The position that stands at a task. */
  standingAt(taskId: TaskId): Position | null {
    const path = this.pathsByTask.get(taskId);
    return path === undefined ? null : (this.positions.get(path) ?? null);
  }

  /** Whether somebody's lease on a position lasts beyond `now`. */
  isHeld(now: number): boolean {
    for (const path of this.held) {
      const claim = this.positions.get(path)?.claim;
      if (claim != null && (claim.expiresAt === null || claim.expiresAt > now)) return true;
    }
    return false;
  }
}

/** Whether a position waits for an event, out of reach until one comes or its time limit passes. */
export function isParked(position: Position): boolean {
  return position.kind === "wait" && position.claim === null && !position.ready && position.interrupt === null;
}

/** Orders ready positions: priority with aging, then in the order given, then by instance and path. */
export function compareReady(a: Slot, b: Slot): number {
  const byKey = orderKeyOf(a.position) - orderKeyOf(b.position) || a.turn - b.turn;
  if (byKey !== 0) return byKey;
  return compareCodePoints(a.instance.id, b.instance.id) || compareCodePoints(a.path, b.path);
}

export function compareDue(a: Slot, b: Slot): number {
  return (a.position.availableAt ?? Infinity) - (b.position.availableAt ?? Infinity);
}

export function compareParked(a: Slot, b: Slot): number {
  return a.parkedAt - b.parkedAt || compareCodePoints(a.path, b.path);
}

/** Sorts like `priority − waited / interval`, and does not change while a position waits. */
function orderKeyOf(position: Position): number {
  return position.priority * AGING_INTERVAL_MS + (position.availableAt ?? 0);
}
