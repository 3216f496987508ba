import { describe, expect, test } from "vitest";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { type NodeNames, Renaming } from "./renaming.ts";
import { task } from "./task.ts";

const one = (n: number): number => n;
const payment = flow<number>("payment").then("charge", one).then("book", one).build();
const from = flow<number>("order")
  .then("quote", one)
  .thenFlow("payment", payment)
  .map("each", (n) => [n], task("size", one))
  .race("both", [
    branch("left", (b) => b.then("a", (list) => list.length)),
    branch("right", (b) => b.delay("nap", "1h")),
  ])
  .build();
const collecting = flow<number>("payment").then("collect", one).then("book", one).build();
const to = flow<number>("order")
  .then("offer", one)
  .thenFlow("pay", collecting)
  .map("all", (n) => [n], task("measure", one))
  .race("either", [
    branch("west", (b) => b.then("a", (list) => list.length)),
    branch("right", (b) => b.delay("nap", "1h")),
  ])
  .build();

const names = {
  quote: "offer",
  payment: "pay",
  "payment/charge": "pay/collect",
  each: "all",
  "each/size": "all/measure",
  both: "either",
  "both/left": "either/west",
};

describe("a renaming", () => {
  const renaming = new Renaming(from, to, names, "options.map");

  test.each([
    ["quote", "offer"],
    ["quote>a/b>c", "offer>a/b>c"],
    ["payment/charge", "pay/collect"],
    ["payment/book", "pay/book"],
    ["payment/charge~undo", "pay/collect~undo"],
    ["each~list", "all~list"],
    ["each[7]~item", "all[7]~item"],
    ["each[7]", "all[7]"],
    ["each[7]/size", "all[7]/measure"],
    ["each[7]/size>quote", "all[7]/measure>quote"],
    ["both/left", "either/west"],
    ["both/left/a", "either/west/a"],
    ["both/right/nap", "either/right/nap"],
    ["", ""],
    ["$fork", "$fork"],
    ["quotes", "quotes"],
    ["other[3]/quote", "other[3]/quote"],
  ])("calls %s %s", (old, now) => expect(renaming.of(old)).toBe(now));

  test("without names leaves everything as it is", () => {
    expect(new Renaming(from, to, {}, "map").of("each[7]/size>quote")).toBe("each[7]/size>quote");
  });

  test.each<[string, NodeNames, string, RegExp]>([
    ["a name of no node", { qoute: "offer" }, 'map["qoute"]', /nothing in flow "order"/],
    ["a name of no branch", { "both/middle": "either/west" }, 'map["both/middle"]', /nothing in flow/],
    ["a branch of what has none", { "quote/left": "either/west" }, 'map["quote/left"]', /nothing in flow/],
    ["a new name of no node", { quote: "quote" }, 'map["quote"]', /"quote" is nothing in the new definition/],
    ["another depth", { quote: "pay/collect" }, 'map["quote"]', /as many parts/],
    ["what is no name", { quote: 7 as never }, 'map["quote"]', /a string/],
    ["one name for two", { payment: "pay", each: "pay" }, 'map["each"]', /new name of "payment" already/],
  ])("refuses %s", (_, wrong, field, message) => {
    const make = (): unknown => new Renaming(from, to, wrong, "map");
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", field }) as Error);
    expect(make).toThrow(message);
  });
});
