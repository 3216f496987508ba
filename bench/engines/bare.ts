import pg from "pg";
import { type Engine, type FlowName, NotOffered, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks } from "../lib/hooks.ts";
import { chunksOf, pause } from "../lib/parallel.ts";
import { RowBatcher } from "./bare-batcher.ts";
import { ADVANCE, CLAIM, FINISH, PARK, PROMOTE, SCHEMA, SUBMIT } from "./bare-sql.ts";

const POOL = 5;
const CONCURRENCY = 1_000;
const MAX_BATCH = 512;
const SUBMIT_CHUNK = 500;
const CODE = "the statements alone, no engine";

interface Claimed {
  readonly instance_id: string;
  readonly token: string;
}

/** No engine: the statements one lives on, with nothing around them. What they reach is the limit on the machine. */
export const engine: Engine = {
  settings: [
    `no engine: promote, claim, advance and finish over arrays, up to ${MAX_BATCH} rows a statement, ${CONCURRENCY.toLocaleString("en")} instances at a time, a pool of ${POOL}; it has no lanes, retries, definitions, codecs, events or histories in order`,
    "latency: the five statements of an instance of three steps one after the other, no polling",
  ],
  cannot: { fan: CODE, events: CODE },
  async prepare(url) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(SCHEMA);
    await client.end();
  },
  async open(options) {
    return new BareSession(options);
  },
};

class BareSession implements Session {
  readonly #pool: pg.Pool;
  readonly #hooks: Hooks;
  readonly #steps: Readonly<Partial<Record<FlowName, number>>>;
  readonly #advance: RowBatcher;
  readonly #finish: RowBatcher;
  #active = 0;
  #running = false;
  #loop: Promise<void> | null = null;

  constructor({ url, shape, hooks }: OpenOptions) {
    this.#pool = new pg.Pool({ connectionString: url, max: POOL });
    this.#hooks = hooks;
    this.#steps = { chain: shape.steps, single: 1 };
    this.#advance = new RowBatcher(this.#pool, ADVANCE, MAX_BATCH, POOL - 1);
    this.#finish = new RowBatcher(this.#pool, FINISH, MAX_BATCH, 1);
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    const hash = this.#hashOf(name);
    for (const chunk of chunksOf(ids, SUBMIT_CHUNK)) {
      await this.#pool.query(SUBMIT, [chunk, name, hash, Buffer.from(JSON.stringify({ name }))]);
    }
  }

  async park(ids: readonly string[]): Promise<void> {
    await this.#pool.query(PARK, [ids, this.#hashOf("single")]);
  }

  async unfinished(name: FlowName): Promise<number> {
    const text = "SELECT count(*)::int AS n FROM instances WHERE flow = $1 AND completed_at IS NULL";
    const { rows } = await this.#pool.query<{ n: number }>(text, [name]);
    return rows[0]?.n ?? 0;
  }

  async startWorker(names: readonly FlowName[]): Promise<void> {
    const name = names[0] ?? "chain";
    const hashes = [this.#hashOf(name)];
    this.#running = true;
    this.#loop = this.#work(name, hashes);
  }

  async stopWorker(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  async call(name: FlowName, id: string): Promise<void> {
    await this.submit(name, [id]);
    const { rows } = await this.#pool.query<Claimed>(CLAIM, [1, [this.#hashOf(name)]]);
    for (const row of rows) await this.#walk(row, name);
  }

  urgent(): Promise<void> {
    throw new NotOffered(CODE);
  }

  sendEvent(): Promise<void> {
    throw new NotOffered(engine.cannot.events);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #work(name: FlowName, hashes: readonly Buffer[]): Promise<void> {
    while (this.#running || this.#active > 0) {
      const free = CONCURRENCY - this.#active;
      if (free < CONCURRENCY / 4 || !this.#running) {
        await pause(1);
        continue;
      }
      await this.#pool.query(PROMOTE);
      const { rows } = await this.#pool.query<Claimed>(CLAIM, [free, hashes]);
      for (const row of rows) void this.#walk(row, name);
      if (rows.length === 0) await pause(2);
    }
  }

  async #walk({ instance_id: id, token }: Claimed, name: FlowName): Promise<void> {
    const last = this.#stepsOf(name) - 1;
    this.#active += 1;
    try {
      for (let step = 0; step < last; step++) {
        const output = Buffer.from(JSON.stringify(this.#hooks.step(id, step)));
        await this.#advance.push([id, token, `s${step}`, output, `s${step + 1}`]);
      }
      const output = Buffer.from(JSON.stringify(this.#hooks.lastStep(id, last)));
      await this.#finish.push([id, token, `s${last}`, output]);
    } finally {
      this.#active -= 1;
    }
  }

  #hashOf(name: FlowName): Buffer {
    return Buffer.alloc(32, this.#stepsOf(name));
  }

  #stepsOf(name: FlowName): number {
    const steps = this.#steps[name];
    if (steps === undefined) throw new NotOffered(CODE);
    return steps;
  }
}
