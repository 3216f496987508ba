import { checkAbortSignal, checkOptions } from "../engine/call-options.ts";
import {
  DRIVER_KEYS,
  type DriverOptions,
  type ResolvedDriverOptions,
  resolveDriverOptions,
} from "../engine/driver-options.ts";
import { type ConflictPolicy, checkConflictPolicy, type StartOptions } from "../engine/start-instance.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Duration } from "../time/duration.ts";

export interface RunnerOptions extends DriverOptions {
  /** Under which claims are held. Default: a fresh name for each runner. */
  readonly workerId?: string;
  /** Most branches of one instance that run at once. 1 to 10,000, default 100. */
  readonly concurrency?: number;
  /** How often to look for what others may have done, at most. At least 10 ms; default 1 s. */
  readonly pollInterval?: Duration;
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

export type ResolvedRunnerOptions = ResolvedDriverOptions & { readonly pollIntervalMs: number };

const DEFAULT_POLL_MS = 1_000;
const DRIVE_KEYS = ["until", "signal"];
const RUN_KEYS = [...DRIVE_KEYS, "onConflict", "priority", "tags", "labels", "deadline"];

/** @throws {InvalidArgumentError} naming the option */
export function resolveRunnerOptions(options: RunnerOptions): ResolvedRunnerOptions {
  checkOptions(options, DRIVER_KEYS);
  const resolved = resolveDriverOptions(options, "runner");
  return { ...resolved, pollIntervalMs: resolved.pollIntervalMs ?? DEFAULT_POLL_MS };
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
