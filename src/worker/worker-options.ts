import { checkFunction, checkOptions } from "../engine/call-options.ts";
import { type Ports, systemPorts } from "../engine/ports.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { Flow } from "../flow/flow-definition.ts";
import { kindOf, parseWorkerId } from "../ids.ts";
import { type Logger, parseLogger } from "../logger.ts";
import type { Observer } from "../observability/observer.ts";
import { parseTags, parseWhole } from "../store/arguments.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

export interface WorkerOptions {
  /** What it can run. Instances of other definitions are left to other workers. */
  readonly flows: readonly Flow[];
  /** Most tasks at once. 1 to 10,000, default 100. */
  readonly concurrency?: number;
  /**
   * A name for people. Default: a fresh one for each worker. Two workers may have the same: claims go by tokens.
   */
  readonly workerId?: string;
  /** Which tasks it may take: those all of whose tags it has. A worker without tags takes all. At most 32. */
  readonly tags?: readonly string[];
  /**
   * How long a claim outlives its process: after a crash, others take over then. Renewed all the time
   * while the process lives. At least 100 ms; default 30 s.
   */
  readonly leaseTtl?: Duration;
  /**
   * Longest time between two looks for work while there is none. Hints make it look at once, and what comes due is
   * known in advance. At least 10 ms; default 2 s, or 1 s where hints of other processes don't arrive.
   */
  readonly pollInterval?: Duration;
  /** How long running tasks may go on when it is drained, before they are told to stop. Default 10 s. */
  readonly gracePeriod?: Duration;
  /**
   * How many leases may be lost in a row at one task before its instance fails with TASK_LOST. From the second on, the
   * task runs alone in its process. 2 to 1,000, default 3.
   */
  readonly maxLostLeases?: number;
  /**
   * `true` (default): the process is there for the worker. SIGTERM, SIGINT and SIGHUP drain it and exit with 0, a second
   * one exits at once; after an unhandled rejection or exception it gives its claims back and exits with 1. `false`: the
   * worker leaves the process alone, and you call `drain()`.
   */
  readonly ownsProcess?: boolean;
  readonly logger?: Logger;
  /** Is told what happens, for progress and metrics. */
  readonly observer?: Observer;
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
}

/** Validated, defaulted, in plain units. */
export interface ResolvedWorkerOptions {
  readonly flows: readonly Flow[];
  readonly concurrency: number;
  readonly workerId: string;
  readonly tags: readonly string[];
  readonly leaseMs: number;
  /** `null`: it depends on whether hints arrive. */
  readonly pollIntervalMs: number | null;
  readonly graceMs: number;
  readonly mostLost: number;
  readonly ownsProcess: boolean;
  readonly observer: Observer | undefined;
  readonly ports: Ports;
}

const LEAST_LEASE_MS = 100;
const LEAST_POLL_MS = 10;
const PORT_KEYS = ["clock", "timers", "random", "logger"];
const KEYS = [
  "flows",
  "concurrency",
  "workerId",
  "tags",
  "leaseTtl",
  "pollInterval",
  "gracePeriod",
  "maxLostLeases",
  "ownsProcess",
  "logger",
  "observer",
  "ports",
];

/** @throws {InvalidArgumentError} naming the option */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  checkOptions(options, KEYS);
  if (options.observer !== undefined) checkFunction(options.observer, "options.observer");
  if (options.ports !== undefined) checkOptions(options.ports, PORT_KEYS, "options.ports");
  const { ownsProcess = true } = options;
  if (typeof ownsProcess !== "boolean")
    throw new InvalidArgumentError("options.ownsProcess", `must be true or false, not ${kindOf(ownsProcess)}.`);
  const ports: Ports = { ...systemPorts, ...options.ports };
  const logger = options.logger ?? options.ports?.logger;
  return {
    flows: parseFlows(options.flows),
    concurrency: parseWhole(options.concurrency ?? 100, "options.concurrency", 1, 10_000),
    workerId: parseWorkerId(options.workerId ?? `worker-${ports.random.uuid()}`, "options.workerId"),
    tags: parseTags(options.tags ?? [], "options.tags"),
    leaseMs: parseAtLeast(options.leaseTtl ?? "30s", "leaseTtl", LEAST_LEASE_MS),
    pollIntervalMs:
      options.pollInterval === undefined ? null : parseAtLeast(options.pollInterval, "pollInterval", LEAST_POLL_MS),
    graceMs: parseDuration(options.gracePeriod ?? "10s", "options.gracePeriod"),
    mostLost: parseWhole(options.maxLostLeases ?? 3, "options.maxLostLeases", 2, 1_000),
    ownsProcess,
    observer: options.observer,
    ports: logger === undefined ? ports : { ...ports, logger: parseLogger(logger, "options.logger") },
  };
}

/** `Array.isArray` would make the items `any`. */
function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

function parseAtLeast(duration: Duration, option: string, leastMs: number): number {
  const ms = parseDuration(duration, `options.${option}`);
  if (ms < leastMs) throw new InvalidArgumentError(`options.${option}`, `is ${ms} ms; the minimum is ${leastMs} ms.`);
  return ms;
}

function parseFlows(flows: readonly Flow[]): readonly Flow[] {
  if (!isArray(flows) || flows.length === 0)
    throw new InvalidArgumentError("options.flows", "must be an array of at least one built flow.");
  const names = new Map<string, string>();
  for (const [index, flow] of flows.entries()) {
    const field = `options.flows[${index}]`;
    if (!(flow instanceof Flow))
      throw new InvalidArgumentError(field, `must be a built flow, not ${kindOf(flow)}. Did you call .build()?`);
    const other = names.get(flow.hash);
    if (other !== undefined)
      throw new InvalidArgumentError(field, `is there twice: "${flow.name}" has the definition of "${other}".`);
    names.set(flow.hash, flow.name);
  }
  return flows.slice();
}
