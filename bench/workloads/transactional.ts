import pg from "pg";
import { type Flow, flow, task } from "waymark";
import { idsOf } from "../lib/batch.ts";
import { workOffFlow } from "../lib/waymark-flows.ts";
import type { Workload } from "../workload.ts";

const INSERT = "INSERT INTO effects (instance_id, step) VALUES ($1, $2)";
const POOL = 10;

interface Writing {
  readonly flow: Flow<null>;
  readonly key: string;
}

export const transactional: Workload = {
  name: "transactional",
  title: "Transactional tasks",
  about: `As throughput, with steps that each write one row to a table of the application. Plain tasks write it by a pool of the
application's own (${POOL} connections), in a transaction apart from the checkpoint: after a crash, a row may be there twice. Transactional
tasks write it by the transaction that commits their checkpoint. Waymark alone: DBOS has transactions in packages for each
library, which the set-up here does not have, and the others have none.`,
  only: ["waymark"],
  metrics: [
    { key: "plainPerSecond", label: "plain tasks that write, steps/s", digits: 0 },
    { key: "transactionalPerSecond", label: "transactional tasks, steps/s", digits: 0 },
    { key: "plainWal", label: "plain, WAL, bytes/step", digits: 0 },
    { key: "transactionalWal", label: "transactional, WAL, bytes/step", digits: 0 },
  ],
  async run({ task: { url, serverPid }, sizes }) {
    const pool = new pg.Pool({ connectionString: url, max: POOL });
    await pool.query("CREATE TABLE effects (instance_id text NOT NULL, step int NOT NULL)");
    const metrics: Record<string, number> = {};
    const steps = sizes.throughputSteps;
    for (const { flow: writing, key } of flowsOf(steps, pool)) {
      const of = { url, serverPid, flow: writing, input: null };
      await workOffFlow({ ...of, ids: idsOf(`warm-${key}`, sizes.warmUpInstances) });
      const { seconds, walBytes } = await workOffFlow({ ...of, ids: idsOf(key, sizes.throughputInstances) });
      const total = sizes.throughputInstances * steps;
      metrics[`${key}PerSecond`] = total / seconds;
      metrics[`${key}Wal`] = walBytes / total;
    }
    await pool.end();
    return metrics;
  },
};

function flowsOf(steps: number, pool: pg.Pool): readonly Writing[] {
  const plain = (step: number) =>
    task(`s${step}`, async (_: unknown, { instanceId }): Promise<null> => {
      await pool.query(INSERT, [instanceId, step]);
      return null;
    });
  const inTransaction = (step: number) =>
    task.transactional(`s${step}`, async (tx, _: unknown, { instanceId }): Promise<null> => {
      await tx.query(INSERT, [instanceId, step]);
      return null;
    });
  let [first, second] = [flow<null>("plain").then(plain(0)), flow<null>("transactional").then(inTransaction(0))];
  for (let step = 1; step < steps; step++) {
    first = first.then(plain(step)) as unknown as typeof first;
    second = second.then(inTransaction(step)) as unknown as typeof second;
  }
  return [
    { key: "plain", flow: first.build() },
    { key: "transactional", flow: second.build() },
  ];
}
