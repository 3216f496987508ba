import type { Ports } from "../engine/ports.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { QueueFullError } from "../errors/start-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { type DefinitionHash, kindOf } from "../ids.ts";
import { requireRecord } from "../store/argument-shapes.ts";
import { parseWhole } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import { MOST_COUNTED } from "../store/flow-store.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import { pause } from "../time/timers.ts";

/** What a producer does while much of a flow waits for workers. */
export interface BackPressureOptions {
  /**
   * How many positions of the flow's definition may be ready, for a worker or for a limit, 1 to 1,000,000. Producers that submit at the same time may
   * exceed it by what each of them adds in a tenth of a second; a call with many, by these.
   */
  readonly maxWaiting: number;
  /** "refuse" (default): with QUEUE_FULL. "wait": until there is room, or the time is up, which refuses it. */
  readonly onFull?: "refuse" | "wait";
  /** How long "wait" waits; default 1 minute. */
  readonly timeout?: Duration;
}

interface Room {
  left: number;
  readonly most: number;
  readonly countedAtMs: number;
}

const FRESH_MS = 100;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
const DEFAULT_TIMEOUT_MS = 60_000;

/** Keeps producers from adding to what is too long already. */
export class BackPressure {
  readonly #backend: Backend;
  readonly #ports: Ports;
  readonly #rooms = new Map<DefinitionHash, Room>();
  readonly #counting = new Map<string, Promise<number>>();

  constructor(backend: Backend, ports: Ports) {
    this.#backend = backend;
    this.#ports = ports;
  }

  /**
   * Resolves when so many may be added.
   *
   * @throws {QueueFullError} they may not
   */
  async admit({ name, hash }: Flow, options: BackPressureOptions | undefined, count: number): Promise<void> {
    if (options === undefined || count === 0) return;
    const { most, waitMs } = resolve(options);
    const { clock, timers, random } = this.#ports;
    const startedAtMs = clock.monotonicMs();
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const room = await this.#room(hash, most);
      if (room.left > 0) {
        room.left -= count;
        return;
      }
      const leftMs = startedAtMs + waitMs - clock.monotonicMs();
      if (leftMs <= 0) throw new QueueFullError(name, most);
      await pause(timers, Math.min(leftMs, pauseMs * (0.5 + random.next() / 2)));
    }
  }

  /** Counted lately, and less what was admitted since. */
  async #room(hash: DefinitionHash, most: number): Promise<Room> {
    const { clock } = this.#ports;
    const known = this.#rooms.get(hash);
    const isFresh = known !== undefined && clock.monotonicMs() - known.countedAtMs < FRESH_MS;
    if (isFresh && known.most === most && known.left > 0) return known;
    const counted = await this.#count(hash, most);
    // Somebody else who waited for the same count may have used some of it.
    const again = this.#rooms.get(hash);
    if (again !== undefined && again !== known && again.most === most) return again;
    const room = { left: most - counted, most, countedAtMs: clock.monotonicMs() };
    this.#rooms.set(hash, room);
    return room;
  }

  async #count(hash: DefinitionHash, most: number): Promise<number> {
    const key = `${most} ${hash}`;
    const running = this.#counting.get(key);
    if (running !== undefined) return await running;
    const counting = this.#backend.countReady(hash, most).finally(() => this.#counting.delete(key));
    this.#counting.set(key, counting);
    return await counting;
  }
}

function resolve(options: BackPressureOptions): { readonly most: number; readonly waitMs: number } {
  const field = "options.backPressure";
  const { maxWaiting, onFull, timeout, ...unknown } = requireRecord(options, field);
  const [other] = Object.keys(unknown);
  if (other !== undefined) {
    const problem = `has an unknown key ${JSON.stringify(other.slice(0, 40))}; known are "maxWaiting", "onFull", "timeout".`;
    throw new InvalidArgumentError(field, problem);
  }
  const most = parseWhole(maxWaiting, `${field}.maxWaiting`, 1, MOST_COUNTED);
  if (onFull !== undefined && onFull !== "refuse" && onFull !== "wait")
    throw new InvalidArgumentError(`${field}.onFull`, `must be "refuse" or "wait", not ${kindOf(onFull)}.`);
  if (timeout !== undefined && onFull !== "wait")
    throw new InvalidArgumentError(`${field}.timeout`, 'says how long "wait" waits; give onFull: "wait", too.');
  const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : parseDuration(timeout, `${field}.timeout`);
  return { most, waitMs: onFull === "wait" ? timeoutMs : 0 };
}
