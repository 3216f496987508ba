import { checkAbortSignal, checkFunction, checkOptions } from "../engine/call-options.ts";
import { type Ports, systemPorts } from "../engine/ports.ts";
import { type ConflictPolicy, checkConflictPolicy, type StartOptions } from "../engine/start-instance.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { parseWorkerId } from "../ids.ts";
import { type Logger, parseLogger } from "../logger.ts";
import type { Observer } from "../observability/observer.ts";
import { parseWhole } from "../store/arguments.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

export interface RunnerOptions {
  /** Under which claims are held. Default: a fresh name for each runner. */
  readonly workerId?: string;
  /**
   * How long a claim outlives its process: after a crash, others take over then. Renewed all the time
   * while the process lives. At least 100 ms; default 30 s.
   */
  readonly leaseTtl?: Duration;
  /** Most branches of one instance that run at once. 1 to 10,000, default 100. */
  readonly concurrency?: number;
  /** How often to look for what others may have done, at most. At least 10 ms; default 1 s. */
  readonly pollInterval?: Duration;
  readonly logger?: Logger;
  /** Is told what happens, for progress and metrics. */
  readonly observer?: Observer;
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
}

export interface RunOptions extends StartOptions, DriveOptions {
  /** Default `"fail"`. */
  readonly onConflict?: ConflictPolicy;
}

export interface DriveOptions {
  /**
   * `"parked"` (default): returns when the instance has ended, is paused, or only time or an event can
   * move it on. `"ended"`: stays with it until it has ended or is paused.
   */
  readonly until?: "parked" | "ended";
  /** Stops driving when it aborts: bodies are told, claims given back, the status of then is returned. */
  readonly signal?: AbortSignal;
}

/** Validated, defaulted, in plain units. */
export interface ResolvedRunnerOptions {
  readonly workerId: string;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly pollIntervalMs: number;
  readonly observer: Observer | undefined;
  readonly ports: Ports;
}

const LEAST_LEASE_MS = 100;
const RUNNER_KEYS = ["workerId", "leaseTtl", "concurrency", "pollInterval", "logger", "observer", "ports"];
const PORT_KEYS = ["clock", "timers", "random", "logger"];
const DRIVE_KEYS = ["until", "signal"];
const RUN_KEYS = [...DRIVE_KEYS, "onConflict", "priority", "tags", "labels"];

/** @throws {InvalidArgumentError} naming the option */
export function resolveRunnerOptions(options: RunnerOptions): ResolvedRunnerOptions {
  checkOptions(options, RUNNER_KEYS);
  if (options.observer !== undefined) checkFunction(options.observer, "options.observer");
  if (options.ports !== undefined) checkOptions(options.ports, PORT_KEYS, "options.ports");
  const ports: Ports = { ...systemPorts, ...options.ports, ...loggerOf(options) };
  const leaseMs = parseDuration(options.leaseTtl ?? "30s", "options.leaseTtl");
  if (leaseMs < LEAST_LEASE_MS) {
    throw new InvalidArgumentError(
      "options.leaseTtl",
      `is ${leaseMs} ms; the minimum is ${LEAST_LEASE_MS} ms. Shorter leases lapse during an ordinary garbage collection.`,
    );
  }
  const pollIntervalMs = parseDuration(options.pollInterval ?? "1s", "options.pollInterval");
  if (pollIntervalMs < 10)
    throw new InvalidArgumentError("options.pollInterval", `is ${pollIntervalMs} ms; the minimum is 10 ms.`);
  return {
    workerId: parseWorkerId(options.workerId ?? `runner-${ports.random.uuid()}`, "options.workerId"),
    leaseMs,
    concurrency: parseWhole(options.concurrency ?? 100, "options.concurrency", 1, 10_000),
    pollIntervalMs,
    observer: options.observer,
    ports,
  };
}

/** @throws {InvalidArgumentError} naming the option */
export function checkRunOptions(options: RunOptions): void {
  checkOptions(options, RUN_KEYS);
  checkConflictPolicy(options.onConflict);
  checkHowToDrive(options);
}

/** @throws {InvalidArgumentError} naming the option */
export function checkDriveOptions(options: DriveOptions): void {
  checkOptions(options, DRIVE_KEYS);
  checkHowToDrive(options);
}

function checkHowToDrive({ until, signal }: DriveOptions): void {
  if (until !== undefined && until !== "parked" && until !== "ended") {
    throw new InvalidArgumentError("options.until", 'must be "parked" or "ended".');
  }
  checkAbortSignal(signal, "options.signal");
}

function loggerOf({ logger, ports }: RunnerOptions): { readonly logger?: Logger } {
  const given = logger ?? ports?.logger;
  return given === undefined ? {} : { logger: parseLogger(given, "options.logger") };
}
