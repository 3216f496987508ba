import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareCodePoints } from "./code-points.ts";
import { OrderedIds } from "./ordered-ids.ts";

const anId = fc.string({ unit: "grapheme", minLength: 1, maxLength: 3 }).filter((text) => text.isWellFormed());

describe("compareCodePoints", () => {
  test("orders text as its UTF-8 bytes are ordered", () => {
    fc.assert(
      fc.property(anId, anId, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  test("puts an emoji after the last characters of the basic plane", () => {
    expect(compareCodePoints("😀", "\uffee")).toBeGreaterThan(0);
    expect(compareCodePoints("a😀", "a\uffee")).toBeGreaterThan(0);
    expect(compareCodePoints("😀", "😁")).toBeLessThan(0);
    expect(compareCodePoints("a", "ab")).toBeLessThan(0);
    expect(compareCodePoints("a", "a")).toBe(0);
  });
});

describe("OrderedIds", () => {
  test("reads what is in it, in order, whatever was added and deleted between two reads", () => {
    const step = fc.record({ id: anId, adds: fc.boolean(), reads: fc.boolean(), after: fc.option(anId) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ids = new OrderedIds();
        const model = new Set<string>();
        for (const { id, adds, reads, after } of steps) {
          if (adds) {
            ids.add(id);
            model.add(id);
          } else {
            ids.delete(id);
            model.delete(id);
          }
          if (!reads) continue;
          const expected = [...model].filter((one) => after === null || compareCodePoints(one, after) > 0);
          expect([...ids.after(after)]).toEqual(expected.sort(compareCodePoints));
        }
      }),
    );
  });
});
