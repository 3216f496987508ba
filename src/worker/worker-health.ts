/** Whether a worker lives, and can work. */
export interface WorkerHealth {
  /** `false` once it has stopped: then its process should be started anew. A database that is away is no reason for that. */
  readonly isLive: boolean;
  /** Whether it takes work: it runs, and has written a heartbeat within the length of a lease. */
  readonly isReady: boolean;
  /** Why it is not ready; `null` if it is. */
  readonly problem: "draining" | "stopped" | "starting" | "database" | null;
  /** How long ago its last heartbeat was written, in milliseconds; `null` if none was yet. */
  readonly heartbeatAgeMs: number | null;
}

/** @param heartbeatAgeMs - of the last one that was written; `null` for none */
export function healthOf(
  state: "running" | "draining" | "stopped",
  heartbeatAgeMs: number | null,
  leaseMs: number,
): WorkerHealth {
  const problem =
    state !== "running" ? state : heartbeatAgeMs === null ? "starting" : heartbeatAgeMs > leaseMs ? "database" : null;
  return { isLive: state !== "stopped", isReady: problem === null, problem, heartbeatAgeMs };
}
