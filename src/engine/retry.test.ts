import { describe, expect, test } from "vitest";
import { NonRetryableError, RetryAfterError } from "../errors/task-errors.ts";
import { resolveRetry } from "../flow/retry-options.ts";
import type { RetryPolicy } from "../time/backoff.ts";
import { policyFor, retryDelayMs } from "./retry.ts";

const broken: [string, unknown][] = [];
const onBroken = (what: string, error: unknown): void => void broken.push([what, error]);

function policy(retry: object): RetryPolicy {
  const issues: string[] = [];
  const resolved = resolveRetry({ retry: { attempts: 3, initialDelay: 100, jitter: 0, ...retry } }, issues);
  expect(issues).toEqual([]);
  return resolved;
}

const delay = (of: RetryPolicy, error: unknown, attempt = 1) => retryDelayMs(of, { error, attempt }, 0, onBroken);

describe("retryDelayMs", () => {
  test("asks retryIf with the error and the attempt, only where another one is left", () => {
    const asked: unknown[] = [];
    const asking = policy({ retryIf: (...given: unknown[]) => asked.push(given) === 1 });

    expect(delay(asking, "first")).toBe(100);
    expect(delay(asking, "second", 2)).toBeNull();
    expect(delay(asking, "last", 3)).toBeNull();
    expect(delay(asking, new NonRetryableError("no"))).toBeNull();
    expect(asked).toEqual([
      ["first", 1],
      ["second", 2],
    ]);
  });

  test("keeps to the time that the error asks for, if it may be tried at all", () => {
    expect(delay(policy({}), new RetryAfterError("busy", 7_000))).toBe(7_000);
    expect(delay(policy({ retryIf: () => false }), new RetryAfterError("busy", 7_000))).toBeNull();
  });

  test.each([
    [
      "throws",
      () => {
        throw new TypeError("oops");
      },
    ],
    [
      "is async",
      async () => {
        throw new TypeError("oops");
      },
    ],
    ["says nothing", () => undefined],
  ])("tries again where retryIf %s, and tells of it", (_, retryIf) => {
    broken.length = 0;
    expect(delay(policy({ retryIf }), new Error("x"))).toBe(100);
    expect(broken).toEqual([["retry.retryIf", expect.any(TypeError)]]);
  });
});

describe("policyFor", () => {
  const rules = [
    { for: "RangeError", attempts: 1 },
    { for: Error, initialDelay: 5 },
  ];

  test("takes the first rule that fits, else the policy itself", () => {
    const ruled = policy({ rules });

    expect(policyFor(ruled, new RangeError(), onBroken).maxAttempts).toBe(1);
    expect(policyFor(ruled, new TypeError(), onBroken)).toMatchObject({ maxAttempts: 3, initialDelayMs: 5 });
    expect(policyFor(ruled, "a text", onBroken)).toBe(ruled);
  });

  test("passes over a rule that throws, and tells of it", () => {
    broken.length = 0;
    const cause = new Error("oops");
    const fails = {
      for: () => {
        throw cause;
      },
    };

    expect(policyFor(policy({ rules: [fails, ...rules] }), new RangeError(), onBroken).maxAttempts).toBe(1);
    expect(broken).toEqual([["retry.rules", cause]]);
  });
});
