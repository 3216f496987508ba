import { readFile } from "node:fs/promises";
import { Absurd, type TaskContext } from "absurd-sdk";
import pg from "pg";
import { type Engine, type FlowName, NotOffered, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks, Payload } from "../lib/hooks.ts";
import { inParallel, pause } from "../lib/parallel.ts";

interface Input {
  readonly id: string;
}

const QUEUE = "bench";
const CONCURRENCY = 50;
const POOL = 25;
const SUBMITTERS = 25;
const SECONDS_OF_A_DAY = 86_400;
const SCHEMA_VARIABLE = "BENCH_ABSURD_SQL";

// docs/sdks/typescript.md in the authors' repository has the options of startWorker; the defaults (concurrency 1, a pool
// of 10) are meant for long steps, so both are raised. What was tried: concurrency 10 to 500, pools of 10 to 50.
export const engine: Engine = {
  settings: [
    `worker: concurrency ${CONCURRENCY} (default 1), batchSize the same, pollInterval 0.25 s (default); pg.Pool of ${POOL}`,
    `submission: spawn() for each, ${SUBMITTERS} side by side (there is no bulk call)`,
    "latency: spawn() and awaitTaskResult(), which looks after 50, 100, 200 … ms; fan-out: ctx.step under Promise.all",
    `its SQL is not in the npm package: ${SCHEMA_VARIABLE} names the file absurd.sql of the same release`,
  ],
  cannot: {},
  async prepare(url) {
    const path = process.env[SCHEMA_VARIABLE];
    if (path === undefined) {
      throw new NotOffered(
        `its SQL schema is not on npm; set ${SCHEMA_VARIABLE} to the path of its absurd.sql to include it`,
      );
    }
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(await readFile(path, "utf8"));
    await client.end();
    const app = new Absurd({ db: url, queueName: QUEUE });
    await app.createQueue(QUEUE);
    await app.close();
  },
  async open(options) {
    return new AbsurdSession(options);
  },
};

class AbsurdSession implements Session {
  readonly #pool: pg.Pool;
  readonly #app: Absurd;
  #worker: { close(): Promise<void> } | null = null;

  constructor({ url, shape, hooks }: OpenOptions) {
    this.#pool = new pg.Pool({ connectionString: url, max: POOL });
    this.#app = new Absurd({ db: this.#pool, queueName: QUEUE });
    this.#app.registerTask<Input>({ name: "chain" }, chain(shape.steps, hooks));
    this.#app.registerTask<Input>({ name: "single" }, chain(1, hooks));
    this.#app.registerTask<Input>({ name: "fan" }, fan(shape.branches, hooks));
    this.#app.registerTask<Input>({ name: "wait" }, wait(hooks));
    this.#app.registerTask<Input>({ name: "parked" }, async (_input, context) => {
      await context.sleepFor("park", SECONDS_OF_A_DAY);
    });
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    await inParallel(ids, SUBMITTERS, (id) => this.#app.spawn(name, { id }));
  }

  async park(ids: readonly string[]): Promise<void> {
    await inParallel(ids, SUBMITTERS, (id) => this.#app.spawn("parked", { id }));
    await this.startWorker();
    while ((await this.#count("task_name = 'parked' AND state <> 'sleeping'", [])) > 0) await pause(50);
    await this.stopWorker();
  }

  async unfinished(name: FlowName): Promise<number> {
    return await this.#count("task_name = $1 AND state IN ('pending', 'running', 'sleeping')", [name]);
  }

  async startWorker(): Promise<void> {
    this.#worker = await this.#app.startWorker({ concurrency: CONCURRENCY });
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.close();
    this.#worker = null;
  }

  async call(name: FlowName, id: string): Promise<void> {
    const { taskID } = await this.#app.spawn(name, { id });
    await this.#app.awaitTaskResult(taskID, { timeout: 60 });
  }

  urgent(): Promise<void> {
    throw new NotOffered("the comparison of job queues leaves it out");
  }

  async sendEvent(id: string): Promise<void> {
    await this.#app.emitEvent(`go-${id}`, { id });
  }

  async close(): Promise<void> {
    await this.#app.close();
    await this.#pool.end();
  }

  async #count(condition: string, values: readonly unknown[]): Promise<number> {
    const text = `SELECT count(*)::int AS n FROM absurd.t_${QUEUE} WHERE ${condition}`;
    const { rows } = await this.#pool.query<{ n: number }>(text, [...values]);
    return rows[0]?.n ?? 0;
  }
}

type Body = (input: Input, context: TaskContext) => Promise<unknown>;

function chain(steps: number, hooks: Hooks): Body {
  return async ({ id }, context) => {
    let output: Payload | undefined;
    for (let step = 0; step < steps; step++) {
      const run = async (): Promise<Payload> => (step === steps - 1 ? hooks.lastStep(id, step) : hooks.step(id, step));
      output = await context.step(`s${step}`, run);
    }
    return output;
  };
}

function fan(branches: number, hooks: Hooks): Body {
  return async ({ id }, context) => {
    await Promise.all(
      Array.from({ length: branches }, (_, step) => context.step(`b${step}`, async () => hooks.step(id, step))),
    );
    return await context.step("join", async () => hooks.lastStep(id, branches));
  };
}

function wait(hooks: Hooks): Body {
  return async ({ id }, context) => {
    await context.step("before", async () => hooks.stepBeforeWait(id));
    await context.awaitEvent(`go-${id}`, { timeout: 3_600 });
    return await context.step("after", async () => hooks.lastStep(id, 1));
  };
}
