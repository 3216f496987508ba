import { query } from "./local-postgres.ts";
import type { JournalLine } from "./storm-journal.ts";
import type { Acknowledged } from "./storm-submitter.ts";

export interface InstanceRow {
  readonly id: string;
  readonly status: string;
  readonly output: unknown;
  readonly failure: unknown;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly endedAt: number;
}

export interface HistoryRow {
  readonly instance: string;
  readonly task: string;
  readonly attempt: number;
  readonly sequence: number;
  readonly kind: string;
  readonly outcome: string;
  readonly output: unknown;
  readonly worker: string | null;
  /** Milliseconds since the epoch, with a fraction. */
  readonly at: number;
}

/** All that is left when a storm is over. */
export interface Evidence {
  readonly acknowledged: readonly Acknowledged[];
  readonly instances: readonly InstanceRow[];
  /** By sequence. */
  readonly history: readonly HistoryRow[];
  readonly journal: readonly JournalLine[];
  /** Rows that only live instances may have, each described. */
  readonly leftovers: readonly string[];
}

/** What the database says. */
export async function readDatabase(
  url: string,
): Promise<Pick<Evidence, "instances" | "history"> & { readonly leftovers: readonly string[] }> {
  const instances = await query(
    url,
    `SELECT instance_id AS id, status, output, failure,
            (extract(epoch FROM created_at) * 1000)::float8 AS "createdAt",
            (extract(epoch FROM coalesce(ended_at, clock_timestamp())) * 1000)::float8 AS "endedAt"
     FROM waymark.instances_json ORDER BY instance_id`,
  );
  const history = await query(
    url,
    `SELECT instance_id AS instance, task_id AS task, attempt, sequence::float8 AS sequence, kind, outcome, output,
            worker_id AS worker, (extract(epoch FROM at) * 1000)::float8 AS at
     FROM waymark.checkpoints_json ORDER BY sequence`,
  );
  const leftovers = await query(
    url,
    `SELECT 'position ' || path || ' at ' || task_id AS what, instance_id AS id FROM waymark.positions
     UNION ALL SELECT 'signal ' || kind, instance_id FROM waymark.signals
     UNION ALL SELECT 'event ' || name, e.instance_id FROM waymark.events AS e
       JOIN waymark.instances AS i USING (instance_id) WHERE i.status = 'completed'
     UNION ALL SELECT 'mailbox', m.instance_id FROM waymark.mailboxes AS m
       LEFT JOIN waymark.instances AS i USING (instance_id) WHERE i.instance_id IS NULL`,
  );
  return {
    instances: instances as unknown as InstanceRow[],
    history: history as unknown as HistoryRow[],
    leftovers: leftovers.map(({ id, what }) => `${String(id)}: ${String(what)}`),
  };
}

/** How many instances have not ended. */
export async function countLive(url: string): Promise<number> {
  const [row] = await query(url, "SELECT count(*)::int AS live FROM waymark.instances WHERE ended_at IS NULL");
  return Number(row?.["live"]);
}
