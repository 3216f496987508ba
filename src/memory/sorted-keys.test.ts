import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { compareCodePoints } from "./code-points.ts";
import { SortedKeys } from "./sorted-keys.ts";

function listed(keys: SortedKeys): string[] {
  const found: string[] = [];
  for (let key = keys.after(""); key !== undefined; key = keys.after(key)) found.push(key);
  return found;
}

describe("SortedKeys", () => {
  test.prop([fc.uniqueArray(fc.string({ minLength: 1, unit: "binary" })), fc.infiniteStream(fc.boolean())])(
    "gives, one after the other, what was added and not deleted",
    (added, choices) => {
      const keys = new SortedKeys();
      for (const key of added) keys.add(key);
      const left = added.filter((key) => {
        const stays = choices.next().value === true;
        if (!stays) keys.delete(key);
        return stays;
      });

      expect(listed(keys)).toEqual(left.sort(compareCodePoints));
    },
  );

  test("finds what is behind a key that isn't there", () => {
    const keys = new SortedKeys();
    for (const key of ["b", "d"]) keys.add(key);

    expect(["a", "b", "c", "d", "e"].map((key) => keys.after(key))).toEqual(["b", "d", "d", undefined, undefined]);
  });

  test("takes many, in any order", () => {
    const keys = new SortedKeys();
    const all = Array.from({ length: 10_000 }, (_, index) => `k${String(index).padStart(5, "0")}`);
    for (let index = 0; index < all.length; index++) keys.add(all[(index * 7_919) % all.length] as string);
    expect(listed(keys)).toEqual(all);
    for (const [index, key] of all.entries()) if (index % 10 !== 0) keys.delete(key);

    expect(listed(keys)).toEqual(all.filter((_, index) => index % 10 === 0));
  });
});
