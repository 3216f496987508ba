import { COMMON_KEY } from "../snapshot/allowance.ts";
import { laneKey } from "../snapshot/lane-key.ts";
import type { Gate, Lane, Position } from "../snapshot/position.ts";
import { compareCodePoints } from "./code-points.ts";
import { IndexedHeap } from "./indexed-heap.ts";
import { SortedKeys } from "./sorted-keys.ts";
import { compareReady, type Slot, type StoredInstance } from "./stored-instance.ts";

/** What waits before one gate, all of it and by key, in the order in which it should be taken. */
export interface GateQueue {
  readonly gate: Gate;
  readonly ready: IndexedHeap<"inLane", Slot>;
  readonly byKey: Map<string, KeyQueue>;
  readonly keys: SortedKeys;
  /** How much of it is urgent. */
  urgent: number;
}

/** What waits before a gate with one key. */
export interface KeyQueue {
  readonly key: string;
  readonly of: GateQueue;
  readonly ready: IndexedHeap<"inKey", Slot>;
}

/** Half of what is free goes to what has at most this priority. */
const LEAST_URGENT = 2;

/** Ready positions that wait before gates: whoever takes them looks at no more of them than that. */
export class GateTable {
  readonly #byLane = new Map<string, GateQueue>();
  readonly #byOpenLane = new Map<string, GateQueue[]>();
  readonly #byLimit = new Map<string, GateQueue[]>();

  /** A position that is ready stands before its gate. */
  add(slot: Slot, gate: Gate): void {
    const { instance, position } = slot;
    const key = position.limitKey ?? COMMON_KEY;
    const queue = this.#queueOf(instance.record, position.tags, gate);
    let keyed = queue.byKey.get(key);
    if (keyed === undefined) {
      keyed = { key, of: queue, ready: new IndexedHeap("inKey", compareReady) };
      queue.byKey.set(key, keyed);
      queue.keys.add(key);
    }
    slot.before = keyed;
    queue.ready.push(slot);
    keyed.ready.push(slot);
    instance.gated.push(slot, gate.limit, key);
    if (isUrgent(slot)) queue.urgent += 1;
  }

  /** It stands there no longer, or not ready. */
  delete(slot: Slot, { key, of, ready }: KeyQueue): void {
    slot.before = null;
    of.ready.delete(slot);
    ready.delete(slot);
    slot.instance.gated.delete(slot, of.gate.limit, key);
    if (isUrgent(slot)) of.urgent -= 1;
    if (ready.size > 0) return;
    of.byKey.delete(key);
    of.keys.delete(key);
  }

  /** The gates, known since anything stood before them, that only differ by that from one of these lanes; by limit. */
  behind(lanes: readonly Lane[]): Map<string, GateQueue[]> {
    const open = new Set(lanes.map(({ definitionHash, codec, tags }) => laneKey({ definitionHash, codec, tags })));
    const found = new Map<string, GateQueue[]>();
    for (const key of open) for (const queue of this.#byOpenLane.get(key) ?? []) append(found, queue.gate.limit, queue);
    return found;
  }

  /** The gates of a limit. */
  of(limit: string): readonly GateQueue[] {
    return this.#byLimit.get(limit) ?? [];
  }

  /** The position's gate is known from now on, whether or not it is ready. */
  know({ record }: StoredInstance, { tags, gate }: Position): void {
    if (gate !== undefined) this.#queueOf(record, tags, gate);
  }

  #queueOf({ definitionHash, codec }: Omit<Lane, "tags">, tags: readonly string[], gate: Gate): GateQueue {
    const key = laneKey({ definitionHash, codec, tags, gate });
    let queue = this.#byLane.get(key);
    if (queue !== undefined) return queue;
    queue = {
      ...{ gate, ready: new IndexedHeap("inLane", compareReady), byKey: new Map(), keys: new SortedKeys(), urgent: 0 },
    };
    this.#byLane.set(key, queue);
    append(this.#byOpenLane, laneKey({ definitionHash, codec, tags }), queue);
    append(this.#byLimit, gate.limit, queue);
    return queue;
  }
}

export function isUrgent({ position }: Slot): boolean {
  return position.priority <= LEAST_URGENT;
}

/** The first key greater than this one of which anything waits before these gates. */
export function keyAfter(queues: readonly GateQueue[], key: string): string | undefined {
  let first: string | undefined;
  for (const { keys } of queues) {
    const next = keys.after(key);
    if (next !== undefined && (first === undefined || compareCodePoints(next, first) < 0)) first = next;
  }
  return first;
}

function append(queues: Map<string, GateQueue[]>, key: string, queue: GateQueue): void {
  const others = queues.get(key);
  if (others === undefined) queues.set(key, [queue]);
  else others.push(queue);
}
