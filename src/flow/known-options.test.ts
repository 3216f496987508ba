import { describe, expect, test } from "vitest";
import { closestName, numberIssue, readOptions, textOf, unknownName } from "./known-options.ts";

describe("readOptions", () => {
  function read(value: unknown): { options: unknown; issues: string[] } {
    const issues: string[] = [];
    return { options: readOptions(value, "options", ["timeout", "retries"], issues), issues };
  }

  test("gives a copy of what is known", () => {
    const given = { timeout: 5 };
    const { options, issues } = read(given);
    given.timeout = 6;
    expect({ options, issues }).toEqual({ options: { timeout: 5 }, issues: [] });
  });

  test("takes undefined for no options", () => {
    expect(read(undefined)).toEqual({ options: {}, issues: [] });
  });

  test("reports what is no plain object, and what can't be read", () => {
    const throwing = {
      get timeout(): never {
        throw new RangeError("no");
      },
    };
    expect(read(new Map([["timeout", 5]])).issues).toEqual(["options must be a plain object, not an instance of Map"]);
    expect(read(throwing)).toEqual({ options: {}, issues: ["options can't be read: a getter or a proxy has thrown"] });
  });

  test("reports unknown keys and leaves them out", () => {
    expect(read({ retires: 3, timeout: 1 })).toEqual({
      options: { timeout: 1 },
      issues: ['options has an unknown key "retires"; did you mean "retries"?'],
    });
  });

  test.each([
    ["null", null],
    ["an array", []],
    ["a Promise", Promise.resolve({})],
    ["a function", () => ({})],
    ["a string", "30s"],
  ])("refuses %s", (kind, value) => {
    expect(read(value)).toEqual({ options: {}, issues: [`options must be an object, not ${kind}`] });
  });

  test("is not fooled by a key that means something on every object", () => {
    expect(read(JSON.parse('{ "__proto__": { "timeout": 1 } }')).issues).toEqual([
      'options has an unknown key "__proto__"; known are "timeout", "retries"',
    ]);
  });
});

describe("closestName", () => {
  const known = ["timeout", "retries", "retry", "description", "tags"];

  test.each([
    ["retires", "retries"],
    ["Timeout", "timeout"],
    ["timout", "timeout"],
    ["desc", "description"],
    ["tag", "tags"],
    ["foo", null],
    ["t", null],
    ["x".repeat(10_000_000), null],
  ])("of %.20s is %s", (name, closest) => {
    expect(closestName(name, known)).toBe(closest);
  });
});

describe("unknownName", () => {
  test("names at most twenty others", () => {
    const known = Array.from({ length: 25 }, (_, index) => `key-${index}`);
    expect(unknownName("something", known)).toMatch(/^"something"; known are "key-0", .*"key-19" and 5 more$/);
  });

  test("cuts a long name", () => {
    expect(unknownName("x".repeat(1_000), ["a"])).toBe(`"${"x".repeat(40)}"; known are "a"`);
  });
});

describe("numberIssue", () => {
  const whole = { min: 1, max: 5, whole: true };

  test.each([1, 3, 5])("accepts %s", (value) => {
    expect(numberIssue(value, whole)).toBeNull();
  });

  test("accepts a fraction where that is no mistake", () => {
    expect(numberIssue(0.5, { min: 0, max: 1, whole: false })).toBeNull();
  });

  test.each([
    [0, "not 0"],
    [6, "not 6"],
    [1.5, "not 1.5"],
    [Number.NaN, "not NaN"],
    [Number.POSITIVE_INFINITY, "not Infinity"],
    ["3", "not a string"],
    [3n, "not a bigint"],
  ])("refuses %s", (value, end) => {
    expect(numberIssue(value, whole)).toBe(`must be a whole number from 1 to 5, ${end}`);
  });

  test("says that a fraction is possible", () => {
    expect(numberIssue(2, { min: 0, max: 1, whole: false })).toBe("must be a number from 0 to 1, not 2");
  });
});

test("textOf stands in for what is no text", () => {
  expect([textOf("a"), textOf(5), textOf(Object.create(null)), textOf(undefined)]).toEqual(["a", "", "", ""]);
});
