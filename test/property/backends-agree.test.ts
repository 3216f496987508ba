import { test } from "@fast-check/vitest";
import { afterAll, beforeEach, describe, expect } from "vitest";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { TestClock } from "../../src/testing/index.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { anyStoreOperations, run } from "./backends-agree.ts";

const database = await createTestDatabase();
const clock = new TestClock();
const startedAt = clock.now();
const postgres = await PostgresBackend.connect(database.url, { testClock: clock, poolSize: 3, migrate: false });
afterAll(() => postgres.close());
beforeEach(() => database.truncate());

const numRuns = Number(process.env["WAYMARK_RUNS"] ?? 60);

describe("PostgresBackend and InMemoryBackend", () => {
  test.prop([anyStoreOperations(80)], {
    numRuns,
    endOnFailure: false,
  })(
    "answer any sequence of operations alike",
    async (operations) => {
      await database.truncate();
      // Both start at the same time, so that what they say of times is the same, too.
      clock.jumpTo(startedAt);
      const memoryClock = new TestClock();
      const expected = await run(operations, new InMemoryBackend({ clock: memoryClock }), memoryClock);

      expect(await run(operations, postgres, clock)).toEqual(expected);
    },
    60_000 + 1_000 * numRuns,
  );
});
