import { beforeAll, describe, expect, test } from "vitest";
import { findStateChange, loadStates } from "../../src/postgres/queries/states.ts";
import { tablesIn } from "../../src/postgres/tables.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { readThrough, runExplained } from "../support/query-plan.ts";

const tables = tablesIn("waymark");
const database = await createTestDatabase();
const VERSIONS = 5_000;

beforeAll(async () => {
  await database.pool.query(
    `INSERT INTO waymark.checkpoints (instance_id, task_id, attempt, kind, outcome, output_ref)
     SELECT i.id, t.task_id, v.version, 'state', 'noted', 'task-' || v.version
     FROM (VALUES ('a'), ('b')) AS i (id), (VALUES ('$state'), ('$state:join/x')) AS t (task_id),
          generate_series(1, $1::int) AS v (version)`,
    [VERSIONS],
  );
  await database.pool.query("ANALYZE waymark.checkpoints");
});

describe("however many versions a state has", () => {
  test("the last ones are read alone, by their keys", async () => {
    const taskIds = ["$state", "$state:join/x", "$state:join/none"];
    const plan = await runExplained(database.pool, loadStates(tables, { instanceId: "a", taskIds }));
    expect(plan.rows).toBe(2);
    const { rows } = await database.pool.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::int / 10000 AS version",
    );
    // An older server counts the empty look for the third, too.
    expect(readThrough(plan, "checkpoints_pkey").read).toBe((rows[0]?.version ?? 0) > 15 ? 2 : 3);
    expect(plan.blocks).toBeLessThan(30);
  });

  test("whose the later ones are is read of these alone", async () => {
    const asked = { instanceId: "a", taskId: "$state", after: VERSIONS - 2, by: "nobody" };
    const plan = await runExplained(database.pool, findStateChange(tables, asked));
    expect(plan.rows).toBe(0);
    expect(readThrough(plan, "checkpoints_pkey").read).toBeLessThanOrEqual(2);
  });
});
