import { describe, expect, type TestContext, test } from "vitest";
import { conformanceSuites } from "./all-suites.ts";
import { Given } from "./given.ts";
import { type ConformanceSkip, SkipList } from "./skip-list.ts";
import type { ConformanceSubject, ConformanceSuite, ConformanceTest } from "./suite.ts";

export interface BackendDescription {
  /** Heads the tests. */
  readonly name: string;
  /** A fresh, empty backend. Called before each test. */
  readonly create: () => Promise<ConformanceSubject>;
  /** Tests that don't apply to it. An entry that matches no test fails. */
  readonly skip?: readonly ConformanceSkip[];
}

/** Longest time for one test, in ms: generous, because it may be a database on a busy machine. */
const TEST_TIMEOUT_MS = 30_000;

/**
 * Declares, in vitest, all tests that a backend has to pass: what the interfaces of `waymark/store`
 * promise, sentence by sentence.
 */
export function describeBackend(backend: BackendDescription): void {
  const skips = new SkipList(backend.skip ?? []);
  describe(backend.name, () => {
    for (const suite of conformanceSuites) {
      describe(suite.name, () => {
        for (const [method, tests] of Object.entries(suite.methods)) {
          describe(method, () => {
            for (const [sentence, body] of Object.entries(tests)) {
              const reason = skips.reasonFor(`${suite.name} > ${method} > ${sentence}`);
              if (reason === null) test(sentence, (context) => run(backend, suite, body, context), TEST_TIMEOUT_MS);
              else test.skip(`${sentence} (skipped: ${reason})`, () => undefined);
            }
          });
        }
      });
    }
    test("every skip matches a test", () => expect(skips.unused()).toEqual([]));
  });
}

async function run(
  description: BackendDescription,
  { inapplicable }: ConformanceSuite,
  body: ConformanceTest,
  context: TestContext,
): Promise<void> {
  const subject = await description.create();
  const { backend, clock } = subject;
  try {
    const reason = inapplicable?.(backend) ?? null;
    if (reason !== null) context.skip(reason);
    await body({ backend, clock, given: new Given(backend, clock), subject });
  } finally {
    await subject.close();
  }
}
