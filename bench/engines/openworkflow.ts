import { OpenWorkflow, type Worker } from "openworkflow";
import { BackendPostgres } from "openworkflow/postgres";
import pg from "pg";
import { type Engine, type FlowName, NotOffered, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks, Payload } from "../lib/hooks.ts";
import { inParallel } from "../lib/parallel.ts";

interface Input {
  readonly id: string;
}

const CONCURRENCY = 100;
const SUBMITTERS = 50;

// The docs say "start with concurrency: 10 and tune" (https://openworkflow.dev/docs/workers); the authors' own
// benchmark (benchmarks/basic/index.ts in their repository) uses 100, and the pool as it is by default. With 10 it makes a
// third of the steps, with 50 or 200 no more than with 100.
export const engine: Engine = {
  settings: [
    `worker: concurrency ${CONCURRENCY}, as in the authors' own benchmark (each free slot looks for work by itself, so idle queries grow with it); pool and polling as they are`,
    `submission: run() for each, ${SUBMITTERS} side by side (there is no bulk call)`,
    "latency: run() and handle.result(), which looks once a second; fan-out: steps under Promise.all",
  ],
  cannot: {},
  async prepare(url) {
    await (await BackendPostgres.connect(url)).stop();
  },
  async open(options) {
    return new OpenWorkflowSession(options, await BackendPostgres.connect(options.url, { runMigrations: false }));
  },
};

class OpenWorkflowSession implements Session {
  readonly #backend: BackendPostgres;
  readonly #client: OpenWorkflow;
  readonly #workflows: Readonly<Record<Exclude<FlowName, "keyed" | "limited">, ReturnType<typeof define>>>;
  readonly #observer: pg.Pool;
  #worker: Worker | null = null;

  constructor({ url, shape, hooks }: OpenOptions, backend: BackendPostgres) {
    this.#backend = backend;
    this.#client = new OpenWorkflow({ backend });
    this.#observer = new pg.Pool({ connectionString: url, max: 1 });
    this.#workflows = {
      chain: define(this.#client, "chain", chain(shape.steps, hooks)),
      single: define(this.#client, "single", chain(1, hooks)),
      fan: define(this.#client, "fan", fan(shape.branches, hooks)),
      wait: define(this.#client, "wait", wait(hooks)),
    };
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    await inParallel(ids, SUBMITTERS, (id) => this.#workflowOf(name).run({ id }));
  }

  async park(ids: readonly string[]): Promise<void> {
    await inParallel(ids, SUBMITTERS, (id) => this.#workflows.single.run({ id }, { availableAt: "1d" }));
  }

  async unfinished(name: FlowName): Promise<number> {
    const { rows } = await this.#observer.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM openworkflow.workflow_runs
       WHERE workflow_name = $1 AND status IN ('pending', 'running', 'sleeping')
         AND (status <> 'pending' OR available_at < now() + interval '1 hour')`,
      [name],
    );
    return rows[0]?.n ?? 0;
  }

  async startWorker(): Promise<void> {
    this.#worker = this.#client.newWorker({ concurrency: CONCURRENCY });
    await this.#worker.start();
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = null;
  }

  async call(name: FlowName, id: string): Promise<void> {
    const handle = await this.#workflowOf(name).run({ id });
    await handle.result({ timeoutMs: 60_000 });
  }

  #workflowOf(name: FlowName): ReturnType<typeof define> {
    if (name === "keyed" || name === "limited") throw new NotOffered("it has no limits");
    return this.#workflows[name];
  }

  urgent(): Promise<void> {
    throw new NotOffered("the comparison of job queues leaves it out");
  }

  async sendEvent(id: string): Promise<void> {
    await this.#client.sendSignal({ signal: `go-${id}`, data: { id } });
  }

  async close(): Promise<void> {
    await this.#backend.stop();
    await this.#observer.end();
  }
}

type Body = Parameters<typeof define>[2];

function define(
  client: OpenWorkflow,
  name: string,
  body: Parameters<typeof client.defineWorkflow<Input, Payload>>[1],
): ReturnType<typeof client.defineWorkflow<Input, Payload>> {
  return client.defineWorkflow<Input, Payload>({ name }, body);
}

function chain(steps: number, hooks: Hooks): Body {
  return async ({ input: { id }, step: api }) => {
    let output: Payload | undefined;
    for (let step = 0; step < steps; step++) {
      const run = (): Payload => (step === steps - 1 ? hooks.lastStep(id, step) : hooks.step(id, step));
      output = await api.run({ name: `s${step}` }, run);
    }
    return output as Payload;
  };
}

function fan(branches: number, hooks: Hooks): Body {
  return async ({ input: { id }, step: api }) => {
    await Promise.all(
      Array.from({ length: branches }, (_, step) => api.run({ name: `b${step}` }, () => hooks.step(id, step))),
    );
    return await api.run({ name: "join" }, () => hooks.lastStep(id, branches));
  };
}

function wait(hooks: Hooks): Body {
  return async ({ input: { id }, step: api }) => {
    await api.run({ name: "before" }, () => hooks.stepBeforeWait(id));
    await api.waitForSignal({ signal: `go-${id}`, timeout: "1h" });
    return await api.run({ name: "after" }, () => hooks.lastStep(id, 1));
  };
}
