import {
  Logger,
  makeWorkerUtils,
  type Runner,
  run,
  runMigrations,
  type TaskList,
  WorkerPreset,
  type WorkerUtils,
} from "graphile-worker";
import pg from "pg";
import { type Engine, type FlowName, keyOf, NotOffered, type OpenOptions, type Session } from "../engine.ts";
import type { Hooks, Payload } from "../lib/hooks.ts";
import { chunksOf } from "../lib/parallel.ts";

interface Job {
  readonly id: string;
  readonly step: number;
  /** What the step before returned: a job's payload is where it is kept. */
  readonly given: Payload | null;
}

const SUBMIT_CHUNK = 1_000;
const MILLISECONDS_OF_A_DAY = 86_400_000;

// The configuration of the authors' own numbers: https://worker.graphile.org/docs/performance
const PERFORMANCE = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
} as const;

export const engine: Engine = {
  settings: [
    "concurrentJobs 24, maxPoolSize 25, localQueue.size 500, completeJobBatchDelay 0, failJobBatchDelay 0: the configuration of worker.graphile.org/docs/performance",
    `a job for each step: its task adds the next one with addJob; submission: addJobs, ${SUBMIT_CHUNK.toLocaleString("en")} at a time`,
    "by key: a named queue for each key; urgent: priority",
    "0.17.3 is the last version for Node.js 20 (0.18 wants 22)",
  ],
  cannot: {
    fan: "a queue: jobs have no join",
    limited: "there is no limit over all workers but one at a time, by a named queue",
    events: "a queue: jobs do not wait for events",
    result: "a queue: there is no waiting for a result",
  },
  async prepare(url) {
    await runMigrations({ connectionString: url, logger: silent() });
  },
  async open(options) {
    return new GraphileSession(options, await makeWorkerUtils({ connectionString: options.url, logger: silent() }));
  },
};

/** Errors only: each job is logged otherwise. */
function silent(): Logger {
  return new Logger(() => (level, message) => {
    if (level === "error") console.error(message);
  });
}

class GraphileSession implements Session {
  readonly #url: string;
  readonly #utils: WorkerUtils;
  readonly #observer: pg.Pool;
  readonly #hooks: Hooks;
  readonly #tasks: TaskList;
  #runner: Runner | null = null;

  constructor({ url, shape, hooks }: OpenOptions, utils: WorkerUtils) {
    this.#url = url;
    this.#utils = utils;
    this.#hooks = hooks;
    this.#observer = new pg.Pool({ connectionString: url, max: 1 });
    this.#tasks = {
      chain: taskOf("chain", shape.steps, hooks),
      single: taskOf("single", 1, hooks),
      keyed: taskOf("keyed", 1, hooks),
    };
  }

  async submit(name: FlowName, ids: readonly string[]): Promise<void> {
    checkOffered(name);
    for (const chunk of chunksOf(ids, SUBMIT_CHUNK)) await this.#utils.addJobs(chunk.map((id) => firstJob(name, id)));
  }

  async park(ids: readonly string[]): Promise<void> {
    const runAt = new Date(Date.now() + MILLISECONDS_OF_A_DAY);
    for (const chunk of chunksOf(ids, SUBMIT_CHUNK)) {
      await this.#utils.addJobs(chunk.map((id) => ({ ...firstJob("single", id), runAt })));
    }
  }

  async unfinished(name: FlowName): Promise<number> {
    const { rows } = await this.#observer.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM graphile_worker.jobs
       WHERE task_identifier = $1 AND run_at < now() + interval '1 hour'`,
      [name],
    );
    return rows[0]?.n ?? 0;
  }

  async startWorker(names: readonly FlowName[]): Promise<void> {
    for (const name of names) checkOffered(name);
    this.#runner = await run({
      preset: { extends: [WorkerPreset], worker: { connectionString: this.#url, ...PERFORMANCE } },
      taskList: Object.fromEntries(names.map((name) => [name, this.#tasks[name]])),
      logger: silent(),
      noHandleSignals: true,
    });
  }

  async stopWorker(): Promise<void> {
    await this.#runner?.stop();
    this.#runner = null;
  }

  async call(name: FlowName, id: string): Promise<void> {
    checkOffered(name);
    const ended = this.#hooks.whenEnded(id);
    const { identifier, payload } = firstJob(name, id);
    await this.#utils.addJob(identifier, payload);
    await ended;
  }

  async urgent(id: string): Promise<void> {
    const ended = this.#hooks.whenEnded(id);
    const { identifier, payload } = firstJob("single", id);
    await this.#utils.addJob(identifier, payload, { priority: -10 });
    await ended;
  }

  sendEvent(): Promise<void> {
    throw new NotOffered(engine.cannot.events);
  }

  async close(): Promise<void> {
    await this.#utils.release();
    await this.#observer.end();
  }
}

function firstJob(name: string, id: string): { identifier: string; payload: Job; queueName?: string } {
  const queue = name === "keyed" ? { queueName: keyOf(id) } : {};
  return { identifier: name, payload: { id, step: 0, given: null }, ...queue };
}

function taskOf(name: string, steps: number, hooks: Hooks): TaskList[string] {
  return async (payload, helpers) => {
    const { id, step } = payload as Job;
    if (step === steps - 1) {
      hooks.lastStep(id, step);
      return;
    }
    const next: Job = { id, step: step + 1, given: hooks.step(id, step) };
    await helpers.addJob(name, next);
  };
}

function checkOffered(name: FlowName): void {
  if (name === "fan") throw new NotOffered(engine.cannot.fan);
  if (name === "limited") throw new NotOffered(engine.cannot.limited);
  if (name === "wait") throw new NotOffered(engine.cannot.events);
}
