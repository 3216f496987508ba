import { compareCodePoints } from "./code-points.ts";
import { type GateQueue, isUrgent, keyAfter } from "./gate-table.ts";
import { firstOf } from "./ready-order.ts";
import type { Slot, StoredInstance } from "./stored-instance.ts";
import type { Room, StoredLimit } from "./stored-limit.ts";
import type { TakenPlaces } from "./taken-places.ts";

/** How many ready positions of each gate are looked at for what is urgent. */
const MOST_URGENT = 100;
/** How many keys that can have nothing are passed over in one claim; the next one goes on there. */
const MOST_PASSED = 1_000;

/** What a claim is about. */
interface Entrance {
  readonly limit: StoredLimit;
  readonly taken: TakenPlaces;
  readonly now: number;
  /** Most that are taken. */
  readonly most: number;
  /** The caller holds it from then on. */
  readonly take: (slot: Slot) => void;
}

/** Lets through the gates of one limit what that allows, each key in turn. */
export class Admittance {
  /** How many have been let through. */
  taken = 0;
  /** After how long a rate allows more, where that alone is waited for. */
  nextMs: number | null = null;
  readonly #entrance: Entrance;
  readonly #room: number;
  #passed = 0;

  constructor(entrance: Entrance) {
    this.#entrance = entrance;
    const { limit, taken, now, most } = entrance;
    const { places, waitMs } = limit.room(taken, now);
    this.#room = Math.min(places, most);
    this.nextMs = waitMs;
  }

  /** Of what waits before these gates. */
  fromGates(queues: readonly GateQueue[]): void {
    if (this.#room <= 0) return;
    const { limit } = this.#entrance;
    const start = limit.lastKey;
    this.#takeUrgent(queues);
    for (let before = -1, share = 1; !this.#isOver && this.taken > before; share *= 2) {
      before = this.taken;
      // First those behind whose turn was last, then those before.
      this.#takeByTurns(queues, share, start, null);
      if (!this.#isOver && start !== "") this.#takeByTurns(queues, share, "", start);
    }
    this.#finish();
  }

  /** Of what one instance waits with, in its order. */
  fromInstance({ gated }: StoredInstance): void {
    if (this.#room <= 0) return;
    const { limit } = this.#entrance;
    const queues = Array.from(gated.of(limit.name), ([key, ready]) => ({ key, ready }));
    for (let left = queues; this.taken < this.#room; ) {
      left = left.filter(({ key, ready }) => ready.size > 0 && this.#roomOfKey(key).places > 0);
      const slot = firstOf(left)?.ready.peek();
      if (slot === undefined) break;
      this.#take(slot);
    }
    if (this.taken < this.#room)
      for (const { key, ready } of queues) if (ready.size > 0) this.#wait(this.#roomOfKey(key));
    this.#finish();
  }

  get #isOver(): boolean {
    return this.taken >= this.#room || this.#passed >= MOST_PASSED;
  }

  /** Half of what is free goes to what is urgent, so that nothing else is starved. */
  #takeUrgent(queues: readonly GateQueue[]): void {
    const most = Math.floor((this.#room + (this.#entrance.limit.turn % 2)) / 2);
    const heads = queues.map((queue) => urgentOf(queue));
    for (let head = firstOf(heads); head !== undefined && this.taken < most; head = firstOf(heads)) {
      const slot = head.next();
      if (slot !== undefined && this.#roomOfKey(slot.before?.key ?? "").places > 0) this.#take(slot);
    }
  }

  /** A share for each of the keys behind one, up to another. */
  #takeByTurns(queues: readonly GateQueue[], share: number, behind: string, upTo: string | null): void {
    const { limit } = this.#entrance;
    const waits: Room[] = [];
    let key = keyAfter(queues, behind);
    for (; key !== undefined && !this.#isOver; key = keyAfter(queues, key)) {
      if (upTo !== null && compareCodePoints(key, upTo) > 0) break;
      limit.lastKey = key;
      const room = this.#roomOfKey(key);
      const before = this.taken;
      this.#takeOfKey(queues, key, Math.min(room.places, share * limit.weightOf(key)));
      if (this.taken === before) this.#passed += 1;
      waits.push(room);
    }
    if (this.taken < this.#room) for (const room of waits) this.#wait(room);
  }

  #takeOfKey(queues: readonly GateQueue[], key: string, most: number): void {
    const waiting = queues.flatMap(({ byKey }) => byKey.get(key) ?? []);
    const until = Math.min(this.taken + most, this.#room);
    while (this.taken < until) {
      const slot = firstOf(waiting)?.ready.peek();
      if (slot === undefined) return;
      this.#take(slot);
    }
  }

  #take(slot: Slot): void {
    const { limit, now, take } = this.#entrance;
    const key = slot.before?.key ?? "";
    take(slot);
    limit.beginOfKey(key, now);
    this.taken += 1;
  }

  #roomOfKey(key: string): Room {
    const { limit, taken, now } = this.#entrance;
    return limit.roomOfKey(key, taken, now);
  }

  #wait({ waitMs }: Room): void {
    if (waitMs !== null) this.nextMs = Math.min(this.nextMs ?? waitMs, waitMs);
  }

  #finish(): void {
    const { limit, now } = this.#entrance;
    if (this.taken > 0) limit.begin(this.taken, now);
  }
}

/** What is urgent of the first positions before a gate, in order. */
function urgentOf({ ready, urgent }: GateQueue): { ready: { peek(): Slot | undefined }; next(): Slot | undefined } {
  const slots = urgent === 0 ? [] : firstInOrder(ready, MOST_URGENT).filter(isUrgent);
  let index = 0;
  return { ready: { peek: () => slots[index] }, next: () => slots[index++] };
}

/** The first ones of a queue; all stay where they are. */
function firstInOrder(ready: GateQueue["ready"], most: number): Slot[] {
  const slots: Slot[] = [];
  for (let slot = ready.pop(); slot !== undefined; slot = slots.length < most ? ready.pop() : undefined)
    slots.push(slot);
  for (const slot of slots) ready.push(slot);
  return slots;
}
