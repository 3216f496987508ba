import { fullAgainAt, rateRoom, rateWaitMs } from "../snapshot/token-bucket.ts";
import type { Allowance, Limit, LimitChange, LimitKeyChange } from "../store/limit-store.ts";
import type { TakenPlaces } from "./taken-places.ts";

/** How many more may begin; where none may because of a rate alone, after how many milliseconds one may. */
export interface Room {
  readonly places: number;
  readonly waitMs: number | null;
}

/** What there is to know of a key: how much it has begun lately, and what somebody has said of it. */
interface StoredKey {
  weight: number;
  isPaused: boolean;
  fullAt: number | null;
}

const NOTHING: Room = { places: 0, waitMs: null };
const ANYTHING: Allowance = { concurrency: null, rate: null };
const FEWEST_KEYS_SWEPT = 1_000;

/** A limit: what it allows, what has begun of it lately, and whose turn it is. */
export class StoredLimit {
  readonly name: string;
  /** One that nobody has declared allows everything. */
  isDeclared = false;
  isChanged = false;
  isPaused = false;
  all: Allowance = ANYTHING;
  perKey: Allowance = ANYTHING;
  /** Whose turn was last, and how many there have been. */
  lastKey = "";
  turn = 0;
  readonly keys: Map<string, StoredKey> = new Map();
  #fullAt: number | null = null;
  #sweepAt = FEWEST_KEYS_SWEPT;

  constructor(name: string) {
    this.name = name;
  }

  declare({ concurrency, rate, perKey }: Limit): void {
    this.isDeclared = true;
    if (this.isChanged) return;
    this.all = copyAllowance({ concurrency, rate });
    this.perKey = copyAllowance(perKey);
  }

  change({ concurrency, rate, perKey, isPaused }: LimitChange): void {
    this.isChanged ||= concurrency !== undefined || rate !== undefined || perKey !== undefined;
    this.all = changed(this.all, { concurrency, rate });
    this.perKey = changed(this.perKey, perKey ?? {});
    this.isPaused = isPaused ?? this.isPaused;
  }

  changeKey(key: string, { weight, isPaused }: LimitKeyChange): void {
    const known = this.#known(key);
    known.weight = weight ?? known.weight;
    known.isPaused = isPaused ?? known.isPaused;
  }

  room(taken: TakenPlaces, now: number): Room {
    return this.isPaused ? NOTHING : roomOf(this.all, taken.of(this.name), this.#fullAt, now);
  }

  /** Apart from what it allows all together. */
  roomOfKey(key: string, taken: TakenPlaces, now: number): Room {
    const known = this.keys.get(key);
    if (known?.isPaused === true) return NOTHING;
    return roomOf(this.perKey, taken.ofKey(this.name, key), known?.fullAt ?? null, now);
  }

  weightOf(key: string): number {
    return this.keys.get(key)?.weight ?? 1;
  }

  /** One of this key begins. */
  beginOfKey(key: string, now: number): void {
    const { rate } = this.perKey;
    if (rate === null) return;
    if (this.keys.size >= this.#sweepAt) this.#sweep(now);
    const known = this.#known(key);
    known.fullAt = fullAgainAt(rate, known.fullAt, now, 1);
  }

  /** So many have begun, of whatever key. */
  begin(many: number, now: number): void {
    const { rate } = this.all;
    this.turn += many;
    this.#fullAt = rate === null ? null : fullAgainAt(rate, this.#fullAt, now, many);
  }

  #known(key: string): StoredKey {
    let known = this.keys.get(key);
    if (known === undefined) this.keys.set(key, (known = { weight: 1, isPaused: false, fullAt: null }));
    return known;
  }

  /** Forgets keys of which there is nothing to know any more. */
  #sweep(now: number): void {
    for (const [key, known] of this.keys) if (!isSet(known) && (known.fullAt ?? now) <= now) this.keys.delete(key);
    this.#sweepAt = Math.max(FEWEST_KEYS_SWEPT, 2 * this.keys.size);
  }
}

/** Whether somebody has said something of the key. */
export function isSet({ weight, isPaused }: Pick<StoredKey, "weight" | "isPaused">): boolean {
  return weight !== 1 || isPaused;
}

export function copyAllowance({ concurrency, rate }: Allowance): Allowance {
  return { concurrency, rate: rate === null ? null : { count: rate.count, perMs: rate.perMs, burst: rate.burst } };
}

function changed(
  before: Allowance,
  { concurrency, rate }: { [Key in keyof Allowance]?: Allowance[Key] | undefined },
): Allowance {
  return copyAllowance({
    concurrency: concurrency === undefined ? before.concurrency : concurrency,
    rate: rate === undefined ? before.rate : rate,
  });
}

function roomOf({ concurrency, rate }: Allowance, running: number, fullAt: number | null, now: number): Room {
  const free = concurrency === null ? Number.POSITIVE_INFINITY : concurrency - running;
  if (free <= 0) return NOTHING;
  const begins = rate === null ? Number.POSITIVE_INFINITY : rateRoom(rate, fullAt, now);
  if (begins > 0 || rate === null) return { places: Math.min(free, begins), waitMs: null };
  return { places: 0, waitMs: rateWaitMs(rate, fullAt, now) };
}
