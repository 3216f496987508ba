import { expect, test } from "vitest";
import { bulkFilterOf, searchIn, wordsOf } from "./search.ts";

test.each([
  ["", { idPrefix: "", tags: [], labels: [] }],
  ["order-4", { idPrefix: "order-4", tags: [], labels: [] }],
  ["order-4 #eu tenant=acme region=a=b", { idPrefix: "order-4", tags: ["eu"], labels: ["tenant=acme", "region=a=b"] }],
  ['"a=b #c"', { idPrefix: "a=b #c", tags: [], labels: [] }],
  ["# =", { idPrefix: "# =", tags: [], labels: [] }],
])("wordsOf(%j)", (text, words) => {
  expect(wordsOf(text)).toEqual(words);
});

test("an address says which instances a bulk action means; states that there are not are left out", () => {
  const search = searchIn(new URLSearchParams("q=a tenant=acme&status=failed&status=bogus&flow=order"));
  expect(bulkFilterOf(search)).toEqual({
    status: ["failed"],
    flow: "order",
    idPrefix: "a",
    labels: { tenant: "acme" },
  });
});
