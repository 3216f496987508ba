import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { parseWorkerId, type WorkerId } from "../ids.ts";
import { type Logger, parseLogger } from "../logger.ts";
import type { Observer } from "../observability/observer.ts";
import { checkTelemetry, type Telemetry } from "../observability/telemetry.ts";
import { parseWhole } from "../store/arguments.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import { checkFunction, checkOptions } from "./call-options.ts";
import { type Ports, systemPorts } from "./ports.ts";

/** Options of whoever drives positions: runners and workers. */
export interface DriverOptions {
  /**
   * How long a claim outlives its process: after a crash, others take over then. Renewed all the time
   * while the process lives. At least 100 ms; default 30 s.
   */
  readonly leaseTtl?: Duration;
  readonly logger?: Logger;
  /** Is told what happens, for progress and metrics. */
  readonly observer?: Observer;
  /** Traces what it does: `openTelemetry` from `waymark/telemetry`. */
  readonly telemetry?: Telemetry;
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
}

/** Validated, defaulted, in plain units. */
export interface ResolvedDriverOptions {
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  readonly concurrency: number;
  /** `null`: none is given. */
  readonly pollIntervalMs: number | null;
  readonly observer: Observer | undefined;
  readonly telemetry: Telemetry | undefined;
  readonly ports: Ports;
}

export const DRIVER_KEYS = [
  "workerId",
  "concurrency",
  "pollInterval",
  "leaseTtl",
  "logger",
  "observer",
  "telemetry",
  "ports",
] as const;

const PORT_KEYS = ["clock", "timers", "random", "logger"];
const LEAST_LEASE_MS = 100;
const LEAST_POLL_MS = 10;
const MOST_AT_ONCE = 10_000;
const DEFAULT_CONCURRENCY = 100;

/**
 * @param kind - begins the name of whoever has none
 * @throws {InvalidArgumentError} naming the option
 */
export function resolveDriverOptions(
  options: DriverOptions & {
    readonly workerId?: string;
    readonly concurrency?: number;
    readonly pollInterval?: Duration;
  },
  kind: "runner" | "worker",
): ResolvedDriverOptions {
  if (options.observer !== undefined) checkFunction(options.observer, "options.observer");
  if (options.telemetry !== undefined) checkTelemetry(options.telemetry);
  if (options.ports !== undefined) checkOptions(options.ports, PORT_KEYS, "options.ports");
  const logger = options.logger ?? options.ports?.logger;
  const ports: Ports = {
    ...systemPorts,
    ...options.ports,
    ...(logger === undefined ? {} : { logger: parseLogger(logger, "options.logger") }),
  };
  const { leaseTtl = "30s", pollInterval, concurrency = DEFAULT_CONCURRENCY } = options;
  return {
    workerId: parseWorkerId(options.workerId ?? `${kind}-${ports.random.uuid()}`, "options.workerId"),
    leaseMs: parseAtLeast(
      leaseTtl,
      "options.leaseTtl",
      LEAST_LEASE_MS,
      " Shorter leases lapse during an ordinary garbage collection.",
    ),
    concurrency: parseWhole(concurrency, "options.concurrency", 1, MOST_AT_ONCE),
    pollIntervalMs:
      pollInterval === undefined ? null : parseAtLeast(pollInterval, "options.pollInterval", LEAST_POLL_MS),
    observer: options.observer,
    telemetry: options.telemetry,
    ports,
  };
}

function parseAtLeast(duration: Duration, field: string, leastMs: number, why: string = ""): number {
  const ms = parseDuration(duration, field);
  if (ms < leastMs) throw new InvalidArgumentError(field, `is ${ms} ms; the minimum is ${leastMs} ms.${why}`);
  return ms;
}
