import { IndexedHeap } from "./indexed-heap.ts";
import type { Slot } from "./stored-instance.ts";

type KeyHeap = IndexedHeap<"inInstance", Slot>;

/** What of one instance is ready and waits before gates: by limit, and by key. Most instances have nothing there. */
export class InstanceGates {
  readonly #compare: (a: Slot, b: Slot) => number;
  #byLimit: Map<string, Map<string, KeyHeap>> | null = null;

  constructor(compare: (a: Slot, b: Slot) => number) {
    this.#compare = compare;
  }

  get limits(): string[] {
    return [...(this.#byLimit?.keys() ?? [])];
  }

  /** By key. */
  of(limit: string): ReadonlyMap<string, KeyHeap> {
    return this.#byLimit?.get(limit) ?? new Map();
  }

  push(slot: Slot, limit: string, key: string): void {
    this.#byLimit ??= new Map();
    let byKey = this.#byLimit.get(limit);
    if (byKey === undefined) this.#byLimit.set(limit, (byKey = new Map<string, KeyHeap>()));
    let heap = byKey.get(key);
    if (heap === undefined) byKey.set(key, (heap = new IndexedHeap("inInstance", this.#compare)));
    heap.push(slot);
  }

  delete(slot: Slot, limit: string, key: string): void {
    const byKey = this.#byLimit?.get(limit);
    const heap = byKey?.get(key);
    heap?.delete(slot);
    if (heap?.size === 0) byKey?.delete(key);
    if (byKey?.size === 0) this.#byLimit?.delete(limit);
  }
}
