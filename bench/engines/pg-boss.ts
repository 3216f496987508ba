import pg from "pg";
import PgBoss from "pg-boss";
import { type Engine, type FlowName, keyOf, NotOffered, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks, Payload } from "../lib/hooks.ts";
import { chunksOf } from "../lib/parallel.ts";

interface Job {
  readonly id: string;
  readonly step: number;
  /** What the step before returned: a job's data is where it is kept. */
  readonly given: Payload | null;
}

const QUEUES = ["chain", "single", "parked", "keyed"] as const;
const BATCH = 250;
const WORKERS = 3;
const POLL_SECONDS = 0.5;
const SUBMIT_CHUNK = 1_000;
const MILLISECONDS_OF_A_DAY = 86_400_000;

// https://timgit.github.io/pg-boss/#/./api/workers: batchSize is how a worker takes many jobs at a time, work() is called
// again for more workers, 0.5 s is the shortest interval, and notifyWorker() makes a worker look at once.
export const engine: Engine = {
  settings: [
    `${WORKERS} workers, batchSize ${BATCH}, pollingIntervalSeconds ${POLL_SECONDS} (the shortest), notifyWorker() after each insert in the same process`,
    `a job for each step: a batch's next jobs are inserted with one insert(), then the batch is completed; submission: insert(), ${SUBMIT_CHUNK.toLocaleString("en")} at a time`,
    "by key: a queue with policy singleton; urgent: priority",
    "10.4.2 is the last version for Node.js 20 (11 and 12 want 22)",
  ],
  cannot: {
    fan: "a queue: jobs have no join",
    limited: "10.4.2 has no limit of a queue but one at a time; what runs at once is what its workers are set to",
    events: "a queue: jobs do not wait for events",
    result: "a queue: there is no waiting for a result",
  },
  async prepare(url) {
    const boss = bossOn(url);
    await boss.start();
    for (const queue of QUEUES)
      await boss.createQueue(queue, queue === "keyed" ? { name: queue, policy: "singleton" } : undefined);
    await boss.stop({ graceful: false });
  },
  async open(options) {
    const boss = bossOn(options.url);
    await boss.start();
    return new PgBossSession(options, boss);
  },
};

function bossOn(url: string): PgBoss {
  const boss = new PgBoss({ connectionString: url });
  boss.on("error", (error) => console.error(error));
  return boss;
}

class PgBossSession implements Session {
  readonly #boss: PgBoss;
  readonly #observer: pg.Pool;
  readonly #hooks: Hooks;
  readonly #steps: Readonly<Record<string, number>>;
  #workers: { readonly queue: string; readonly id: string }[] = [];

  constructor({ url, shape, hooks }: OpenOptions, boss: PgBoss) {
    this.#boss = boss;
    this.#hooks = hooks;
    this.#steps = { chain: shape.steps, single: 1, keyed: 1 };
    this.#observer = new pg.Pool({ connectionString: url, max: 1 });
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    checkOffered(name);
    for (const chunk of chunksOf(ids, SUBMIT_CHUNK)) {
      await this.#insert(
        name,
        chunk.map((id) => ({ id, step: 0, given: null })),
      );
    }
  }

  async park(ids: readonly string[]): Promise<void> {
    const startAfter = new Date(Date.now() + MILLISECONDS_OF_A_DAY);
    for (const chunk of chunksOf(ids, SUBMIT_CHUNK)) {
      await this.#boss.insert(chunk.map((id) => ({ name: "single", data: { id, step: 0, given: null }, startAfter })));
    }
  }

  async unfinished(name: FlowName): Promise<number> {
    const { rows } = await this.#observer.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM pgboss.job WHERE name = $1 AND state < 'completed' AND start_after < now() + interval '1 hour'",
      [name],
    );
    return rows[0]?.n ?? 0;
  }

  async startWorker(names: readonly FlowName[]): Promise<void> {
    for (const queue of names) {
      checkOffered(queue);
      for (let worker = 0; worker < WORKERS; worker++) {
        const options = { batchSize: BATCH, pollingIntervalSeconds: POLL_SECONDS };
        const id = await this.#boss.work<Job>(queue, options, (jobs) => this.#run(queue, jobs));
        this.#workers.push({ queue, id });
      }
    }
  }

  async stopWorker(): Promise<void> {
    for (const { id } of this.#workers) await this.#boss.offWork({ id });
    this.#workers = [];
  }

  async call(name: FlowName, id: string): Promise<void> {
    checkOffered(name);
    const ended = this.#hooks.whenEnded(id);
    await this.#insert(name, [{ id, step: 0, given: null }]);
    await ended;
  }

  async urgent(id: string): Promise<void> {
    const ended = this.#hooks.whenEnded(id);
    await this.#boss.insert([{ name: "single", data: { id, step: 0, given: null }, priority: 10 }]);
    for (const worker of this.#workers) this.#boss.notifyWorker(worker.id);
    await ended;
  }

  sendEvent(): Promise<void> {
    throw new NotOffered(engine.cannot.events);
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false });
    await this.#observer.end();
  }

  async #run(queue: string, jobs: readonly { readonly data: Job }[]): Promise<void> {
    const steps = this.#steps[queue] ?? 1;
    const next: Job[] = [];
    for (const { data } of jobs) {
      const { id, step } = data;
      if (step === steps - 1) this.#hooks.lastStep(id, step);
      else next.push({ id, step: step + 1, given: this.#hooks.step(id, step) });
    }
    if (next.length > 0) await this.#insert(queue, next);
  }

  async #insert(queue: string, jobs: readonly Job[]): Promise<void> {
    const keyed = (data: Job) => (queue === "keyed" ? { singletonKey: keyOf(data.id) } : {});
    await this.#boss.insert(jobs.map((data) => ({ name: queue, data, ...keyed(data) })));
    for (const worker of this.#workers) if (worker.queue === queue) this.#boss.notifyWorker(worker.id);
  }
}

function checkOffered(name: FlowName): void {
  if (name === "fan") throw new NotOffered(engine.cannot.fan);
  if (name === "limited") throw new NotOffered(engine.cannot.limited);
  if (name === "wait") throw new NotOffered(engine.cannot.events);
}
