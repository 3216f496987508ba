import { expect, test } from "vitest";
import { SkipList } from "./skip-list.ts";

const skips = new SkipList([
  { reason: "no signals", tests: ["SignalStore > storeSignal", "SignalStore > sendEvent > keeps names apart"] },
  { reason: "slow", tests: ["SignalStore > storeSignal > is slow"] },
]);

test("gives the reason for a test, and for all that begin with an entry", () => {
  expect(skips.reasonFor("SignalStore > storeSignal > leaves a request pending")).toBe("no signals");
  expect(skips.reasonFor("SignalStore > storeSignal > is slow")).toBe("no signals");
  expect(skips.reasonFor("SignalStore > sendEvent > keeps names apart")).toBe("no signals");
});

test("does not take a name for another one that it is the beginning of", () => {
  expect(skips.reasonFor("SignalStore > storeSignals > x")).toBeNull();
  expect(skips.reasonFor("SignalStore > sendEvent > keeps names apart, and instances")).toBeNull();
});

test("knows which entries match no test", () => {
  const list = new SkipList([{ reason: "x", tests: ["A > b", "A > c > is gone", "A > d"] }]);
  list.reasonFor("A > b > works");
  list.reasonFor("A > c > works");
  list.reasonFor("A > d");

  expect(list.unused()).toEqual(["A > c > is gone"]);
});
