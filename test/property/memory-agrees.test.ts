import { test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { anyStoreOperations, type Outcome, type RunOptions, run, type StoreOperation } from "./backends-agree.ts";

/** Long enough on a busy machine. */
const LIMIT_MS = 120_000;

function runInMemory(operations: readonly StoreOperation[], options?: RunOptions): Promise<Outcome[]> {
  const clock = new TestClock();
  return run(operations, new InMemoryBackend({ clock }), clock, options);
}

describe("InMemoryBackend", () => {
  test.prop([anyStoreOperations(80)], { numRuns: 400 })(
    "keeps its promises after any sequence of operations",
    async (operations) => {
      await runInMemory(operations, { checksInvariants: true });
    },
    LIMIT_MS,
  );

  test.prop([anyStoreOperations(80)], { numRuns: 200 })(
    "answers any sequence of operations as it did before",
    async (operations) => {
      expect(await runInMemory(operations)).toEqual(await runInMemory(operations));
    },
    LIMIT_MS,
  );
});
