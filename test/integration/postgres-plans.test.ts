import { beforeAll, describe, expect, test } from "vitest";
import { claimReady } from "../../src/postgres/queries/claim-positions.ts";
import { promoteDue } from "../../src/postgres/queries/promote-due.ts";
import { releaseClaims } from "../../src/postgres/queries/release-claims.ts";
import { renewClaims } from "../../src/postgres/queries/renew-claims.ts";
import { type Query, sql } from "../../src/postgres/sql.ts";
import { tablesIn } from "../../src/postgres/tables.ts";
import type { ClaimRef } from "../../src/snapshot/checkpoint.ts";
import { crowd, heldBranches, heldClaims, lanes, loadCrowd } from "../support/crowd.ts";
import { checkpointNames, checkpointStatement } from "../support/hot-statements.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { type ExecutedPlan, planProblems, readThrough, runExplained, runPrepared } from "../support/query-plan.ts";

/** What is loaded in `beforeAll` takes longer than a hook usually may. */
const LOAD_TIMEOUT_MS = 240_000;
/** As many checkpoints as go into one statement, nearly. */
const LARGE_BATCH = 500;

const byKey = {
  positions: ["positions_pkey"],
  instances: ["instances_pkey"],
  checkpoints: ["checkpoints_pkey"],
  mailboxes: ["mailboxes_pkey"],
  events: ["events_pkey"],
};
const tables = tablesIn("waymark");
const database = await createTestDatabase();
let claims: readonly ClaimRef[];
let branches: readonly ClaimRef[];

beforeAll(async () => {
  await database.pool.query("ANALYZE");
  await loadCrowd(database.pool);
  claims = await heldClaims(database.pool, LARGE_BATCH);
  branches = await heldBranches(database.pool, LARGE_BATCH);
}, LOAD_TIMEOUT_MS);

/** The stale ones first: there is no way back to them. */
describe.each([
  { statistics: "statistics of when the tables were empty", fresh: false },
  { statistics: "fresh statistics", fresh: true },
])("with $statistics", ({ fresh }) => {
  beforeAll(async () => {
    // What the tests before have taken back is in the way of those to come.
    if (fresh) await database.pool.query("VACUUM ANALYZE");
    const { rows } = await database.pool.query<{ analyzed: boolean }>(
      "SELECT EXISTS (SELECT FROM pg_stats WHERE schemaname = 'waymark' AND tablename = 'positions') AS analyzed",
    );
    expect(rows).toEqual([{ analyzed: fresh }]);
  }, LOAD_TIMEOUT_MS);

  describe("claimReady", () => {
    test.each([1, 100, 1_000])("of %i positions reads just these", async (limit) => {
      const plan = await runExplained(database.pool, claim({ limit, lanes: [lanes.own] }));
      expect(plan.rows).toBe(limit);
      expectToReadAtMost(plan, limit, "positions_ready");
      const { read, blocks } = readThrough(plan, "positions_ready");
      expect(read).toBe(limit);
      // Its page in the table, and what leads there in the index.
      expect(blocks).toBeLessThan(2 * limit + 20);
    });

    test("reads a lane in which nothing is ready without looking at a row", async () => {
      const plan = await runExplained(database.pool, claim({ limit: 100, lanes: [lanes.empty] }));
      expect(plan.rows).toBe(0);
      expectToReadAtMost(plan, 0, "positions_ready");
      expect(plan.blocks).toBeLessThan(20);
    });

    test("of several lanes reads no more than it may take of each", async () => {
      const some = [lanes.empty, lanes.own, lanes.unknown];
      const plan = await runExplained(database.pool, claim({ limit: 100, lanes: some }));
      expect(plan.rows).toBe(100);
      expectToReadAtMost(plan, 200, "positions_ready");
    });
  });

  // Besides what is due it looks up when the next position will be.
  describe("promoteDue", () => {
    test("reads just what is due", async () => {
      const now = new Date(Date.now() - 9.5 * 3_600_000);
      const plan = await runExplained(database.pool, promoteDue(tables, { limit: 1_000, now }));
      expectToReadAtMost(plan, crowd.due / 10, "positions_due");
      expect(readThrough(plan, "positions_due").read).toBe(crowd.due / 10 + 1);
    });

    test.each([10, 1_000])("reads no more of it than the %i that it may promote", async (limit) => {
      const plan = await runExplained(database.pool, promoteDue(tables, { limit, now: null }));
      expectToReadAtMost(plan, limit, "positions_due");
      expect(readThrough(plan, "positions_due").read).toBe(limit + 1);
    });

    test("reads nothing where nothing is due", async () => {
      const plan = await runExplained(database.pool, promoteDue(tables, { limit: 1_000, now: new Date(0) }));
      expectToReadAtMost(plan, 1, "positions_due");
      expect(plan.blocks).toBeLessThan(20);
    });
  });

  describe.each(checkpointNames)("the checkpoint %s", (name) => {
    test.each([1, 200, LARGE_BATCH])("of %i positions reads these by their keys", async (count) => {
      const batch = { trunks: claims.slice(0, count), branches: branches.slice(0, count) };
      const plan = await runExplained(database.pool, checkpointStatement(name, batch));
      expectToReadAtMost(plan, count);
    });

    test("of positions that others hold by now reads these by their keys", async () => {
      const batch = { trunks: claims.slice(0, 200).map(lost), branches: branches.slice(0, 200).map(lost) };
      const plan = await runExplained(database.pool, checkpointStatement(name, batch));
      expectToReadAtMost(plan, 200);
    });
  });

  describe("a plan that is kept", () => {
    test.each([1, 100, 1_000])("of claimReady reads just the %i positions that it claims", async (limit) => {
      const plan = await runPrepared(database.pool, claim({ limit, lanes: [lanes.own] }));
      expectToReadAtMost(plan, limit, "positions_ready");
    });

    test.each([10, 1_000])("of promoteDue reads just the %i positions that it promotes", async (limit) => {
      const plan = await runPrepared(database.pool, promoteDue(tables, { limit, now: null }));
      expectToReadAtMost(plan, limit, "positions_due");
    });

    test.each(checkpointNames)("of the checkpoint %s reads its position by its key", async (name) => {
      const batch = { trunks: claims.slice(0, 1), branches: branches.slice(0, 1) };
      expectToReadAtMost(await runPrepared(database.pool, checkpointStatement(name, batch)), 1);
    });

    test("of renewClaims reads the position by its key", async () => {
      const query = renewClaims(tables, { claims: claims.slice(0, 1), leaseMs: 30_000, now: null });
      expectToReadAtMost(await runPrepared(database.pool, query), 1);
    });
  });

  test("renewClaims reads the positions by their keys", async () => {
    const query = renewClaims(tables, { claims, leaseMs: 30_000, now: null });
    expectToReadAtMost(await runExplained(database.pool, query), claims.length);
  });

  test("releaseClaims reads the positions by their keys", async () => {
    const query = releaseClaims(tables, { claims, now: null });
    expectToReadAtMost(await runExplained(database.pool, query), claims.length);
  });

  describe("the checker", () => {
    test("finds a claim that reads other lanes, too", async () => {
      const { text, values } = claim({ limit: 100, lanes: [lanes.own] });
      const careless = { text: text.replace("q.lane = l.lane AND ", ""), values };
      expect(careless.text).not.toBe(text);
      const plan = await runExplained(database.pool, careless);
      expect(problems(plan, 100, "positions_ready")).not.toEqual([]);
    });

    test("finds a table that is read from one end to the other", async () => {
      const plan = await runExplained(
        database.pool,
        sql`UPDATE ${tables.positions} SET lost = 0 WHERE worker_id = ${"worker-b"}::text`,
      );
      expect(problems(plan, 100)[0]).toMatch(/Seq Scan of positions is not allowed/);
    });
  });
});

function claim(p: { readonly limit: number; readonly lanes: readonly number[] }): Query<unknown> {
  return claimReady(tables, {
    ...p,
    workerId: "worker-b",
    leaseMs: 30_000,
    now: null,
    sparesFailed: true,
    suspectFromLost: 2,
  });
}

function lost(one: ClaimRef): ClaimRef {
  return { ...one, token: one.token + 1_000_000_000n };
}

/** @param index - through which positions may be read besides their key */
function expectToReadAtMost(plan: ExecutedPlan, rows: number, index?: string): void {
  const found = problems(plan, rows, index);
  expect(found.length === 0 ? [] : [...found, plan.text]).toEqual([]);
}

function problems(plan: ExecutedPlan, rows: number, index?: string): string[] {
  const indexes = index === undefined ? byKey : { ...byKey, positions: [...byKey.positions, index] };
  return planProblems(plan, { indexes, rows });
}
