import type { Pool } from "pg";
import type { ClaimRef } from "../../src/snapshot/checkpoint.ts";

/** Numbers of the lanes: whose work a test claims, that of a definition which nobody here knows, one without work. */
export const lanes = { own: 1, unknown: 2, empty: 3 } as const;

/** How many positions of each sort there are. They stand mixed up in the table, as they would after a while. */
export const crowd = {
  /** Half of them asleep until some future time, half waiting for an event, without a time limit. */
  parked: 1_000_000,
  /** Ready, first in order, and of an unknown definition. */
  unknown: 100_000,
  /** Ready, and what a test claims. */
  own: 20_000,
  /** Come due within the last ten hours, as many in each: a third each timers, expired leases, and sleepers woken early by a request that was withdrawn. */
  due: 3_000,
  /** Held by `worker-a`, at a task. */
  held: 1_000,
  /** Joins of two branches each, both held by `worker-a` and not counted here. */
  joins: 300,
} as const;

const TOTAL = Object.values(crowd).reduce((sum, count) => sum + count, 0);
// A prime that does not divide the total: multiplying by it mixes the numbers up without losing any.
const STRIDE = 7_919;
/** How long the history of some of the held ones is: they are in a loop. */
const LONG_HISTORY = 5_000;
const LONG_HISTORIES = 10;

/**
 * Fills a migrated, empty database with instances that stand at their second task. What the server thinks of the tables
 * afterwards is what it thought before.
 */
export async function loadCrowd(pool: Pool): Promise<void> {
  await keepStatistics(pool);
  await pool.query(`
    INSERT INTO waymark.lanes (flow, definition_hash, codec, tags)
    SELECT 'flow', repeat(lane::text, 64), 'json', '{}' FROM generate_series(1, 3) AS lane`);
  await pool.query(
    `INSERT INTO waymark.instances (instance_id, flow, definition_hash, codec, input)
     SELECT 'order-' || g, 'flow', repeat('1', 64), 'json', '\\x6e756c6c' FROM generate_series(0, $1::int - 1) AS g`,
    [TOTAL],
  );
  await pool.query(
    `INSERT INTO waymark.checkpoints (instance_id, task_id, attempt, kind, outcome, output)
     SELECT 'order-' || g, 'first', 1, 'task', 'completed', '\\x31' FROM generate_series(0, $1::int - 1) AS g`,
    [TOTAL],
  );
  await loadPositions(pool);
  await loadBranches(pool);
  await loadEvents(pool);
  await loadLongHistories(pool);
}

async function loadPositions(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO waymark.positions (instance_id, task_id, kind, lane, priority, pending, input_ref, event, worker_id, token,
                                    since, wake_at, available_at, order_key)
     SELECT 'order-' || g, 'second', kind, lane, 3, CASE WHEN kind = 'join' THEN 2 ELSE 0 END, 'first', CASE WHEN kind = 'wait' THEN 'paid' END, worker_id,
            nextval('waymark.fencing_tokens'), now(),
            CASE WHEN kind = 'delay' THEN available_at + early END, available_at,
            CASE WHEN ready THEN waymark.order_key(3::smallint, available_at) + n END
     FROM generate_series(0, $1::int - 1) AS g
     CROSS JOIN LATERAL (SELECT g::bigint * $2 % $1 AS n) AS mixed
     CROSS JOIN LATERAL (
       SELECT CASE WHEN n < $3 THEN 'parked' WHEN n < $4 THEN 'unknown' WHEN n < $5 THEN 'own' WHEN n < $6 THEN 'due'
                   WHEN n < $7 THEN 'held' ELSE 'joins' END AS sort
     ) AS sorted
     CROSS JOIN LATERAL (
       SELECT sort IN ('unknown', 'own') AS ready,
              CASE WHEN sort = 'unknown' THEN ${lanes.unknown} ELSE ${lanes.own} END AS lane,
              CASE WHEN sort = 'parked' AND n % 2 = 0 THEN 'wait'
                   WHEN sort = 'parked' OR (sort = 'due' AND n % 3 > 0) THEN 'delay'
                   WHEN sort = 'joins' THEN 'join'
                   ELSE 'task' END AS kind,
              CASE WHEN sort = 'held' OR (sort = 'due' AND n % 3 = 0) THEN 'worker-a' END AS worker_id,
              CASE WHEN sort = 'due' AND n % 3 = 1 THEN interval '1 day' ELSE interval '0' END AS early,
              CASE WHEN sort = 'joins' OR (sort = 'parked' AND n % 2 = 0) THEN 'infinity'
                   WHEN sort IN ('parked', 'held') THEN now() + interval '1 day' + n * interval '1 second'
                   WHEN sort = 'unknown' THEN now() - interval '1 day'
                   WHEN sort = 'due' THEN now() - (1 + n % 10) * interval '1 hour'
                   ELSE now() - interval '1 hour' END AS available_at
     ) AS facts`,
    [TOTAL, STRIDE, ...ends()],
  );
}

/** Where in the mixed order each sort but the last one ends. */
function ends(): number[] {
  const sorts = [crowd.parked, crowd.unknown, crowd.own, crowd.due, crowd.held];
  return sorts.map((_, index) => sorts.slice(0, index + 1).reduce((sum, count) => sum + count, 0));
}

async function loadBranches(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO waymark.positions (instance_id, path, task_id, kind, lane, priority, input_ref, worker_id, token, since,
                                    available_at)
     SELECT instance_id, 'second/' || branch, 'second/' || branch || '/task', 'task', lane, 3, 'first', 'worker-a',
            nextval('waymark.fencing_tokens'), now(), now() + interval '1 day'
     FROM waymark.positions CROSS JOIN unnest('{a,b}'::text[]) AS branch
     WHERE kind = 'join'`,
  );
}

/** Events that nobody has waited for yet, for those that are asleep and those that are held. */
async function loadEvents(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO waymark.events (instance_id, name, sequence, payload, codec)
     SELECT instance_id, 'paid', 1, '\\x31', 'json' FROM waymark.positions
     WHERE path = '' AND (kind = 'delay' OR worker_id IS NOT NULL)`,
  );
  await pool.query("INSERT INTO waymark.mailboxes (instance_id, version) SELECT instance_id, 1 FROM waymark.events");
}

async function loadLongHistories(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO waymark.checkpoints (instance_id, task_id, attempt, kind, outcome, output)
     SELECT instance_id, 'loop[' || g || ']', 1, 'loop', 'completed', '\\x31'
     FROM unnest($1::text[]) AS instance_id CROSS JOIN generate_series(1, $2::int) AS g`,
    [(await heldClaims(pool, LONG_HISTORIES)).map(({ instanceId }) => instanceId), LONG_HISTORY],
  );
}

/** Claims of trunks that `worker-a` holds. */
export async function heldClaims(pool: Pool, count: number): Promise<ClaimRef[]> {
  return await claims(pool, "path = ''", count);
}

/** Claims of branches that `worker-a` holds, in pairs of the same join. */
export async function heldBranches(pool: Pool, count: number): Promise<ClaimRef[]> {
  return await claims(pool, "path <> ''", count);
}

async function claims(pool: Pool, condition: string, count: number): Promise<ClaimRef[]> {
  const { rows } = await pool.query<{ instance_id: string; path: string; token: string }>(
    `SELECT instance_id, path, token FROM waymark.positions
     WHERE worker_id = 'worker-a' AND available_at > now() AND ${condition} ORDER BY token LIMIT $1`,
    [count],
  );
  return rows.map((row) => ({ instanceId: row.instance_id, path: row.path, token: BigInt(row.token) }));
}

/** Otherwise the server takes new statistics whenever it finds the time, and a test does not know which it has. */
async function keepStatistics(pool: Pool): Promise<void> {
  for (const table of ["positions", "instances", "checkpoints", "mailboxes", "events"]) {
    await pool.query(`ALTER TABLE waymark.${table} SET (autovacuum_enabled = false)`);
  }
}
