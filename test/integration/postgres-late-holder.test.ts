import { expect, test } from "vitest";
import { bytes, checkpoint, commit, entry, holder, newInstance, standing } from "../support/positions.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { soon } from "../support/workers.ts";

const database = await createTestDatabase();
const [backend, other] = [await database.connect(), await database.connect()];

test("a claim during which the late holder moves the position on has the input of where it stands then", async () => {
  // Widens the moment between the beginning of the statement and the row's lock.
  await database.pool.query(`
    CREATE OR REPLACE FUNCTION waymark.order_key(priority smallint, ready_since timestamptz) RETURNS bigint
    LANGUAGE plpgsql AS $$
    BEGIN
      IF priority = 5 THEN PERFORM pg_sleep(1); END IF;
      RETURN priority * 300000000::bigint + (extract(epoch FROM ready_since) * 1000000)::bigint;
    END $$`);
  const first = standing("a", { priority: 5 });
  const instance = newInstance("late", { positions: [{ path: "", standing: first, wakeAfterMs: 0, claimed: true }] });
  const [created] = await backend.createInstances([instance], { ...holder, leaseMs: 1 });
  const token = created?.granted[0]?.token ?? 0n;

  const claiming = other.claimPositions({ ...holder, limit: 1, lanes: [], instanceId: "late" });
  const isAsleep = async (): Promise<boolean> => {
    const { rows } = await database.pool.query(`SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'`);
    return rows.length > 0;
  };
  await expect.poll(isAsleep, soon).toBe(true);
  const to = standing("b", { inputRef: "a", priority: 5 });
  const late = checkpoint({ instanceId: "late", path: "", token }, { kind: "advance", to }, [
    entry("a", { output: bytes("42") }),
  ]);
  expect(await commit(backend, late)).toMatchObject({ kind: "accepted" });

  expect(await claiming).toMatchObject([{ taskId: "b", inputRef: "a", input: bytes("42") }]);
});
