import { DBOS, DBOSClient, type DBOSConfig } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { type Engine, type FlowName, keyOf, MOST_AT_ONCE, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks, Payload } from "../lib/hooks.ts";
import { inParallel } from "../lib/parallel.ts";

type Workflow = (id: string) => Promise<unknown>;

const QUEUE = "bench";
const LIMITED = "limited";
const KEYED = "keyed";
const POOL = 20;
const POLL_MS = 200;
const WORKER_CONCURRENCY = 500;
const SUBMITTERS = 20;
const SECONDS_OF_A_DAY = 86_400;

// https://docs.dbos.dev/typescript/reference/queues has the options. minPollingIntervalMs is a second by default, of which
// the first look would waste one; 200 ms keeps idle queries few. workerConcurrency keeps a process from taking everything.
// What was tried: pools of 10 to 40, workerConcurrency 100 to 2,000, intervals of 50 to 1,000 ms; the rest is noise.
export const engine: Engine = {
  settings: [
    `queue: workerConcurrency ${WORKER_CONCURRENCY}, minPollingIntervalMs ${POLL_MS} (default 1,000); systemDatabasePoolSize ${POOL} (default 10)`,
    `submission: DBOSClient.enqueue for each, ${SUBMITTERS} side by side (there is no bulk call; many in one transaction are no faster)`,
    "limits: globalConcurrency of a queue, partitionConcurrency 1 for keys; urgent: priority 1",
    "latency and events: DBOS.startWorkflow in the worker's own process, no queue; fan-out: runStep under Promise.all",
  ],
  cannot: {},
  async prepare(url) {
    DBOS.setConfig(configOf(url));
    await DBOS.launch();
    const options = { workerConcurrency: WORKER_CONCURRENCY, minPollingIntervalMs: POLL_MS };
    await DBOS.registerQueue(QUEUE, options);
    await DBOS.registerQueue(LIMITED, {
      ...options,
      workerConcurrency: MOST_AT_ONCE,
      globalConcurrency: MOST_AT_ONCE,
    });
    await DBOS.registerQueue(KEYED, { ...options, partitionConcurrency: 1 });
    await DBOS.shutdown();
  },
  async open(options) {
    const client = await DBOSClient.create({
      systemDatabaseUrl: options.url,
      systemDatabasePoolSize: POOL,
      applicationName: "bench",
    });
    return new DbosSession(options, client);
  },
};

function configOf(url: string): DBOSConfig {
  return {
    name: "bench",
    systemDatabaseUrl: url,
    systemDatabasePoolSize: POOL,
    logLevel: "error",
    applicationVersion: "bench",
    // "Must be set to a unique value for each process" where a queue has several workers.
    executorID: `process-${process.pid}`,
  };
}

class DbosSession implements Session {
  readonly #client: DBOSClient;
  readonly #pool: pg.Pool;
  readonly #hooks: Hooks;
  readonly #workflows: Readonly<Record<FlowName, Workflow>>;

  constructor({ url, shape, hooks }: OpenOptions, client: DBOSClient) {
    this.#client = client;
    this.#hooks = hooks;
    this.#pool = new pg.Pool({ connectionString: url, max: 1 });
    this.#workflows = {
      chain: DBOS.registerWorkflow(chain(shape.steps, hooks), { name: "chain" }),
      single: DBOS.registerWorkflow(chain(1, hooks), { name: "single" }),
      limited: DBOS.registerWorkflow(chain(1, hooks), { name: "limited" }),
      keyed: DBOS.registerWorkflow(chain(1, hooks), { name: "keyed" }),
      fan: DBOS.registerWorkflow(fan(shape.branches, hooks), { name: "fan" }),
      wait: DBOS.registerWorkflow(wait(hooks), { name: "wait" }),
    };
    DBOS.setConfig(configOf(url));
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    await this.#enqueue(name, ids, {});
  }

  async park(ids: readonly string[]): Promise<void> {
    await this.#enqueue("single", ids, { delaySeconds: SECONDS_OF_A_DAY });
  }

  async unfinished(name: FlowName): Promise<number> {
    const { rows } = await this.#pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM dbos.workflow_status
       WHERE name = $1 AND status NOT IN ('SUCCESS', 'ERROR', 'CANCELLED', 'DELAYED')`,
      [name],
    );
    return rows[0]?.n ?? 0;
  }

  async startWorker(): Promise<void> {
    await DBOS.launch();
  }

  async stopWorker(): Promise<void> {
    await DBOS.shutdown();
  }

  async call(name: FlowName, id: string): Promise<void> {
    const handle = await DBOS.startWorkflow(this.#workflows[name], { workflowID: id })(id);
    await handle.getResult();
  }

  async urgent(id: string): Promise<void> {
    const ended = this.#hooks.whenEnded(id);
    await this.#enqueue("single", [id], { priority: 1 });
    await ended;
  }

  async sendEvent(id: string): Promise<void> {
    await DBOS.send(id, { id }, "go");
  }

  async close(): Promise<void> {
    await this.#client.destroy();
    await this.#pool.end();
  }

  async #enqueue(
    name: FlowName,
    ids: readonly string[],
    extra: { delaySeconds?: number; priority?: number },
  ): Promise<void> {
    await inParallel(ids, SUBMITTERS, (id) => {
      const options = { workflowName: name, workflowID: id, ...queueOf(name, id), ...extra };
      return this.#client.enqueue<Workflow>(options, id);
    });
  }
}

function queueOf(name: FlowName, id: string): { queueName: string; queuePartitionKey?: string } {
  if (name === "keyed") return { queueName: KEYED, queuePartitionKey: keyOf(id) };
  return { queueName: name === "limited" ? LIMITED : QUEUE };
}

function chain(steps: number, hooks: Hooks): Workflow {
  return async (id) => {
    let output: Payload | undefined;
    for (let step = 0; step < steps; step++) {
      const run = async (): Promise<Payload> => (step === steps - 1 ? hooks.lastStep(id, step) : hooks.step(id, step));
      output = await DBOS.runStep(run, { name: `s${step}` });
    }
    return output;
  };
}

function fan(branches: number, hooks: Hooks): Workflow {
  return async (id) => {
    await Promise.all(
      Array.from({ length: branches }, (_, step) =>
        DBOS.runStep(async () => hooks.step(id, step), { name: `b${step}` }),
      ),
    );
    return await DBOS.runStep(async () => hooks.lastStep(id, branches), { name: "join" });
  };
}

function wait(hooks: Hooks): Workflow {
  return async (id) => {
    await DBOS.runStep(async () => hooks.stepBeforeWait(id), { name: "before" });
    await DBOS.recv("go", 3_600);
    return await DBOS.runStep(async () => hooks.lastStep(id, 1), { name: "after" });
  };
}
