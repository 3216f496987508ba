import { expect, test } from "vitest";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { TestClock } from "./test-clock.ts";

test("stands still until it is moved", () => {
  const clock = new TestClock(1_000);
  expect([clock.now(), clock.monotonicMs()]).toEqual([1_000, 0]);
  clock.advance(5);
  clock.advance(0);

  expect([clock.now(), clock.monotonicMs()]).toEqual([1_005, 5]);
});

test("can be set, also back, without its monotonic reading following", () => {
  const clock = new TestClock(1_000);
  clock.advance(5);
  clock.jumpTo(10);
  clock.advance(1);

  expect([clock.now(), clock.monotonicMs()]).toEqual([11, 6]);
});

test("does not go back by advancing", () => {
  expect(() => new TestClock().advance(-1)).toThrow(InvalidArgumentError);
  expect(() => new TestClock().advance(Number.NaN)).toThrow(InvalidArgumentError);
});
