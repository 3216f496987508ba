import pg from "pg";
import {
  type Branch,
  branch,
  Client,
  type Flow,
  flow,
  job,
  limit,
  type TaskContext,
  Worker,
  type WorkerHandle,
} from "waymark";
import { PostgresBackend } from "waymark/postgres";
import { type Engine, type FlowName, keyOf, MOST_AT_ONCE, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks, Payload } from "../lib/hooks.ts";
import { chunksOf, inParallel, pause } from "../lib/parallel.ts";

interface Input {
  readonly id: string;
}

const CONCURRENCY = 1_000;
const SUBMIT_CHUNK = 1_000;

export const engine: Engine = {
  settings: [
    `Worker: concurrency ${CONCURRENCY.toLocaleString("en")}, everything else as it is by default (docs/workers.md)`,
    `submission: client.submitMany, ${SUBMIT_CHUNK.toLocaleString("en")} at a time; latency: client.submit and handle.result`,
    "fan-out: fork and join; limits: of the job's task",
  ],
  cannot: {},
  async prepare(url) {
    await (await PostgresBackend.connect(url)).close();
  },
  async open(options) {
    return new WaymarkSession(options, await PostgresBackend.connect(options.url));
  },
};

class WaymarkSession implements Session {
  readonly #backend: PostgresBackend;
  readonly #client: Client;
  readonly #hooks: Hooks;
  readonly #flows: Readonly<Record<FlowName, Flow<Input, unknown>>>;
  readonly #parked = flow<Input>("parked").delay("park", "1d").build();
  readonly #observer: pg.Pool;
  #worker: WorkerHandle | null = null;

  constructor({ url, shape, hooks }: OpenOptions, backend: PostgresBackend) {
    this.#backend = backend;
    this.#client = new Client(backend);
    this.#hooks = hooks;
    this.#observer = new pg.Pool({ connectionString: url, max: 1 });
    this.#flows = {
      chain: chainFlow("chain", shape.steps, hooks),
      single: chainFlow("single", 1, hooks),
      limited: job("limited", reported(hooks), { limit: limit("limited", { concurrency: MOST_AT_ONCE }) }),
      keyed: job("keyed", reported(hooks), {
        limit: limit("keyed", { perKey: { concurrency: 1 } }),
        limitKey: ({ id }) => keyOf(id),
      }),
      fan: fanFlow(shape.branches, hooks),
      wait: waitFlow(hooks),
    };
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    await this.#submitAll(this.#flows[name], ids);
  }

  async park(ids: readonly string[]): Promise<void> {
    await this.#submitAll(this.#parked, ids);
    const worker = new Worker(this.#backend, {
      flows: [this.#parked],
      concurrency: CONCURRENCY,
      ownsProcess: false,
    }).start();
    // An instance is parked when it is neither ready nor held.
    const moving =
      "SELECT count(*)::int AS n FROM waymark.positions WHERE order_key IS NOT NULL OR worker_id IS NOT NULL";
    while ((await this.#count(moving, [])) > 0) await pause(50);
    await worker.stop();
  }

  async unfinished(name: FlowName): Promise<number> {
    const text = "SELECT count(*)::int AS n FROM waymark.instances WHERE flow = $1 AND ended_at IS NULL";
    return await this.#count(text, [name]);
  }

  async startWorker(names: readonly FlowName[]): Promise<void> {
    const flows = names.map((name) => this.#flows[name]);
    this.#worker = new Worker(this.#backend, { flows, concurrency: CONCURRENCY, ownsProcess: false }).start();
  }

  async stopWorker(): Promise<void> {
    await this.#worker?.stop();
    this.#worker = null;
  }

  async call(name: FlowName, id: string): Promise<void> {
    const handle = await this.#client.submit(this.#flows[name], id, { id });
    await handle.result({ timeout: "1m" });
  }

  async urgent(id: string): Promise<void> {
    const ended = this.#hooks.whenEnded(id);
    await this.#client.submit(this.#flows.single, id, { id }, { priority: 1 });
    await ended;
  }

  async sendEvent(id: string): Promise<void> {
    await this.#client.sendEvent(id, "go", { id });
  }

  async close(): Promise<void> {
    await this.#backend.close();
    await this.#observer.end();
  }

  async #submitAll(definition: Flow<Input, unknown>, ids: readonly string[]): Promise<void> {
    await inParallel(chunksOf(ids, SUBMIT_CHUNK), 2, (chunk) =>
      this.#client.submitMany(
        definition,
        chunk.map((id) => ({ instanceId: id, input: { id } })),
      ),
    );
  }

  async #count(text: string, values: readonly unknown[]): Promise<number> {
    const { rows } = await this.#observer.query<{ n: number }>(text, [...values]);
    return rows[0]?.n ?? 0;
  }
}

function reported(hooks: Hooks): (input: Input) => Promise<Payload> {
  return async ({ id }) => hooks.lastStep(id, 0);
}

/** The id of the instance reaches every step as the name under which the body reports. */
function chainFlow(name: string, steps: number, hooks: Hooks): Flow<Input, unknown> {
  const run = (step: number) => (_input: unknown, context: TaskContext) =>
    step === steps - 1 ? hooks.lastStep(context.instanceId, step) : hooks.step(context.instanceId, step);
  let builder = flow<Input>(name).then("s0", run(0));
  for (let step = 1; step < steps; step++) {
    builder = builder.then(`s${step}`, run(step)) as unknown as typeof builder;
  }
  return builder.build();
}

function fanFlow(branches: number, hooks: Hooks): Flow<Input, unknown> {
  const all = Array.from(
    { length: branches },
    (_, step): Branch<string, Input, Payload, object> =>
      branch(`b${step}`, (b) => b.then(`t${step}`, ({ id }: Input) => hooks.step(id, step))),
  );
  return flow<Input>("fan")
    .fork(all)
    .join("join", (_outputs, context) => hooks.lastStep(context.instanceId, branches))
    .build();
}

function waitFlow(hooks: Hooks): Flow<Input, unknown> {
  return flow<Input>("wait")
    .then("before", (_input, context) => hooks.stepBeforeWait(context.instanceId))
    .waitForEvent("wait", "go", { timeout: "1h" })
    .then("after", (_payload, context) => hooks.lastStep(context.instanceId, 1))
    .build();
}
