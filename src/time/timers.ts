/** Handle of a pending timer. */
export interface Timer {
  cancel(): void;
  /** Doesn't keep the process alive for it. Where there is no process to speak of, it does nothing. */
  unref?(): void;
}

/** Calls back later. Behind a port, so that a simulation can decide when "later" is. */
export interface Timers {
  /** Calls `callback` once, after `delayMs`. A delay beyond 24.8 days waits in several hops. */
  after(delayMs: number, callback: () => void): Timer;
  /** Calls `callback` once, when what is already due has run. */
  soon(callback: () => void): Timer;
}

// setTimeout keeps its delay in 32 bits and fires at once beyond that.
const LONGEST_HOP_MS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after(delayMs, callback) {
    let handle: NodeJS.Timeout;
    let isUnreferenced = false;
    const hop = (remainingMs: number): void => {
      const nowMs = Math.min(Math.max(remainingMs, 0), LONGEST_HOP_MS);
      handle = setTimeout(() => (remainingMs > nowMs ? hop(remainingMs - nowMs) : callback()), nowMs);
      if (isUnreferenced) handle.unref();
    };
    hop(delayMs);
    return {
      cancel: () => clearTimeout(handle),
      unref: () => {
        isUnreferenced = true;
        handle.unref();
      },
    };
  },
  soon(callback) {
    const handle = setImmediate(callback);
    return { cancel: () => clearImmediate(handle) };
  },
};

/**
 * Resolves after `delayMs`, or as soon as `signal` aborts (it does not reject: the caller looks at
 * the signal, as it has to anyway).
 */
export function pause(
  timers: Timers,
  delayMs: number,
  signal?: AbortSignal,
  options: { /** Whether it keeps the process alive; default `true`. */ readonly keepsAlive?: boolean } = {},
): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const timer = timers.after(delayMs, done);
    if (options.keepsAlive === false) timer.unref?.();
    function done(): void {
      signal?.removeEventListener("abort", done);
      timer.cancel();
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
}
