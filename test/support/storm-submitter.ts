import { between, chance } from "../../examples/order-fulfilment/seeded.ts";
import type { Client } from "../../src/client/client.ts";
import { WaymarkError } from "../../src/errors/waymark-error.ts";
import { sleep } from "./storm-faults.ts";
import { EVENT, EVENTS, payloadOf, STORM_KINDS, type StormFlow, type StormKind, stormFlows } from "./storm-flows.ts";

/** What has been promised of one instance. */
export interface Acknowledged {
  readonly id: string;
  readonly kind: StormKind;
  readonly input: number;
  /** How many events the instance is sent. */
  readonly events: number;
  /** The answer to the cancel; "ended": it came too late. `null` if none was sent. */
  readonly cancel: "applied" | "requested" | "unchanged" | "ended" | null;
  /** When that answer came, in milliseconds since the epoch; 0 if none was sent. */
  readonly cancelledAt: number;
}

interface Wish {
  readonly id: string;
  readonly kind: StormKind;
  readonly input: number;
  readonly events: number;
  readonly cancelAfterMs: number | null;
}

const SHARE_OF_CANCELS = 0.12;
const PATIENCE_MS = 60_000;
const RETRY_AFTER_MS = 50;
const BEFORE_FAULT_MS = 120;

const nobodyRunsThem = stormFlows(() => Promise.reject(new Error("The submitter runs nothing.")));

/** Submits instances all through the storm, and insists on answers as a careful caller would. */
export class StormSubmitter {
  readonly #client: Client;
  readonly #seed: string;
  readonly acknowledged: Acknowledged[] = [];
  /** What went wrong other than for passing reasons. */
  readonly complaints: string[] = [];
  /** Calls that had to be made again. */
  retries = 0;

  constructor(client: Client, seed: string) {
    this.#client = client;
    this.#seed = seed;
  }

  /** Resolves when all that was asked for has been acknowledged. */
  async run(count: number, seconds: number): Promise<void> {
    const startedAt = Date.now();
    const lives: Promise<void>[] = [];
    for (let n = 0; n < count; n++) {
      const evenly = (n * seconds * 1_000) / count;
      // Every other one comes right before a fault, which strikes on the second: it has something to hit.
      const inTheWay = Math.ceil((evenly + 1) / 1_000) * 1_000 - BEFORE_FAULT_MS;
      await sleep(startedAt + (n % 2 === 0 ? evenly : Math.max(evenly, inTheWay)) - Date.now());
      lives.push(this.#guarded(this.#wish(n)));
    }
    await Promise.all(lives);
  }

  #wish(n: number): Wish {
    const seed = this.#seed;
    const kind = STORM_KINDS[n % STORM_KINDS.length] ?? "linear";
    const isCancelled = chance(seed, "cancel", n) < SHARE_OF_CANCELS;
    // One that is to be cancelled never gets its last event, so that the cancel must win.
    const events = kind === "event" ? EVENTS - (isCancelled ? 1 : 0) : 0;
    const cancelAfterMs = isCancelled ? between(0, 400, seed, "cancel after", n) : null;
    return { id: `${kind}-${n}`, kind, input: between(0, 1_000_000, seed, "input", n), events, cancelAfterMs };
  }

  async #guarded(wish: Wish): Promise<void> {
    try {
      this.acknowledged.push(await this.#live(wish));
    } catch (error) {
      this.complaints.push(`${wish.id}: ${String(error)}`);
    }
  }

  async #live({ id, kind, input, events, cancelAfterMs }: Wish): Promise<Acknowledged> {
    const flow: StormFlow = nobodyRunsThem[kind];
    const submit = (): Promise<unknown> => this.#client.submit(flow, id, input, { onConflict: "useExisting" });
    // Some events come before their instance does.
    const early = between(0, events, this.#seed, "early", id);
    for (let index = 0; index < early; index++) await this.#send(id, index, input);
    const isTwice = chance(this.#seed, "twice", id) < 0.2;
    await Promise.all([this.#insist(submit), ...(isTwice ? [this.#insist(submit)] : [])]);
    const late = async (): Promise<void> => {
      for (let index = early; index < events; index++) {
        await sleep(between(0, 600, this.#seed, "send after", id, index));
        await this.#send(id, index, input, cancelAfterMs !== null);
      }
    };
    const [cancelled] = await Promise.all([this.#cancel(id, cancelAfterMs), late()]);
    return { id, kind, input, events, ...cancelled };
  }

  async #send(id: string, index: number, input: number, mayHaveEnded: boolean = false): Promise<void> {
    const send = async (): Promise<unknown> =>
      await this.#client.sendEvent(id, EVENT, payloadOf(index, input), { dedupKey: `${index}` });
    try {
      await this.#insist(send);
    } catch (error) {
      if (!mayHaveEnded || !isTooLate(error)) throw error;
    }
  }

  async #cancel(id: string, afterMs: number | null): Promise<Pick<Acknowledged, "cancel" | "cancelledAt">> {
    if (afterMs === null) return { cancel: null, cancelledAt: 0 };
    await sleep(afterMs);
    try {
      const cancel = await this.#insist(async () => await this.#client.cancel(id, { reason: "storm" }));
      return { cancel, cancelledAt: Date.now() };
    } catch (error) {
      if (isTooLate(error)) return { cancel: "ended", cancelledAt: Date.now() };
      throw error;
    }
  }

  /** Calls until it is answered, whatever the answer: a failure for passing reasons is none. */
  async #insist<T>(call: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!WaymarkError.is(error) || !error.retryable || Date.now() > deadline) throw error;
        this.retries++;
        await sleep(RETRY_AFTER_MS);
      }
    }
  }
}

function isTooLate(error: unknown): boolean {
  return WaymarkError.is(error) && error.code === "INVALID_TRANSITION";
}
