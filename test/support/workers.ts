import { afterEach } from "vitest";
import type { Logger } from "../../src/logger.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { ClaimedPosition, ClaimRequest } from "../../src/store/position-store.ts";
import { systemTimers, type Timers } from "../../src/time/timers.ts";
import { Worker, type WorkerHandle } from "../../src/worker/worker.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";
import { withChanges } from "./both-backends.ts";
import { Gate } from "./gate.ts";

/** For expect.poll: long enough on a busy machine; a test that has to wait so long fails. */
export const soon = { timeout: 15_000, interval: 10 } as const;

/** Starts a worker that leaves the process alone. */
export type StartWorker = (backend: Backend, options: WorkerOptions) => WorkerHandle;

/** To be called once in a file: what it starts is stopped after each test. */
export function workerStarter(): StartWorker {
  const started: WorkerHandle[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map(async (worker) => await worker.stop()));
  });
  return (backend, options) => {
    const worker = new Worker(backend, { ownsProcess: false, ...options }).start();
    started.push(worker);
    return worker;
  };
}

/** A logger that remembers what it was told. */
export class LoggedLines implements Logger {
  readonly lines: { readonly level: string; readonly fields: object; readonly message: string }[] = [];
  readonly debug: Logger["debug"] = this.#at("debug");
  readonly info: Logger["info"] = this.#at("info");
  readonly warn: Logger["warn"] = this.#at("warn");
  readonly error: Logger["error"] = this.#at("error");

  /** Whether a line has this in its message. */
  has(text: string): boolean {
    return this.lines.some(({ message }) => message.includes(text));
  }

  #at(level: string): Logger["debug"] {
    return (fields, message) => void this.lines.push({ level, fields, message });
  }
}

/** Counts who is inside at the same time. */
export class HeadCount {
  now: number = 0;
  most: number = 0;

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.now++;
    this.most = Math.max(this.most, this.now);
    try {
      return await work();
    } finally {
      this.now--;
    }
  }
}

/** Real timers, but for that each takes a fraction of its time. For what waits for many seconds. */
export function hurried(times: number): Timers {
  return { ...systemTimers, after: (delayMs, callback) => systemTimers.after(delayMs / times, callback) };
}

/** A backend whose claims are granted, but whose answers to claims that granted something are kept back. */
export function withLateClaims(backend: Backend): { backend: Backend; granted: Promise<void>; answer: Gate } {
  const [answer, granted] = [new Gate(), new Gate()];
  const claimPositions = async (request: ClaimRequest): Promise<readonly ClaimedPosition[]> => {
    const claimed = await backend.claimPositions(request);
    if (claimed.length === 0) return claimed;
    granted.open();
    await answer.passed;
    return claimed;
  };
  return { backend: withChanges(backend, { claimPositions }), granted: granted.passed, answer };
}

/** Resolves when the signal aborts, with its reason. */
export function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });
}

/** Who holds positions of the instance, by path. */
export async function holdersOf(backend: Backend, instanceId: string): Promise<readonly (string | null)[]> {
  const state = await backend.findInstance(instanceId);
  return (state?.positions ?? []).map(({ claim }) => claim?.workerId ?? null);
}

/** A while in which a backend could have answered several times. */
export async function severalRoundTrips(backend: Backend): Promise<void> {
  for (let trip = 0; trip < 20; trip++) await backend.findInstance("nobody");
}

/** Where a process dies: before a call of its store reaches the database, or after it, when no answer comes any more. */
export type Death = "before" | "after" | null;

/** A backend as a process sees it that dies at a call: neither that one nor any later one is ever answered. */
export function dyingAt(
  backend: Backend,
  dies: (call: keyof Backend, args: readonly unknown[]) => Death,
): { backend: Backend; died: Promise<void> } {
  const death = new Gate();
  const never = new Promise<never>(() => undefined);
  let isDead = false;
  const die = (): Promise<never> => {
    isDead = true;
    death.open();
    return never;
  };
  const mortal = new Proxy(backend, {
    get: (target, key: keyof Backend) => {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function" || key === "subscribe" || key === "findCodec")
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        const how = isDead ? "before" : dies(key, args);
        if (how === "before") return await die();
        const answer: unknown = await value.apply(target, args);
        return how === "after" || isDead ? await die() : answer;
      };
    },
  });
  return { backend: mortal, died: death.passed };
}

/** Of one of our errors. */
export function codeOf(error: unknown): string {
  return (error as { code: string }).code;
}
