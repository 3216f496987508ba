import { expect, test } from "vitest";
import { differences, MOST_DIFFERENCES } from "./value-diff.ts";

test("differences names each place, and what stands there in both", () => {
  const before = { a: 1, list: [1, 2], gone: true, "odd key": 0 };
  const after = { a: 1, list: [1, 3, 4], "odd key": 1, made: null };
  expect(differences(before, after)).toEqual([
    { path: "$.list[1]", before: 2, after: 3 },
    { path: "$.list[2]", before: undefined, after: 4 },
    { path: "$.gone", before: true, after: undefined },
    { path: '$["odd key"]', before: 0, after: 1 },
    { path: "$.made", before: undefined, after: null },
  ]);
});

test("differences takes what a tag stands for as one", () => {
  const [before, after] = [
    { $waymark: "bigint", value: "1" },
    { $waymark: "bigint", value: "2" },
  ];
  expect(differences({ n: before }, { n: after })).toEqual([{ path: "$.n", before, after }]);
  expect(differences({ n: before }, { n: { ...before } })).toEqual([]);
});

test("differences looks only at own properties", () => {
  expect(differences({}, JSON.parse('{"__proto__":1,"constructor":2}'))).toEqual([
    { path: "$.__proto__", before: undefined, after: 1 },
    { path: "$.constructor", before: undefined, after: 2 },
  ]);
});

test("differences stops where nobody would read on", () => {
  const long = Array.from({ length: 5_000 }, (_, index) => index);
  expect(differences([], long)).toHaveLength(MOST_DIFFERENCES);
});
