import type { Path } from "../ids.ts";
import { laneKey } from "../snapshot/lane-key.ts";
import type { Lane, Position } from "../snapshot/position.ts";
import { GateTable } from "./gate-table.ts";
import { IndexedHeap } from "./indexed-heap.ts";
import {
  compareDue,
  compareParked,
  compareReady,
  isParked,
  type LaneQueue,
  type Slot,
  type StoredInstance,
} from "./stored-instance.ts";
import { TakenPlaces } from "./taken-places.ts";

/**
 * The positions of all instances, indexed so that polling costs the same whatever is parked, held or
 * meant for others: ready ones by lane or by the gate before which they wait, timed ones by when they come due, parked ones by event.
 */
export class PositionTable {
  readonly gates: GateTable = new GateTable();
  readonly taken: TakenPlaces = new TakenPlaces();
  readonly #lanes = new Map<string, LaneQueue>();
  /** How many are ready, by definition. */
  readonly #ready = new Map<string, number>();
  readonly #due = new IndexedHeap<"inDue", Slot>("inDue", compareDue);

  /** Writes a position, new or changed. */
  place(instance: StoredInstance, position: Position, now: number, turn: number = 0): void {
    const slot = instance.slots.get(position.path) ?? newSlot(instance, position);
    const before = slot.position;
    instance.positions.set(slot.path, position);
    if (before.taskId !== position.taskId) forgetTask(instance, before);
    instance.pathsByTask.set(position.taskId, position.path);
    if (position.claim === null) instance.held.delete(slot.path);
    else instance.held.add(slot.path);
    const isNew = !instance.slots.has(slot.path);
    this.taken.follow(isNew ? null : before, position);
    if (!position.ready && (isNew || before.gate !== position.gate)) this.gates.know(instance, position);
    if (!isNew && sameIndexes(before, position)) {
      slot.position = position;
      return;
    }
    const waitsOn = slot.inParked !== -1 && before.taskId === position.taskId && before.event === position.event;
    this.#unindex(slot);
    slot.position = position;
    if (!waitsOn) slot.parkedAt = now;
    slot.turn = turn;
    instance.slots.set(slot.path, slot);
    this.#index(slot);
  }

  remove(instance: StoredInstance, path: Path): void {
    const slot = instance.slots.get(path);
    if (slot === undefined) return;
    this.#unindex(slot);
    this.taken.follow(slot.position, null);
    forgetTask(instance, slot.position);
    instance.slots.delete(path);
    instance.positions.delete(path);
    instance.held.delete(path);
    instance.progress.delete(path);
  }

  removeAll(instance: StoredInstance): void {
    for (const path of [...instance.slots.keys()]) this.remove(instance, path);
  }

  /** A position whose time has come, but that is not ready yet. */
  nextDue(now: number): Slot | null {
    const slot = this.#due.peek();
    return slot !== undefined && isDue(slot, now) ? slot : null;
  }

  /** When the next position comes due, milliseconds since the epoch; `null` for none. */
  get nextDueAt(): number | null {
    return this.#due.peek()?.position.availableAt ?? null;
  }

  /** All such positions of one instance. */
  dueOf(instance: StoredInstance, now: number): Slot[] {
    const due: Slot[] = [];
    for (let slot = instance.due.peek(); slot !== undefined && isDue(slot, now); slot = instance.due.peek()) {
      instance.due.delete(slot);
      due.push(slot);
    }
    for (const slot of due) instance.due.push(slot);
    return due;
  }

  /** The queues of these lanes, as far as anything is ready there. What waits before a gate is in none. */
  queuesOf(lanes: readonly Lane[]): LaneQueue[] {
    const keys = new Set(lanes.map((lane) => laneKey(lane)));
    return [...keys].flatMap((key) => this.#lanes.get(key) ?? []);
  }

  /** The queues of all lanes in which anything is ready. */
  queues(): Iterable<LaneQueue> {
    return this.#lanes.values();
  }

  /** How many positions of a definition are ready, before gates or not. */
  countReady(definitionHash: string): number {
    return this.#ready.get(definitionHash) ?? 0;
  }

  #count(slot: Slot, isReady: boolean): void {
    if (slot.isCounted === isReady) return;
    slot.isCounted = isReady;
    const { definitionHash } = slot.instance.record;
    const count = this.countReady(definitionHash) + (isReady ? 1 : -1);
    if (count === 0) this.#ready.delete(definitionHash);
    else this.#ready.set(definitionHash, count);
  }

  #index(slot: Slot): void {
    const { instance, position } = slot;
    this.#count(slot, position.ready);
    if (position.ready && position.gate !== undefined) return this.gates.add(slot, position.gate);
    if (position.ready) {
      slot.lane = this.#laneOf(slot);
      slot.lane.ready.push(slot);
      instance.ready.push(slot);
      return;
    }
    if (position.availableAt !== null) {
      this.#due.push(slot);
      instance.due.push(slot);
    }
    if (!isParked(position)) return;
    const event = position.event ?? "";
    let parked = instance.parked.get(event);
    if (parked === undefined) instance.parked.set(event, (parked = new IndexedHeap("inParked", compareParked)));
    parked.push(slot);
  }

  #unindex(slot: Slot): void {
    const { instance, lane, before, position } = slot;
    this.#count(slot, false);
    if (before !== null) return this.gates.delete(slot, before);
    if (lane !== null) {
      lane.ready.delete(slot);
      if (lane.ready.size === 0) this.#lanes.delete(lane.key);
      slot.lane = null;
    }
    instance.ready.delete(slot);
    this.#due.delete(slot);
    instance.due.delete(slot);
    const event = position.event ?? "";
    const parked = instance.parked.get(event);
    parked?.delete(slot);
    if (parked?.size === 0) instance.parked.delete(event);
  }

  #laneOf(slot: Slot): LaneQueue {
    const { definitionHash, codec } = slot.instance.record;
    const { tags } = slot.position;
    const key = laneKey({ definitionHash, codec, tags });
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, tags, ready: new IndexedHeap("inLane", compareReady) };
      this.#lanes.set(key, lane);
    }
    return lane;
  }
}

function isDue({ position }: Slot, now: number): boolean {
  return position.availableAt !== null && position.availableAt <= now;
}

function newSlot(instance: StoredInstance, position: Position): Slot {
  return {
    ...{ instance, path: position.path, position, parkedAt: 0, turn: 0, lane: null, before: null, isCounted: false },
    ...{ inLane: -1, inKey: -1, inInstance: -1, inDue: -1, inInstanceDue: -1, inParked: -1 },
  };
}

/** Whether a change leaves a position where it is in every index: so for a claim that is kept. */
function sameIndexes(before: Position, after: Position): boolean {
  return (
    !before.ready && !after.ready && before.availableAt === after.availableAt && !isParked(before) && !isParked(after)
  );
}

function forgetTask(instance: StoredInstance, position: Position): void {
  if (instance.pathsByTask.get(position.taskId) === position.path) instance.pathsByTask.delete(position.taskId);
}
