import { BackendError } from "../../src/errors/backend-errors.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { Timers } from "../../src/time/timers.ts";

/** What happens at a call of the store. */
export type CrashMode =
  /** It fails, and has had no effect. */
  | "refused"
  /** It has had its effect, but the caller is told that it failed. */
  | "answerLost"
  /** Its answer is lost and it is sent once more, as a driver does that tries again: the second answer counts. */
  | "repeated"
  /** The caller's process dies before the call arrives, or after it has had its effect. */
  | "killedBefore"
  | "killedAfter"
  /** It arrives when the caller's leases have run out. */
  | "stalled";

export const CRASH_MODES: readonly CrashMode[] = [
  "refused",
  "answerLost",
  "repeated",
  "killedBefore",
  "killedAfter",
  "stalled",
];

/** A call of the store by number, counted from 1 over all lives, and what happens there. */
export type CrashPlan = ReadonlyMap<number, CrashMode>;

const never = new Promise<never>(() => undefined);

/** Counts the calls of one run, over all the processes that have a go at it. */
export class CrashingStore {
  readonly #inner: Backend;
  readonly #plan: CrashPlan;
  readonly #beforeCall: (call: number) => Promise<void>;
  readonly #stall: () => Promise<void>;
  #calls = 0;
  /** What has happened so far. */
  readonly crashes: string[] = [];

  /** @param happenings - `beforeCall`: what others do meanwhile; `stall`: takes longer than a lease */
  constructor(
    inner: Backend,
    plan: CrashPlan,
    happenings: { readonly beforeCall: (call: number) => Promise<void>; readonly stall: () => Promise<void> },
  ) {
    this.#inner = inner;
    this.#plan = plan;
    this.#beforeCall = happenings.beforeCall;
    this.#stall = happenings.stall;
  }

  get calls(): number {
    return this.#calls;
  }

  /** The store as a new process sees it. */
  life(): Life {
    const life = new Life();
    const backend = new Proxy(this.#inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        const method = value.bind(target) as (...args: unknown[]) => unknown;
        if (typeof key !== "string" || key === "findCodec") return method;
        return async (...args: unknown[]) => await this.#call(life, key, async () => await method(...args));
      },
    });
    life.backend = backend;
    return life;
  }

  async #call(life: Life, name: string, call: () => Promise<unknown>): Promise<unknown> {
    if (life.isDead) return await never;
    const number = ++this.#calls;
    await this.#beforeCall(number);
    const mode = this.#plan.get(number);
    if (mode !== undefined) this.crashes.push(`${number} ${name} ${mode}`);
    if (mode === "refused") throw unavailable(name);
    if (mode === "stalled") await this.#stall();
    if (mode === "killedBefore") life.kill();
    if (life.isDead) return await never;
    let answer = await call();
    // Sending twice what makes an instance would say that there is one: the real driver doesn't.
    if (mode === "repeated" && name !== "createInstances") answer = await call();
    if (mode === "killedAfter") life.kill();
    if (life.isDead) return await never;
    if (mode === "answerLost") throw unavailable(name);
    return answer;
  }
}

/** One process: once it is dead, nothing that it has begun ever comes to an end. */
export class Life {
  backend!: Backend;
  isDead = false;
  readonly died: Promise<void>;
  #die: () => void = () => undefined;

  constructor() {
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  kill(): void {
    this.isDead = true;
    this.#die();
  }
}

function unavailable(queryName: string): BackendError {
  return new BackendError("BACKEND_UNAVAILABLE", { queryName, problem: "The test has made this call fail" });
}

/** What a call that the plan has made fail comes to. */
export function nullIfUnavailable(error: unknown): null {
  if ((error as { code?: unknown }).code !== "BACKEND_UNAVAILABLE") throw error;
  return null;
}

/** Timers that die with their process. */
export function mortal(timers: Timers, life: Life): Timers {
  const unlessDead = (callback: () => void) => (): void => {
    if (!life.isDead) callback();
  };
  return {
    after: (delayMs, callback) => timers.after(delayMs, unlessDead(callback)),
    soon: (callback) => timers.soon(unlessDead(callback)),
  };
}
