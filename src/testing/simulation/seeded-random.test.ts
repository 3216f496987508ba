import { describe, expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.ts";

const draws = (seed: number, count: number): number[] => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

describe("SeededRandom", () => {
  test("draws the same from the same seed, and something else from the next one", () => {
    expect(draws(7, 100)).toEqual(draws(7, 100));
    expect(draws(7, 100)).not.toEqual(draws(8, 100));
    expect(draws(2 ** 40, 3)).not.toEqual(draws(2 ** 41, 3));
  });

  test("draws evenly, from 0 on and below 1", () => {
    const buckets = Array.from({ length: 10 }, () => 0);
    for (const draw of draws(1, 10_000)) {
      const index = Math.floor(draw * 10);
      expect(index).toBeLessThan(10);
      buckets[index] = (buckets[index] ?? 0) + 1;
    }
    for (const count of buckets) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  test("draws whole numbers with both ends, and names that look like others", () => {
    const random = new SeededRandom(3);
    expect(new Set(Array.from({ length: 200 }, () => random.between(2, 4)))).toEqual(new Set([2, 3, 4]));
    expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(Array.from({ length: 1_000 }, () => random.uuid())).size).toBe(1_000);
    expect(() => random.pick([])).toThrow(RangeError);
  });

  test("goes its own way in a branch", () => {
    const [one, other] = [new SeededRandom(5), new SeededRandom(5)];
    const [branch, same] = [one.branch(), other.branch()];
    branch.next();
    expect(one.next()).toBe(other.next());
    same.next();
    expect(branch.next()).toBe(same.next());
  });
});
