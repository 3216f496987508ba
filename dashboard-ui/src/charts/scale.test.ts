import { expect, test } from "vitest";
import { ticksUpTo } from "./scale.ts";

test.each([
  [0, [0, 1]],
  [Number.NaN, [0, 1]],
  [1, [0, 0.5, 1]],
  [10, [0, 5, 10]],
  [11, [0, 5, 10, 15]],
  [900, [0, 500, 1_000]],
])("ticksUpTo(%d) is %j", (greatest, ticks) => {
  expect(ticksUpTo(greatest)).toEqual(ticks);
});
