import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IndexedHeap } from "./indexed-heap.ts";

interface Item {
  readonly value: number;
  index: number;
}

function heapOf(values: readonly number[]): { heap: IndexedHeap<"index", Item>; items: Item[] } {
  const heap = new IndexedHeap<"index", Item>("index", (a, b) => a.value - b.value);
  const items = values.map((value) => ({ value, index: -1 }));
  for (const item of items) heap.push(item);
  return { heap, items };
}

function drain(heap: IndexedHeap<"index", Item>): number[] {
  const values: number[] = [];
  for (let item = heap.pop(); item !== undefined; item = heap.pop()) values.push(item.value);
  return values;
}

const ascending = (a: number, b: number): number => a - b;

describe("IndexedHeap", () => {
  test("gives items in order", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (values) => {
        expect(drain(heapOf(values).heap)).toEqual([...values].sort(ascending));
      }),
    );
  });

  test("keeps its order when items are taken out of the middle", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer(), fc.boolean())), (entries) => {
        const { heap, items } = heapOf(entries.map(([value]) => value));
        for (const [position, item] of items.entries()) if (entries[position]?.[1] === true) heap.delete(item);
        const left = entries.flatMap(([value, deleted]) => (deleted ? [] : [value]));

        expect(heap.size).toBe(left.length);
        expect(drain(heap)).toEqual(left.sort(ascending));
      }),
    );
  });

  test("does nothing for an item that it doesn't have", () => {
    const { heap, items } = heapOf([1, 2]);
    const [first] = items;
    if (first !== undefined) heap.delete(first);
    if (first !== undefined) heap.delete(first);
    heap.delete({ value: 0, index: -1 });

    expect(drain(heap)).toEqual([2]);
  });

  test("takes an item again that it has given away", () => {
    const { heap } = heapOf([3, 1]);
    const first = heap.pop();
    expect(first?.index).toBe(-1);
    if (first !== undefined) heap.push(first);

    expect(heap.peek()?.value).toBe(1);
    expect(drain(heap)).toEqual([1, 3]);
    expect(heap.peek()).toBeUndefined();
  });
});
