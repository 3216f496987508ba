import { type Tables, tablesIn } from "../postgres/tables.ts";
import type { Connection } from "./database.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";

const MOST_NAMED = 5;

/** Looks at what workers and instances are doing. */
export async function examineWork(db: Connection, schema: string): Promise<readonly Finding[]> {
  const tables = tablesIn(schema);
  return [
    await unserved(db, tables),
    await lapsed(db, tables),
    await stuck(db, tables),
    await lost(db, tables),
    await held(db, tables),
    await bloat(db, schema),
  ];
}

/** Definitions of which something is ready, and that no worker that is alive knows. */
async function unserved(db: Connection, t: Tables): Promise<Finding> {
  const { rows } = await db.query<{ flow: string; hash: string; ready: number }>(
    `SELECT l.flow, l.definition_hash AS hash, r.ready
     FROM ${t.lanes.sql} AS l
     CROSS JOIN LATERAL (
       SELECT count(*)::int AS ready FROM (
         SELECT FROM ${t.positions.sql} AS p WHERE p.lane = l.lane AND p.order_key IS NOT NULL LIMIT 1000) AS p
     ) AS r
     WHERE r.ready > 0
       AND NOT EXISTS (SELECT FROM ${t.workers.sql} AS w
                       JOIN ${t.lanes.sql} AS s ON s.lane = ANY (w.lanes)
                       WHERE w.seen_at > clock_timestamp() - interval '1 minute' AND s.definition_hash = l.definition_hash
                         AND s.codec = l.codec AND s.tags = l.tags)
     ORDER BY r.ready DESC, l.flow LIMIT ${MOST_NAMED}`,
  );
  if (rows.length === 0) return ok("workers", "everything that is ready has a worker that knows it");
  const named = rows.map(({ flow, hash, ready }) => `${ready} of ${flow} (${hash.slice(0, 12)})`).join(", ");
  return problem(
    "workers",
    `no worker that is alive knows what is ready: ${named}`,
    "Start a worker with that version of the flow and the tags of its tasks; or migrate the instances to a version that runs.",
  );
}

/** Leases that nobody takes over. */
async function lapsed(db: Connection, t: Tables): Promise<Finding> {
  const { rows } = await db.query<{ id: string; worker: string; minutes: number }>(
    `SELECT p.instance_id AS id, p.worker_id AS worker,
            floor(extract(epoch FROM clock_timestamp() - p.available_at) / 60)::int AS minutes
     FROM ${t.positions.sql} AS p
     WHERE p.order_key IS NULL AND p.available_at < (SELECT clock_timestamp() - interval '1 minute') AND p.worker_id IS NOT NULL
     ORDER BY p.available_at LIMIT ${MOST_NAMED}`,
  );
  if (rows.length === 0) return ok("leases", "none has run out without being taken over");
  const named = rows.map(({ id, worker, minutes }) => `${id} (${worker}, ${minutes} min ago)`).join(", ");
  return problem(
    "leases",
    `some have run out, and nobody takes over: ${named}`,
    "No worker polls this schema: start one. If one runs, look at its log.",
  );
}

/** What the other findings don't name: see the view. */
async function stuck(db: Connection, t: Tables): Promise<Finding> {
  const { rows } = await db.query<{ id: string; reason: string; remedy: string }>(
    `SELECT s.instance_id AS id, s.reason, s.remedy FROM ${t.stuckInstances.sql} AS s LIMIT ${MOST_NAMED}`,
  );
  const [first] = rows;
  if (first === undefined) return ok("stuck instances", "none");
  return problem(
    "stuck instances",
    rows.map(({ id, reason }) => `${id}: ${reason}`).join("; "),
    `${first.remedy[0]?.toUpperCase() ?? ""}${first.remedy.slice(1)}.`,
  );
}

async function lost(db: Connection, t: Tables): Promise<Finding> {
  const { rows } = await db.query<{ id: string; task: string; lost: number }>(
    `SELECT p.instance_id AS id, p.task_id AS task, p.lost FROM ${t.positions.sql} AS p WHERE p.lost >= 2 ORDER BY p.lost DESC, 1 LIMIT ${MOST_NAMED}`,
  );
  if (rows.length === 0) return ok("lost leases", "no task has ended its worker more than once");
  const named = rows.map((row) => `${row.task} of ${row.id} (${row.lost} times)`).join(", ");
  return warning(
    "lost leases",
    `tasks whose worker died or fell silent again and again: ${named}`,
    "Look for process.exit(), exhausted memory, or a blocked event loop in them. They run alone now, and fail with TASK_LOST in the end.",
  );
}

async function held(db: Connection, t: Tables): Promise<Finding> {
  const { rows } = await db.query<{ what: string }>(
    `SELECT 'flow ' || f.flow AS what FROM ${t.paused_flows.sql} AS f
     UNION ALL SELECT 'limit ' || l.name FROM ${t.limits.sql} AS l WHERE l.paused
     UNION ALL SELECT 'limit ' || k.limit_name || ', key ' || k.key FROM ${t.limit_keys.sql} AS k WHERE k.paused
     ORDER BY 1 LIMIT ${MOST_NAMED}`,
  );
  if (rows.length === 0) return ok("paused", "no flow and no limit is paused");
  return warning(
    "paused",
    rows.map(({ what }) => what).join(", "),
    "If that is not meant any more: waymark flows unpause, waymark limits unpause.",
  );
}

async function bloat(db: Connection, schema: string): Promise<Finding> {
  const { rows } = await db.query<{ live: number; dead: number }>(
    "SELECT n_live_tup::float8 AS live, n_dead_tup::float8 AS dead FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'positions'",
    [schema],
  );
  const { live = 0, dead = 0 } = rows[0] ?? {};
  if (dead < 10_000 || dead < 2 * live) return ok("dead rows", `${dead} beside ${live} live ones in positions`);
  return warning(
    "dead rows",
    `${dead} beside ${live} live ones in positions: claims get slower`,
    `Look for long transactions (above) and that autovacuum runs; VACUUM ${schema}.positions helps at once.`,
  );
}
