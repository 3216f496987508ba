import { Client as PgClient } from "pg";
import { type Limit, limit } from "../../src/flow/limit.ts";

const KEYS = 3;

/** What the storm's flows wait for: attempts of several tasks, of all and of each key; and whole instances. */
export const stormLimits = {
  tasks: limit("storm-tasks", { concurrency: 5, perKey: { concurrency: 2 } }),
  flows: limit("storm-flows", { concurrency: 4 }),
} as const satisfies Record<string, Limit>;

export function stormKey(input: number): string {
  return `key-${input % KEYS}`;
}

interface Taken {
  readonly limit: string;
  readonly key: string;
  readonly taken: number;
}

const TAKEN = `
  SELECT l.limit_name AS limit, p.limit_key AS key, count(*)::int AS taken
  FROM waymark.positions AS p JOIN waymark.lanes AS l ON l.lane = p.lane
  WHERE p.worker_id IS NOT NULL AND l.limit_scope = 'task'
  GROUP BY 1, 2
  UNION ALL
  SELECT p.slot_of, p.slot_key, count(*)::int FROM waymark.positions AS p WHERE p.slot_of IS NOT NULL GROUP BY 1, 2`;

/** Looks again and again, from outside, how much of each limit is taken. */
export class LimitWatch {
  /** What was more than is allowed. */
  readonly complaints: string[] = [];
  /** The most that was seen of each limit. */
  readonly most = new Map<string, number>();
  readonly #url: string;
  #isOver = false;

  constructor(url: string) {
    this.#url = url;
  }

  stop(): void {
    this.#isOver = true;
  }

  async run(): Promise<void> {
    while (!this.#isOver) {
      const client = new PgClient({ connectionString: this.#url, application_name: "watch" });
      client.on("error", () => undefined);
      try {
        await client.connect();
        while (!this.#isOver) {
          this.#judge((await client.query<Taken>(TAKEN)).rows);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      } catch {
        // The storm restarts the database.
        await new Promise((resolve) => setTimeout(resolve, 100));
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  }

  #judge(rows: readonly Taken[]): void {
    for (const { name, concurrency, perKey } of Object.values(stormLimits)) {
      const own = rows.filter((row) => row.limit === name);
      const taken = own.reduce((sum, row) => sum + row.taken, 0);
      this.most.set(name, Math.max(taken, this.most.get(name) ?? 0));
      if (concurrency !== null && taken > concurrency) this.complaints.push(`${taken} of ${concurrency} in ${name}`);
      for (const row of own)
        if (perKey.concurrency !== null && row.taken > perKey.concurrency)
          this.complaints.push(`${row.taken} of ${perKey.concurrency} for ${row.key} in ${name}`);
    }
  }
}
