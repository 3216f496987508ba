import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { resolveChoice, resolveDuration } from "./option-values.ts";
import { MAX_ATTEMPTS } from "./retry-options.ts";
import {
  DEFAULT_POLICY,
  MAX_DESCRIPTION_LENGTH,
  MAX_LOOP_ITERATIONS,
  MAX_TAGS,
  resolveDescription,
  resolveLoopLimits,
  resolvePolicy,
  resolveSchema,
  resolveTimeout,
  resolveVersion,
} from "./task-options.ts";

/** What a resolving function gives, and what it has found wrong. */
function resolved<T>(resolve: (issues: string[]) => T): { value: T; issues: string[] } {
  const issues: string[] = [];
  return { value: resolve(issues), issues };
}

const policy = (options: Parameters<typeof resolvePolicy>[0]) => resolved((issues) => resolvePolicy(options, issues));

const unlimited = { maxElapsedMs: null, retryIf: null, rules: [] };

describe("resolvePolicy", () => {
  test("without options: one attempt, no limits", () => {
    expect(policy({})).toEqual({ value: DEFAULT_POLICY, issues: [] });
    expect(DEFAULT_POLICY).toEqual({
      timeoutMs: null,
      retry: { maxAttempts: 1, initialDelayMs: 1_000, multiplier: 2, maxDelayMs: 300_000, jitter: 0.1, ...unlimited },
      tags: [],
      priority: null,
      description: null,
    });
  });

  test("puts everything into plain units", () => {
    const options = {
      timeout: "1m",
      retry: { attempts: 5, initialDelay: { seconds: 2 }, multiplier: 1.5, maxDelay: "PT1H", jitter: 0 },
      tags: ["gpu", "eu"],
      priority: 2,
      description: "text",
    };
    expect(policy(options)).toEqual({
      value: {
        timeoutMs: 60_000,
        retry: {
          maxAttempts: 5,
          initialDelayMs: 2_000,
          multiplier: 1.5,
          maxDelayMs: 3_600_000,
          jitter: 0,
          ...unlimited,
        },
        tags: ["eu", "gpu"],
        priority: 2,
        description: "text",
      },
      issues: [],
    });
  });

  test("a rule has what it doesn't say from the options around it", () => {
    const retryIf = (): boolean => true;
    const rules = [
      { for: "ECONNRESET", initialDelay: 5, attempts: undefined },
      { for: RangeError, attempts: 1 },
    ];
    const { value, issues } = policy({ retry: { attempts: 7, multiplier: 3, maxElapsed: "1h", retryIf, rules } });

    expect(issues).toEqual([]);
    const around = { multiplier: 3, maxElapsedMs: 3_600_000, retryIf, rules: [] };
    expect(value.retry.rules.map((rule) => rule.policy)).toMatchObject([
      { ...around, maxAttempts: 7, initialDelayMs: 5 },
      { ...around, maxAttempts: 1, initialDelayMs: 1_000 },
    ]);
  });

  test("a rule fits by class, name, code or function", () => {
    class CardError extends Error {
      override readonly name: string = "CardError";
    }
    class StolenCard extends CardError {}
    const coded = Object.assign(new Error("reset"), { code: "ECONNRESET" });
    const fits = (match: unknown, error: unknown): boolean | undefined =>
      policy({ retry: { attempts: 2, rules: [{ for: match }] } }).value.retry.rules[0]?.matches(error);

    expect(fits(CardError, new StolenCard())).toBe(true);
    expect(fits(CardError, new Error("other"))).toBe(false);
    expect(fits(Error, new StolenCard())).toBe(true);
    expect(fits(Error, "a text")).toBe(false);
    expect(fits("CardError", new CardError())).toBe(true);
    expect(fits("ECONNRESET", coded)).toBe(true);
    expect(fits("ECONNRESET", null)).toBe(false);
    expect(fits((error: unknown) => error === coded, coded)).toBe(true);
  });

  test("is frozen, and doesn't hold on to what it was given", () => {
    const tags = ["a"];
    const { value } = policy({ tags });
    tags.push("b");
    expect(value.tags).toEqual(["a"]);
    expect([value, value.retry, value.tags].every(Object.isFrozen)).toBe(true);
  });

  test("retries don't count the first attempt", () => {
    expect(policy({ retries: 3 }).value.retry.maxAttempts).toBe(4);
    expect(policy({ retries: 0 }).value.retry.maxAttempts).toBe(1);
  });

  test("a long first delay raises the default longest delay", () => {
    expect(policy({ retry: { attempts: 2, initialDelay: "10m" } })).toMatchObject({
      value: { retry: { initialDelayMs: 600_000, maxDelayMs: 600_000 } },
      issues: [],
    });
  });

  test("a fraction of a millisecond is rounded up", () => {
    expect(policy({ timeout: 0.2 })).toMatchObject({ value: { timeoutMs: 1 }, issues: [] });
  });

  test.each<[string, Parameters<typeof resolvePolicy>[0], RegExp]>([
    ["both ways to say retries", { retries: 1, retry: { attempts: 2 } }, /^retries and retry are both given/],
    ["retries below 0", { retries: -1 }, /^retries must be a whole number from 0 to 999999, not -1/],
    ["retries that are NaN", { retries: Number.NaN }, /^retries must .* not NaN/],
    ["retries without end", { retries: Number.POSITIVE_INFINITY }, /^retries must .* not Infinity/],
    ["a fraction of a retry", { retries: 1.5 }, /^retries must .* not 1.5/],
    ["retries over the limit", { retries: MAX_ATTEMPTS }, /^retries must .* not 1000000/],
    ["retry that is a number", { retry: 3 }, /^retry must be an object, not a number/],
    ["retry with an unknown key", { retry: { attempts: 2, delay: 5 } }, /^retry has an unknown key "delay"/],
    ["retry without attempts", { retry: {} }, /^retry.attempts must be given/],
    ["no attempts", { retry: { attempts: 0 } }, /^retry.attempts must be a whole number from 1 to 1000000, not 0/],
    ["attempts over the limit", { retry: { attempts: MAX_ATTEMPTS + 1 } }, /^retry.attempts must .* not 1000001/],
    [
      "a bad first delay",
      { retry: { attempts: 2, initialDelay: "soon" } },
      /^retry.initialDelay "soon" is not a duration/,
    ],
    ["a bad longest delay", { retry: { attempts: 2, maxDelay: -1 } }, /^retry.maxDelay must not be negative/],
    [
      "delays that get shorter",
      { retry: { attempts: 2, initialDelay: 10, maxDelay: 5 } },
      /^retry.maxDelay \(5 ms\) must not be shorter than retry.initialDelay \(10 ms\)/,
    ],
    [
      "a multiplier below 1",
      { retry: { attempts: 2, multiplier: 0.5 } },
      /^retry.multiplier must be a number from 1 to 1000/,
    ],
    ["a jitter above 1", { retry: { attempts: 2, jitter: 1.1 } }, /^retry.jitter must be a number from 0 to 1/],
    [
      "a bad longest time",
      { retry: { attempts: 2, maxElapsed: "ages" } },
      /^retry.maxElapsed "ages" is not a duration/,
    ],
    ["retryIf that is no function", { retry: { attempts: 2, retryIf: true } }, /^retry.retryIf must be a function/],
    ["rules that are no array", { retry: { attempts: 2, rules: {} } }, /^retry.rules must be an array, not an object/],
    [
      "too many rules",
      { retry: { attempts: 2, rules: Array.from({ length: 33 }, () => ({ for: "E" })) } },
      /^retry.rules has 33 entries; the limit is 32/,
    ],
    [
      "a rule that is undefined",
      { retry: { attempts: 2, rules: [undefined] } },
      /^retry.rules\[0\] must be an object, not undefined/,
    ],
    [
      "a rule for nothing",
      { retry: { attempts: 2, rules: [{ attempts: 1 }] } },
      /^retry.rules\[0\].for must be an error class, an error's name or code, or a function, not undefined/,
    ],
    ["a rule for an empty name", { retry: { attempts: 2, rules: [{ for: "" }] } }, /^retry.rules\[0\].for must be/],
    [
      "a rule with an unknown key",
      { retry: { attempts: 2, rules: [{ for: "E", rules: [] }] } },
      /^retry.rules\[0\] has an unknown key "rules"/,
    ],
    [
      "a rule whose delays get shorter than those around it",
      { retry: { attempts: 2, initialDelay: 10, maxDelay: 50, rules: [{ for: "E", initialDelay: 100 }] } },
      /^retry.rules\[0\].maxDelay \(50 ms\) must not be shorter than retry.rules\[0\].initialDelay \(100 ms\)/,
    ],
    ["a bad attempt of a policy with rules", { retry: { attempts: 0, rules: [{ for: "E" }] } }, /^retry.attempts must/],
    ["a timeout of nothing", { timeout: 0 }, /^timeout must be longer than 0 ms/],
    ["a negative timeout", { timeout: -5 }, /^timeout must not be negative/],
    ["a timeout that is NaN", { timeout: Number.NaN }, /^timeout must not be NaN/],
    ["a timeout that is null", { timeout: null }, /^timeout must be a number of milliseconds/],
    ["priority 0", { priority: 0 }, /^priority must be a whole number from 1 to 5, not 0/],
    ["priority 6", { priority: 6 }, /^priority must .* not 6/],
    ["tags that are a string", { tags: "gpu" }, /^tags must be an array of names, not a string/],
    ["a tag that is no name", { tags: ["a b"] }, /^tags\[0\] "a b" may contain only/],
    ["a tag that is no string", { tags: [{}] }, /^tags\[0\] must be a string, not an object/],
    ["a tag twice", { tags: ["a", "b", "a"] }, /^tags\[2\] repeats "a"/],
    [
      "too many tags",
      { tags: Array.from({ length: MAX_TAGS + 1 }, (_, index) => `t${index}`) },
      /^tags has 33 entries; the limit is 32/,
    ],
    ["a description that is no text", { description: 5 }, /^description must be a string, not a number/],
    [
      "a long description",
      { description: "x".repeat(MAX_DESCRIPTION_LENGTH + 1) },
      /^description has 1001 characters; the limit is 1000/,
    ],
  ])("refuses %s", (_, options, message) => {
    expect(policy(options).issues).toEqual([expect.stringMatching(message)]);
  });

  test("accepts each limit itself", () => {
    const tags = Array.from({ length: MAX_TAGS }, (_, index) => `t${index}`);
    const description = "x".repeat(MAX_DESCRIPTION_LENGTH);
    expect(policy({ tags, description, retries: MAX_ATTEMPTS - 1, priority: 5 }).issues).toEqual([]);
    expect(policy({ retry: { attempts: MAX_ATTEMPTS, multiplier: 1_000, jitter: 1 } }).issues).toEqual([]);
  });
});

describe("resolveLoopLimits", () => {
  const limits = (options: { maxIterations?: unknown; onMax?: unknown }) =>
    resolved((issues) => resolveLoopLimits({ maxIterations: options.maxIterations, onMax: options.onMax }, issues));

  test("by default a loop that isn't done after 1,000 iterations fails", () => {
    expect(limits({})).toEqual({ value: { maxIterations: 1_000, onMax: "fail" }, issues: [] });
  });

  test.each([1, MAX_LOOP_ITERATIONS])("accepts %s iterations", (maxIterations) => {
    expect(limits({ maxIterations, onMax: "exitWithLast" })).toEqual({
      value: { maxIterations, onMax: "exitWithLast" },
      issues: [],
    });
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, MAX_LOOP_ITERATIONS + 1])(
    "refuses %s iterations",
    (maxIterations) => {
      expect(limits({ maxIterations }).issues).toEqual([
        `maxIterations must be a whole number from 1 to 1000000, not ${maxIterations}`,
      ]);
    },
  );

  test("refuses an unknown onMax", () => {
    expect(limits({ onMax: "stop" }).issues).toEqual(['onMax must be "fail" or "exitWithLast", not "stop"']);
  });
});

test("resolveChoice names what it was given", () => {
  expect(resolved((issues) => resolveChoice(5, "mode", ["a", "b"], issues))).toEqual({
    value: "a",
    issues: ['mode must be "a" or "b", not a number'],
  });
});

test("resolveDuration gives what stands for none", () => {
  expect(resolved((issues) => resolveDuration(undefined, "duration", 7, issues))).toEqual({ value: 7, issues: [] });
});

test("resolveTimeout, resolveVersion and resolveDescription give null for none", () => {
  expect(
    resolved((issues) =>
      [resolveTimeout, resolveVersion, resolveDescription].map((resolve) => resolve(undefined, issues)),
    ),
  ).toEqual({ value: [null, null, null], issues: [] });
});

test("resolveVersion refuses a number", () => {
  expect(resolved((issues) => resolveVersion(2, issues)).issues).toEqual(["version must be a string, not a number"]);
});

describe("resolveSchema", () => {
  const schema = (value: unknown) => resolved((issues) => resolveSchema(value, "input", issues));

  test.each([
    ["Zod's", z.string()],
    ["Valibot's", v.string()],
    ["ArkType's, which are functions", type("string")],
  ])("accepts %s", (_, value) => {
    expect(schema(value)).toEqual({ value, issues: [] });
  });

  test.each([
    ["a number", 5, /must be a schema with a "~standard" property .*, not a number/],
    ["null", null, /must be a schema .*, not null/],
    ["an object without ~standard", {}, /must be a schema with a "~standard" property/],
    ["a class", Map, /must be a schema/],
    ["one that can't validate", { "~standard": { version: 1 } }, /must be a schema/],
    ["one with a null ~standard", { "~standard": null }, /must be a schema/],
    ["another version", { "~standard": { version: 2, validate: () => ({ value: 1 }) } }, /must follow version 1/],
  ])("refuses %s", (_, value, message) => {
    expect(schema(value)).toEqual({ value: null, issues: [expect.stringMatching(message)] });
  });
});
