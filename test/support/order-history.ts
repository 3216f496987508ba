import { expect } from "vitest";
import { predict } from "../../examples/order-fulfilment/model.ts";
import type { OracleLine } from "../../examples/order-fulfilment/oracle.ts";

const SCHEMA = "order_fulfilment";

/** What is needed of a `pg` pool. */
interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

export interface CheckpointRow {
  readonly instance: string;
  readonly task: string;
  readonly attempt: number;
  readonly kind: string;
  readonly outcome: string;
  readonly worker: string | null;
  /** Milliseconds since the epoch, with a fraction. */
  readonly at: number;
}

export async function readCheckpoints(db: Queryable): Promise<readonly CheckpointRow[]> {
  const { rows } = await db.query(
    `SELECT instance_id AS instance, task_id AS task, attempt, kind, outcome, worker_id AS worker,
            (extract(epoch FROM at) * 1000)::float8 AS at
     FROM ${SCHEMA}.checkpoints ORDER BY sequence`,
  );
  return rows as CheckpointRow[];
}

/** How many positions a worker holds, or held when it was killed. */
export async function countClaims(db: Queryable, worker: string): Promise<number> {
  const { rows } = await db.query(`SELECT 1 FROM ${SCHEMA}.positions WHERE worker_id = $1`, [worker]);
  return rows.length;
}

/**
 * Asserts that every order from `first` to `last` has ended as the model says, that each outcome is recorded
 * once, and that nothing is left over.
 */
export async function expectOrders(db: Queryable, first: number, last: number, seed: number): Promise<void> {
  const instances = await db.query(
    `SELECT instance_id AS id, status, output FROM ${SCHEMA}.instances_json ORDER BY instance_id`,
  );
  const checkpoints = await readCheckpoints(db);
  const found = (instances.rows as { id: string; status: string; output: unknown }[]).map(({ id, status, output }) => {
    const entries = checkpoints.filter(({ instance }) => instance === id);
    // No set: an outcome that is recorded twice is to be seen.
    const recorded = entries.filter(({ outcome }) => outcome !== "failed").map(({ task }) => task);
    const failedAttempts = entries.length - recorded.length;
    return { id, status, result: output, recorded: recorded.sort(), failedAttempts };
  });
  const predicted = Array.from({ length: last - first + 1 }, (_, index) => ({
    id: `order-${first + index}`,
    ...predict(first + index, seed),
  }));
  expect(found).toEqual(predicted);

  const left = await db.query(
    `SELECT 'position' AS what, instance_id FROM ${SCHEMA}.positions
     UNION ALL SELECT 'event', instance_id FROM ${SCHEMA}.events
     UNION ALL SELECT 'signal', instance_id FROM ${SCHEMA}.signals`,
  );
  expect(left.rows).toEqual([]);
}

/**
 * Executions of a body that began after an outcome of this attempt, or a completed one of an earlier attempt, had
 * been recorded.
 *
 * Told by which process did what, since they ran one after the other; within a process by the clock, which
 * database and example share, being on one machine.
 */
export function rerunsAfterCheckpoint(
  oracle: readonly OracleLine[],
  checkpoints: readonly CheckpointRow[],
): readonly string[] {
  const workers = [...new Set(oracle.map(({ worker }) => worker))];
  return oracle.flatMap((line) => {
    const before = checkpoints.filter((recorded) => {
      if (recorded.instance !== line.instance || recorded.task !== line.task || recorded.worker === null) return false;
      if (recorded.attempt > line.attempt) return false;
      if (recorded.attempt < line.attempt && recorded.outcome === "failed") return false;
      return workers.indexOf(recorded.worker) < workers.indexOf(line.worker) || recorded.at < line.at;
    });
    return before.map(({ attempt }) => `${line.key} ran as attempt ${line.attempt} after ${attempt} was recorded`);
  });
}

/** Recorded attempts of tasks that call a service, where no such call was made by the worker that recorded it. */
export function recordedWithoutRunning(
  oracle: readonly OracleLine[],
  checkpoints: readonly CheckpointRow[],
): readonly string[] {
  const ran = new Set(oracle.map(({ instance, task, attempt, worker }) => `${instance} ${task} ${attempt} ${worker}`));
  return checkpoints
    .filter(({ kind }) => kind === "task" || kind === "loop")
    .map(({ instance, task, attempt, worker }) => `${instance} ${task} ${attempt} ${worker ?? "nobody"}`)
    .filter((recorded) => !ran.has(recorded));
}
