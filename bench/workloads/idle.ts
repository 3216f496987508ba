import pg from "pg";
import { runBatch } from "../lib/batch.ts";
import { pause } from "../lib/parallel.ts";
import type { Workload } from "../workload.ts";

export const idle: Workload = {
  name: "idle",
  title: "Idle queries",
  about: `One worker runs, has had a little to do at first, and then nothing. After a time of silence the transactions of its database
are counted for a while (\`xact_commit + xact_rollback\` of \`pg_stat_database\`, asked from another database, so that the asking does not
count).`,
  once: "everybody",
  // Its loop was not made to be idle.
  except: ["bare"],
  metrics: [{ key: "transactionsPerSecond", label: "transactions/s", digits: 2 }],
  async run({ task, sizes, open }) {
    const opened = await open({ steps: sizes.throughputSteps });
    await runBatch(opened, "chain", "warm", 10);
    await opened.session.startWorker(["chain"]);
    await pause(sizes.idleSilence * 1_000);
    const url = new URL(task.url);
    const database = url.pathname.slice(1);
    url.pathname = "/postgres";
    const sampler = new pg.Client({ connectionString: url.href });
    await sampler.connect();
    const before = await transactions(sampler, database);
    await pause(sizes.idleWindow * 1_000);
    const after = await transactions(sampler, database);
    await sampler.end();
    await opened.session.stopWorker();
    return { transactionsPerSecond: (after - before) / sizes.idleWindow };
  },
};

async function transactions(client: pg.Client, database: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    "SELECT (xact_commit + xact_rollback)::text AS n FROM pg_stat_database WHERE datname = $1",
    [database],
  );
  return Number(rows[0]?.n);
}
