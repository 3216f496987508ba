/**
 * A binary heap whose items know where they are, so that any of them can be taken out in O(log n).
 *
 * @typeParam Key - the item's property that holds its index here; -1 while it is not in the heap
 */
export class IndexedHeap<Key extends string, Item extends Record<Key, number>> {
  readonly #key: Key;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #items: Item[] = [];

  constructor(key: Key, compare: (a: Item, b: Item) => number) {
    this.#key = key;
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The first item in order, left where it is. */
  peek(): Item | undefined {
    return this.#items[0];
  }

  /** All items, in no order. The heap must not change meanwhile. */
  values(): IterableIterator<Item> {
    return this.#items.values();
  }

  /** Adds an item that is not in the heap. What it is compared by must not change while it is. */
  push(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Takes an item out. Does nothing if it isn't in the heap. */
  delete(item: Item): void {
    const index = item[this.#key];
    if (index === -1) return;
    this.#set(item, -1);
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    // The last item fills the hole; it may have to go either way from there.
    this.#sink(last, index);
    this.#rise(last, last[this.#key]);
  }

  pop(): Item | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.delete(first);
    return first;
  }

  #rise(item: Item, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#items[parentIndex];
      if (parent === undefined || this.#compare(item, parent) >= 0) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(item, index);
  }

  #sink(item: Item, from: number): void {
    let index = from;
    for (;;) {
      const child = this.#smallerChild(index);
      if (child === undefined || this.#compare(child, item) >= 0) break;
      const next = child[this.#key];
      this.#place(child, index);
      index = next;
    }
    this.#place(item, index);
  }

  #smallerChild(index: number): Item | undefined {
    const left = this.#items[2 * index + 1];
    const right = this.#items[2 * index + 2];
    if (left === undefined || right === undefined) return left;
    return this.#compare(right, left) < 0 ? right : left;
  }

  #place(item: Item, index: number): void {
    this.#items[index] = item;
    this.#set(item, index);
  }

  #set(item: Item, index: number): void {
    item[this.#key] = index as Item[Key];
  }
}
