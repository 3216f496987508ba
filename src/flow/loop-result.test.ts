import { describe, expect, test } from "vitest";
import { LoopResult } from "./loop-result.ts";

describe("LoopResult", () => {
  test("makes the two results", () => {
    expect(LoopResult.again(1)).toEqual({ decision: "again", value: 1 });
    expect(LoopResult.done("x")).toEqual({ decision: "done", value: "x" });
    expect(Object.isFrozen(LoopResult.done(1))).toBe(true);
  });

  test("knows its results from look-alikes", () => {
    const values = [LoopResult.again(1), LoopResult.done(1), { decision: "done", value: 1 }, null, undefined, "done"];
    expect(values.map((value) => LoopResult.is(value))).toEqual([true, true, false, false, false, false]);
  });
});
