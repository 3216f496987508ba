import { checkFlow, checkFunction, checkOptions } from "../engine/call-options.ts";
import {
  DRIVER_KEYS,
  type DriverOptions,
  type ResolvedDriverOptions,
  resolveDriverOptions,
} from "../engine/driver-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { type KeepOptions, resolveKeep } from "../flow/keep.ts";
import { kindOf } from "../ids.ts";
import type { Archive } from "../retention/archived-instance.ts";
import { isSchedule, type Schedule } from "../schedule/schedule.ts";
import { parseTags, parseWhole } from "../store/arguments.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import type { ResolvedRetention } from "./pruner.ts";

/** What a worker does about what has ended. */
export interface RetentionOptions {
  readonly keep?: KeepOptions;
  /**
   * Is given each instance before it is removed. If it throws, the instance is kept, and given again later. From then on, workers without
   * one remove nothing of these flows.
   */
  readonly archive?: Archive;
  /** How long between two looks. At least 10 ms, default 1 min. */
  readonly interval?: Duration;
}

export interface WorkerOptions extends DriverOptions {
  /** What it can run. Instances of other definitions are left to other workers. */
  readonly flows: readonly Flow[];
  /**
   * What it declares when it starts, made by `schedule()`; their flows must be among `flows`. What somebody has changed by hand stays
   * (docs/schedules.md). It starts slots of all schedules of its flows, whoever has declared them.
   */
  readonly schedules?: readonly Schedule[];
  /**
   * How long instances are kept after their end where their flows don't say so, and what becomes of them before they are removed.
   * `false`: this worker removes none. Default: 30 days if completed or cancelled, 90 days if failed.
   */
  readonly retention?: RetentionOptions | false;
  /** Most tasks at once. 1 to 10,000, default 100. */
  readonly concurrency?: number;
  /**
   * A name for people. Default: a fresh one for each worker. Two workers may have the same: claims go by tokens.
   */
  readonly workerId?: string;
  /** Which tasks it may take: those all of whose tags it has. A worker without tags takes all. At most 32. */
  readonly tags?: readonly string[];
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
}

const MIN_INTERVAL_MS = 10;

/** Validated, defaulted, in plain units. */
export interface ResolvedWorkerOptions extends ResolvedDriverOptions {
  readonly flows: readonly Flow[];
  readonly schedules: readonly Schedule[];
  readonly retention: ResolvedRetention;
  readonly tags: readonly string[];
  readonly graceMs: number;
  readonly mostLost: number;
  readonly ownsProcess: boolean;
}

const KEYS = [...DRIVER_KEYS, "flows", "schedules", "retention", "tags", "gracePeriod", "maxLostLeases", "ownsProcess"];

/** @throws {InvalidArgumentError} naming the option */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  checkOptions(options, KEYS);
  const { ownsProcess = true, tags = [], gracePeriod = "10s", maxLostLeases = 3 } = options;
  if (typeof ownsProcess !== "boolean")
    throw new InvalidArgumentError("options.ownsProcess", `must be true or false, not ${kindOf(ownsProcess)}.`);
  const flows = parseFlows(options.flows);
  return {
    ...resolveDriverOptions(options, "worker"),
    flows,
    retention: parseRetention(options.retention ?? {}),
    schedules: parseSchedules(options.schedules ?? [], flows),
    tags: parseTags(tags, "options.tags"),
    graceMs: parseDuration(gracePeriod, "options.gracePeriod"),
    mostLost: parseWhole(maxLostLeases, "options.maxLostLeases", 2, 1_000),
    ownsProcess,
  };
}

/** `Array.isArray` would make the items `any`. */
function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

function parseFlows(flows: readonly Flow[]): readonly Flow[] {
  if (!isArray(flows) || flows.length === 0)
    throw new InvalidArgumentError("options.flows", "must be an array of at least one built flow.");
  const names = new Map<string, string>();
  for (const [index, flow] of flows.entries()) {
    const field = `options.flows[${index}]`;
    checkFlow(flow, field);
    const other = names.get(flow.hash);
    if (other !== undefined)
      throw new InvalidArgumentError(field, `is there twice: "${flow.name}" has the definition of "${other}".`);
    names.set(flow.hash, flow.name);
  }
  return flows.slice();
}

function parseSchedules(schedules: readonly Schedule[], flows: readonly Flow[]): readonly Schedule[] {
  if (!isArray(schedules))
    throw new InvalidArgumentError("options.schedules", `must be an array, not ${kindOf(schedules)}.`);
  const hashes = new Set(flows.map(({ hash }) => hash));
  const ids = new Set<string>();
  for (const [index, schedule] of schedules.entries()) {
    const field = `options.schedules[${index}]`;
    if (!isSchedule(schedule)) throw new InvalidArgumentError(field, "must be what schedule() has made.");
    if (!hashes.has(schedule.flow.hash))
      throw new InvalidArgumentError(field, `starts flow "${schedule.flow.name}", which is not among options.flows.`);
    if (ids.has(schedule.id)) throw new InvalidArgumentError(field, `is there twice: the id "${schedule.id}".`);
    ids.add(schedule.id);
  }
  return schedules.slice();
}

function parseRetention(given: RetentionOptions | false): ResolvedRetention {
  const options = given === false ? {} : given;
  checkOptions(options, ["keep", "archive", "interval"], "options.retention");
  const { archive = null, interval = "1m" } = options;
  if (archive !== null) checkFunction(archive, "options.retention.archive");
  const intervalMs = parseDuration(interval, "options.retention.interval");
  if (intervalMs < MIN_INTERVAL_MS)
    throw new InvalidArgumentError("options.retention.interval", `must be at least ${MIN_INTERVAL_MS} ms.`);
  const issues: string[] = [];
  const keep = resolveKeep(options.keep, "keep", issues);
  if (issues.length > 0) throw new InvalidArgumentError("options.retention.keep", `${issues.join("; ")}.`);
  return { keep, archive, intervalMs, isOn: given !== false };
}
