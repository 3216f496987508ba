import { describe, expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.ts";
import { Timeline } from "./timeline.ts";

const never = (): boolean => false;
const timelineOf = (seed: number): Timeline => new Timeline(new SeededRandom(seed));

describe("Timeline", () => {
  test("has things happen at their times, and promises settle in between", async () => {
    const timeline = timelineOf(1);
    const seen: unknown[] = [];
    timeline.after(20, null, () => seen.push(["second", timeline.now]));
    void timeline.sleep(10, null).then(async () => {
      await Promise.resolve();
      seen.push(["first", timeline.now]);
    });
    expect(await timeline.pass(never, 100)).toBe(false);
    expect(seen).toEqual([
      ["first", 10],
      ["second", 20],
    ]);
    expect(timeline.steps).toBe(2);
  });

  test("stops when that is asked for, and does not go beyond a time", async () => {
    const timeline = timelineOf(1);
    const seen: number[] = [];
    for (const at of [1, 2, 3]) timeline.after(at, null, () => seen.push(at));
    expect(await timeline.pass(() => seen.length === 1, 100)).toBe(true);
    expect(await timeline.pass(never, 2)).toBe(false);
    expect(seen).toEqual([1, 2]);
  });

  test("leaves it to the seed in which order things of the same time happen", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const timeline = timelineOf(seed);
      const seen: string[] = [];
      for (const name of ["a", "b", "c"]) timeline.after(5, null, () => seen.push(name));
      await timeline.pass(never, 5);
      orders.add(seen.join(""));
    }
    expect(orders.size).toBe(6);
  });

  test("has nothing happen to who is dead, and all at once to who stood still", async () => {
    const timeline = timelineOf(1);
    const [dead, still] = [
      { isDead: false, stillUntil: 0 },
      { isDead: false, stillUntil: 0 },
    ];
    const seen: unknown[] = [];
    timeline.after(1, null, () => {
      dead.isDead = true;
      still.stillUntil = 50;
    });
    timeline.after(2, dead, () => seen.push("dead"));
    timeline.after(3, still, () => seen.push(timeline.now));
    timeline.after(4, still, () => seen.push(timeline.now));
    timeline.after(5, null, () => seen.push("other"));
    await timeline.pass(never, 100);
    expect(seen).toEqual(["other", 50, 50]);
  });

  test("forgets what is taken back", async () => {
    const timeline = timelineOf(1);
    timeline.after(1, null, () => expect.unreachable()).cancel();
    expect(await timeline.pass(never, 10)).toBe(false);
  });
});
