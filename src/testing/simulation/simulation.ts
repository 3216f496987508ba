import { Client } from "../../client/client.ts";
import { checkFunction, checkOptions } from "../../engine/call-options.ts";
import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { Flow } from "../../flow/flow-definition.ts";
import type { Observer } from "../../observability/observer.ts";
import { parseWhole } from "../../store/arguments.ts";
import type { Backend } from "../../store/backend.ts";
import { type Duration, parseDuration } from "../../time/duration.ts";
import type { Random } from "../../time/random.ts";
import type { WorkerOptions } from "../../worker/worker-options.ts";
import { ClaimWatch } from "./claim-watch.ts";
import { FAULT_KINDS, type FaultKind, FaultPlan } from "./faults.ts";
import { Nemesis } from "./nemesis.ts";
import { RunLog } from "./run-log.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { SimulatedServer } from "./simulated-server.ts";
import { SimulationFailedError } from "./simulation-failed-error.ts";
import { problemsOfStored } from "./stored-checks.ts";
import { Timeline } from "./timeline.ts";
import { WorkerProcess } from "./worker-process.ts";

/** What a scenario has to work with. All of it is part of the simulation, and comes from its seed. */
export interface SimulatedWorld {
  /** Its calls take time, and never go wrong. */
  readonly client: Client;
  /** A client in a process of its own, whose calls go wrong as those of workers do. */
  readonly shakyClient: Client;
  readonly random: Random;
  /** Milliseconds since the simulation began. */
  now(): number;
  /** Lets time pass. Bodies of tasks may call it, too: they die in it if their process does. */
  sleep(delay: Duration): Promise<void>;
  /** Counts a rare path that this run has come by, for the report. */
  readonly reach: (name: string) => void;
}

/** What is left when everything has come to rest. Calls are answered at once. */
export interface SettledWorld extends Pick<SimulatedWorld, "client" | "reach"> {
  readonly stored: Backend;
}

export interface SimulationOptions {
  /** Decides everything: a run with the same seed and options goes the same way. A whole number from 0. */
  readonly seed: number;
  /** What the workers run. Their bodies must use nothing that takes time but the world's `sleep`, and no chance but its `random`. */
  readonly flows: readonly Flow[];
  /** What people do: submits instances, sends events, waits for results. When it has settled, and the workers have come to rest, the run is over. */
  readonly scenario: (world: SimulatedWorld) => Promise<void>;
  /** Looks at what is left, after everything has come to rest. What it throws fails the run. */
  readonly check?: (world: SettledWorld) => Promise<void>;
  /** How many worker processes there are. 1 to 20; default: 1 to 4, drawn from the seed. */
  readonly workers?: number;
  /** Options of each worker; those that are missing are drawn from the seed. */
  readonly workerOptions?: Omit<WorkerOptions, "flows" | "workerId" | "ports" | "ownsProcess">;
  /** What may go wrong; default: everything. Which kinds do in a run, and how often, is drawn from its seed. */
  readonly faults?: readonly FaultKind[];
  /** For how long things go wrong, in simulated time. Default 2 min. */
  readonly faultsFor?: Duration;
  /** After how long without faults everything must have come to its end, in simulated time. Default 1 h. */
  readonly calmFor?: Duration;
  /** Whether the report has the whole log. Default `false`: it takes memory. */
  readonly keepsLog?: boolean;
}

/** What became of a run. */
export interface SimulationReport {
  readonly seed: number;
  /** How many things have happened: calls that arrived, answers, timers, hints. */
  readonly steps: number;
  /** How much time has passed in it, in milliseconds. */
  readonly simulatedMs: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Rare paths that it has come by, and how often. */
  readonly reached: Readonly<Record<string, number>>;
  /** The same for runs that went the same way. */
  readonly digest: string;
  /** Empty unless `keepsLog`. */
  readonly log: readonly string[];
}

const KEYS = [
  "seed",
  "flows",
  "scenario",
  "check",
  "workers",
  "workerOptions",
  "faults",
  "faultsFor",
  "calmFor",
  "keepsLog",
];
const MOST_WORKERS = 20;
/** More than that happens in no run that does not go round in circles. */
const MOST_STEPS = 5_000_000;
/** Without anything but heartbeats for so many leases, workers have come to rest. */
const REST_IN_LEASES = 4;

/**
 * Runs flows in a world of its own: several worker processes, a database and people who use them, in which everything goes wrong that can, and
 * nothing happens by chance. First for `faultsFor`; then nothing goes wrong any more, and all has to come to its end.
 *
 * While it runs, each claim and checkpoint is looked at (INV-5, INV-6); in the end, all that is stored (INV-3, INV-4, INV-13), and `check`.
 *
 * @throws {InvalidArgumentError} an option is not acceptable
 * @throws {SimulationFailedError} an invariant does not hold, `scenario` or `check` has thrown, or something is left that does not come to its end
 *
 * @example
 * ```ts run
 * import { flow } from "waymark";
 * import { simulate } from "waymark/testing";
 *
 * const order = flow<number>("order").then("double", (n) => 2 * n).delay("rest", "10s").then("add", (n) => n + 1).build();
 *
 * for (let seed = 1; seed <= 20; seed++) {
 *   await simulate({
 *     seed,
 *     flows: [order],
 *     async scenario({ client }) {
 *       const handle = await client.submit(order, "order-1", 20);
 *       if ((await handle.result()) !== 41) throw new Error("unexpected");
 *     },
 *   });
 * }
 * ```
 */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  return await new Simulation(options).run();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #faultsForMs: number;
  readonly #calmForMs: number;
  readonly #leaseMs: number;
  readonly #log: RunLog;
  readonly #timeline: Timeline;
  readonly #faults: FaultPlan;
  readonly #server: SimulatedServer;
  readonly #nemesis: Nemesis;
  readonly #world: SimulatedWorld;
  readonly #reached = new Map<string, number>();
  #problem: string | null = null;
  #settled: { readonly error: unknown } | "well" | null = null;
  #movedAt = 0;

  constructor(options: SimulationOptions) {
    checkOptions(options, KEYS);
    const { seed, faults = FAULT_KINDS, workers, workerOptions = {} } = options;
    parseWhole(seed, "options.seed", 0, Number.MAX_SAFE_INTEGER);
    checkFunction(options.scenario, "options.scenario");
    if (options.check !== undefined) checkFunction(options.check, "options.check");
    for (const [index, kind] of faults.entries())
      if (!FAULT_KINDS.includes(kind))
        throw new InvalidArgumentError(`options.faults[${index}]`, `must be one of ${FAULT_KINDS.join(", ")}.`);
    this.#options = options;
    this.#faultsForMs = parseDuration(options.faultsFor ?? "2m", "options.faultsFor");
    this.#calmForMs = parseDuration(options.calmFor ?? "1h", "options.calmFor");
    const random = new SeededRandom(seed);
    const drawn = drawWorkers(random);
    const resolved = { ...drawn.options, ...workerOptions };
    this.#leaseMs = parseDuration(resolved.leaseTtl ?? "30s", "options.workerOptions.leaseTtl");
    this.#log = new RunLog(options.keepsLog === true);
    this.#timeline = new Timeline(random.branch());
    this.#faults = new FaultPlan(random.branch(), faults);
    const reach = (name: string): void => void this.#reached.set(name, (this.#reached.get(name) ?? 0) + 1);
    const watch = new ClaimWatch((problem) => (this.#problem ??= problem), reach);
    const common = { timeline: this.#timeline, faults: this.#faults, leaseMs: this.#leaseMs };
    const hasHints = random.chance(0.8);
    this.#server = new SimulatedServer({ ...common, random: random.branch(), log: this.#log, watch, hasHints });
    const server = this.#server;
    const observer: Observer = (event) => {
      this.#movedAt = this.#timeline.now;
      this.#log.add(`${this.#timeline.now} ${event.kind} ${event.instanceId}`);
      reach(event.kind);
      return workerOptions.observer?.(event);
    };
    const all = Array.from({ length: workers ?? drawn.count }, (_, index) => {
      const own = { ...resolved, flows: options.flows, observer };
      const parts = { timeline: this.#timeline, random: random.branch(), server, options: own };
      return new WorkerProcess(`worker-${index + 1}`, parts);
    });
    parseWhole(all.length, "options.workers", 1, MOST_WORKERS);
    this.#nemesis = new Nemesis({ ...common, random: random.branch(), server, workers: all });
    this.#world = this.#worldOf(random, reach);
  }

  async run(): Promise<SimulationReport> {
    const { scenario, check } = this.#options;
    this.#log.add(`seed ${this.#options.seed}`);
    // Begins on the timeline, as all else does.
    this.#timeline.after(0, null, () => {
      scenario(this.#world).then(
        () => (this.#settled = "well"),
        (error: unknown) => (this.#settled = { error }),
      );
    });
    this.#nemesis.begin();
    // A scenario that is over early has nothing more to lose.
    await this.#pass(() => this.#settled !== null, this.#faultsForMs);
    this.#nemesis.end();
    this.#movedAt = this.#timeline.now;
    const until = this.#timeline.now + this.#calmForMs;
    const isDone = await this.#pass(() => this.#settled !== null, until);
    if (!isDone) this.#fail(`The scenario has not come to its end within ${this.#calmForMs} ms without faults.`);
    const restMs = REST_IN_LEASES * this.#leaseMs;
    await this.#pass(() => this.#timeline.now - this.#movedAt > restMs, until);
    const problems = await problemsOfStored(this.#server.stored);
    if (problems.length > 0) this.#fail(problems.join("\n"));
    if (check !== undefined) {
      try {
        const { stored } = this.#server;
        await check({ client: new Client(stored), reach: this.#world.reach, stored });
      } catch (error) {
        this.#fail(`The check has failed: ${String(error)}`, error);
      }
    }
    return {
      seed: this.#options.seed,
      steps: this.#timeline.steps,
      simulatedMs: this.#timeline.now,
      faults: this.#faults.fired,
      reached: Object.fromEntries([...this.#reached].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      digest: this.#log.digest,
      log: this.#options.keepsLog === true ? this.#log.all : [],
    };
  }

  /** @returns whether `isOver` has said so */
  async #pass(isOver: () => boolean, until: number): Promise<boolean> {
    const stops = (): boolean => this.#problem !== null || hasFailed(this.#settled) || isOver();
    const isRound = (): boolean => this.#timeline.steps > MOST_STEPS;
    const hasStopped = await this.#timeline.pass(() => isRound() || stops(), until);
    if (isRound()) this.#fail(`More than ${MOST_STEPS} things have happened: something goes round in circles.`);
    if (this.#problem !== null) this.#fail(this.#problem);
    if (hasFailed(this.#settled)) {
      const { error } = this.#settled;
      this.#fail(`The scenario has failed: ${String(error)}`, error);
    }
    return hasStopped;
  }

  #fail(problem: string, cause?: unknown): never {
    const log = this.#options.keepsLog === true ? this.#log.all : this.#log.last;
    throw new SimulationFailedError(this.#options.seed, problem, log, cause === undefined ? {} : { cause });
  }

  #worldOf(random: SeededRandom, reach: (name: string) => void): SimulatedWorld {
    const timeline = this.#timeline;
    const clientIn = (name: string, isShaky: boolean): Client => {
      const process = new SimulatedProcess(name, timeline, random.branch());
      return new Client(this.#server.connect(process, isShaky), { ports: process.ports });
    };
    return {
      client: clientIn("client", false),
      shakyClient: clientIn("shaky-client", true),
      random: random.branch(),
      now: () => timeline.now,
      sleep: async (delay) => await timeline.sleep(parseDuration(delay, "delay"), timeline.current),
      reach,
    };
  }
}

function hasFailed(settled: { readonly error: unknown } | "well" | null): settled is { readonly error: unknown } {
  return settled !== null && settled !== "well";
}

/** Extremes are drawn as often as what is usual: they are where things break. */
function drawWorkers(random: SeededRandom): {
  readonly count: number;
  readonly options: Pick<WorkerOptions, "leaseTtl" | "concurrency" | "pollInterval" | "gracePeriod">;
} {
  const pollInterval = random.pick([null, 10, 200, 5_000]);
  return {
    count: random.between(1, 4),
    options: {
      leaseTtl: random.pick([100, 300, 1_000, 5_000]),
      concurrency: random.pick([1, 2, 5, 100]),
      gracePeriod: random.pick([0, 50, 1_000]),
      ...(pollInterval === null ? {} : { pollInterval }),
    },
  };
}
