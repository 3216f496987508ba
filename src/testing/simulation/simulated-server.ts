import { BackendError } from "../../errors/backend-errors.ts";
import { InMemoryBackend } from "../../memory/memory-backend.ts";
import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import type { Backend } from "../../store/backend.ts";
import type { Admission } from "../../store/limit-store.ts";
import type { CheckpointFate, ClaimedPosition, ClaimRequest } from "../../store/position-store.ts";
import type { WakeupListener, WakeupSubscription } from "../../store/wakeup.ts";
import type { ClaimWatch } from "./claim-watch.ts";
import { CALL_FAULTS, type FaultPlan } from "./faults.ts";
import type { RunLog } from "./run-log.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { Flight, SimulatedProcess } from "./simulated-process.ts";
import type { Timeline } from "./timeline.ts";

type CallFault = (typeof CALL_FAULTS)[number];
type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** Longest that a call takes each way when nothing is wrong. */
const MOST_LATENCY_MS = 4;
const SLOW_IN_LEASES = 2;
const LATE_IN_LEASES = 1;
/** Calls that can't be sent twice: whoever makes an instance would be told that it is there already. A driver does not repeat them. */
const NEVER_REPEATED: ReadonlySet<string> = new Set([
  "createInstances",
  "startChildren",
  "applyUpdate",
  "fireSchedule",
]);
const ON_CHECKPOINTS: readonly CallFault[] = CALL_FAULTS.filter((kind) => kind !== "skipped");
const ON_CLAIMS: readonly CallFault[] = CALL_FAULTS.filter((kind) => kind !== "busy");
const ON_OTHERS: readonly CallFault[] = CALL_FAULTS.filter((kind) => kind !== "busy" && kind !== "skipped");

/** What a server and its network are made of. */
export interface ServerParts {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly faults: FaultPlan;
  readonly log: RunLog;
  readonly watch: ClaimWatch;
  readonly leaseMs: number;
  /** Whether hints from other processes arrive at all. */
  readonly hasHints: boolean;
}

/**
 * A database that several processes talk to. Each call takes its time, is done as a whole or not at all, and may go wrong in all the ways
 * in which one over a network does. What is done is done by the in-memory backend, which the conformance suites hold to what PostgreSQL does.
 */
export class SimulatedServer {
  /** What is stored, without any of the trouble. */
  readonly stored: InMemoryBackend;
  /** How far the database's clock is from the true time, in milliseconds. */
  clockOffset = 0;
  /** Until when it is away. */
  downUntil = 0;
  readonly #parts: ServerParts;
  /** Whose call is being done. */
  #caller: SimulatedProcess | null = null;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { timeline } = parts;
    this.stored = new InMemoryBackend({
      clock: { now: () => timeline.date + this.clockOffset, monotonicMs: () => timeline.now },
    });
  }

  /** The database as a process sees it. `isShaky`: whether its calls go wrong. */
  connect(process: SimulatedProcess, isShaky: boolean): Backend {
    const { stored } = this;
    const seen = this.#through(stored, process, isShaky, "");
    const parts = new Map<string, unknown>([
      ["overview", this.#through(stored.overview, process, isShaky, "overview.")],
      ["audit", this.#through(stored.audit, process, isShaky, "audit.")],
      ["findCodec", (codecId: string) => stored.findCodec(codecId)],
      ["subscribe", (listener: WakeupListener) => this.#subscribe(process, listener, isShaky)],
      ["close", async () => undefined],
    ]);
    return new Proxy(seen, {
      get: (target, key): unknown => (parts.has(key as string) ? parts.get(key as string) : Reflect.get(target, key)),
    });
  }

  /** A process loses its connections. Of what has not arrived yet, some still does. */
  cut(process: SimulatedProcess): void {
    for (const flight of [...process.flights]) {
      flight.isLost = this.#parts.random.chance(0.5);
      flight.cut();
    }
  }

  #through<Store extends object>(store: Store, process: SimulatedProcess, isShaky: boolean, prefix: string): Store {
    const methods = new Map<string, Method>();
    return new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function" || typeof key !== "string") return value;
        const known = methods.get(key);
        if (known !== undefined) return known;
        const method = value.bind(target) as Method;
        const call: Method = async (...args) =>
          await this.#call({ process, isShaky, name: prefix + key, args, method });
        methods.set(key, call);
        return call;
      },
    });
  }

  #call(call: Call): Promise<unknown> {
    const { timeline, random, faults, leaseMs } = this.#parts;
    const { process, name, isShaky } = call;
    return new Promise((resolve, reject) => {
      if (process.isDead) return;
      const fault = isShaky ? faults.atCall(faultsOn(name)) : null;
      let isAnswered = false;
      const answer = (settle: () => void): void => {
        if (isAnswered) return;
        isAnswered = true;
        process.flights.delete(flight);
        settle();
      };
      const flight: Flight = {
        isLost: fault === "refused",
        cut: () => timeline.after(0, process, () => answer(() => reject(unavailable(name)))),
      };
      process.flights.add(flight);
      const there = random.between(0, fault === "slow" ? SLOW_IN_LEASES * leaseMs : MOST_LATENCY_MS);
      timeline.after(there, null, () => {
        const back = random.between(0, MOST_LATENCY_MS);
        const isAway = isShaky && timeline.now < this.downUntil;
        if (flight.isLost || isAway) {
          this.#note(call, isAway ? "away" : "refused", "");
          timeline.after(back, process, () => answer(() => reject(unavailable(name))));
          return;
        }
        this.#perform(call, fault).then(
          (value) => {
            const isLost = fault === "answerLost";
            timeline.after(back, process, () => answer(() => (isLost ? reject(unavailable(name)) : resolve(value))));
          },
          (error: unknown) => timeline.after(back, process, () => answer(() => reject(asError(error)))),
        );
      });
    });
  }

  async #perform(call: Call, fault: CallFault | null): Promise<unknown> {
    this.#caller = call.process;
    try {
      const value = await this.#performed(call, fault);
      const again = fault === "repeated" && !NEVER_REPEATED.has(call.name);
      const result = again ? await this.#performed(call, null) : value;
      this.#note(call, fault ?? "", result);
      return result;
    } catch (error) {
      this.#note(call, fault ?? "", error);
      throw error;
    } finally {
      this.#caller = null;
    }
  }

  async #performed({ name, args, method }: Call, fault: CallFault | null): Promise<unknown> {
    const { watch, random } = this.#parts;
    switch (name) {
      case "commitCheckpoints": {
        const [checkpoints, holder] = args as [readonly Checkpoint[], unknown];
        const isBusy = checkpoints.map(() => fault === "busy" && random.chance(0.5));
        const free = checkpoints.filter((_, index) => isBusy[index] !== true);
        const fates = (free.length === 0 ? [] : await method(free, holder)) as readonly CheckpointFate[];
        let next = 0;
        const all = isBusy.map((busy) => (busy ? ({ kind: "busy" } as const) : fates[next++]));
        watch.committed(checkpoints, all);
        return all;
      }
      case "claimPositions": {
        const positions = (await method(...narrowed(args, fault, random))) as readonly ClaimedPosition[];
        watch.claimed(positions);
        return positions;
      }
      case "claimLimited": {
        const admission = (await method(...narrowed(args, fault, random))) as Admission;
        watch.claimed(admission.claimed);
        return admission;
      }
      default:
        return await method(...args);
    }
  }

  #subscribe(process: SimulatedProcess, listener: WakeupListener, isShaky: boolean): WakeupSubscription {
    const { hasHints } = this.#parts;
    const deliver = (hint: () => void): void => this.#hint(process, isShaky, hint);
    const isOwn = (): boolean => this.#caller === process;
    const subscription = this.stored.subscribe({
      ready: (lanes) => {
        deliver(() => listener.ready?.(lanes));
        return 0;
      },
      // Timers are told of in the process that has set them, and outputs in the one that has written them.
      due: (afterMs) => {
        if (isOwn()) deliver(() => listener.due?.(afterMs));
      },
      ended: (ends) => {
        const told = isOwn() ? ends : (ends?.map(({ instanceId }) => ({ instanceId, output: null })) ?? null);
        deliver(() => listener.ended?.(told));
      },
      interrupted: () => deliver(() => listener.interrupted?.()),
    });
    return { isLive: hasHints, close: () => subscription.close() };
  }

  #hint(process: SimulatedProcess, isShaky: boolean, hint: () => void): void {
    const { timeline, random, faults, hasHints, leaseMs } = this.#parts;
    if (process.isDead) return;
    const isOwn = this.#caller === process;
    if (!isOwn && (!hasHints || timeline.now < process.deafUntil)) return;
    const fault = isOwn || !isShaky ? null : faults.atHint();
    if (fault === "hintLost") return;
    const latency = random.between(0, fault === "hintLate" ? LATE_IN_LEASES * leaseMs : MOST_LATENCY_MS);
    timeline.after(latency, process, hint);
    if (fault === "hintTwice") timeline.after(latency + random.between(0, leaseMs), process, hint);
  }

  #note({ process, name, args }: Call, what: string, result: unknown): void {
    this.#parts.log.add(
      `${this.#parts.timeline.now} ${process.name} ${name} ${what} ${brief(args)} → ${brief(result)}`,
    );
  }
}

interface Call {
  readonly process: SimulatedProcess;
  readonly isShaky: boolean;
  readonly name: string;
  readonly args: readonly unknown[];
  readonly method: Method;
}

function faultsOn(name: string): readonly CallFault[] {
  if (name === "commitCheckpoints") return ON_CHECKPOINTS;
  return name === "claimPositions" || name === "claimLimited" ? ON_CLAIMS : ON_OTHERS;
}

/** A claim that passes over what others have locked gets less than is there. */
function narrowed(args: readonly unknown[], fault: CallFault | null, random: SeededRandom): readonly unknown[] {
  if (fault !== "skipped") return args;
  const request = args[0] as ClaimRequest;
  return [{ ...request, limit: random.between(1, request.limit) }];
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function unavailable(queryName: string): BackendError {
  return new BackendError("BACKEND_UNAVAILABLE", { queryName, problem: "The simulation has made this call fail" });
}

const LONGEST_BRIEF = 300;

/** What a value looks like in a line: enough to tell two runs apart. */
function brief(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message.slice(0, LONGEST_BRIEF)}`;
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}n`;
    return inner instanceof Uint8Array ? `${inner.byteLength} bytes` : inner;
  });
  return (text ?? "").slice(0, LONGEST_BRIEF);
}
