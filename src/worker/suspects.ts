import type { Turn } from "../engine/engine.ts";
import type { Ports } from "../engine/ports.ts";

/** From this many leases lost in a row on, a position runs alone in its process. */
export const SUSPECT_FROM_LOST = 2;

/**
 * Lets positions that may be what ends their processes run one at a time, with nothing beside them (DESIGN §6): for as
 * long as it takes to get one step further, which clears them.
 */
export class Suspects {
  readonly #ports: Ports;
  readonly #patienceMs: number;
  readonly #othersActive: () => number;
  readonly #onCleared: () => void;
  readonly #queue: { start(): void }[] = [];
  #running = 0;
  #isPatient = true;
  #timer: { cancel(): void } | null = null;

  /**
   * @param patienceMs - for how long to wait for others to come to a boundary. After that a suspect runs beside them:
   *   a task of hours must not hold up the rest of the work
   * @param othersActive - how many positions are being moved that are no suspects
   * @param onCleared - called when there is none any more
   */
  constructor(ports: Ports, patienceMs: number, othersActive: () => number, onCleared: () => void) {
    this.#ports = ports;
    this.#patienceMs = patienceMs;
    this.#othersActive = othersActive;
    this.#onCleared = onCleared;
  }

  /** How many wait for their turn, or have it. */
  get count(): number {
    return this.#queue.length + this.#running;
  }

  /** @returns its turn; `done` has to be called when it is not driven any more */
  add(): { readonly turn: Turn; readonly done: () => void } {
    let isOver = false;
    let hasBegun = false;
    let begin: () => void = () => undefined;
    const begins = new Promise<void>((resolve) => (begin = resolve));
    const entry = {
      start: (): void => {
        hasBegun = true;
        this.#running++;
        begin();
      },
    };
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      if (hasBegun) this.#running--;
      else this.#queue.splice(this.#queue.indexOf(entry), 1);
      this.advance();
      if (this.count === 0) this.#onCleared();
    };
    this.#queue.push(entry);
    this.#timer ??= this.#ports.timers.after(this.#patienceMs, () => {
      this.#isPatient = false;
      this.advance();
    });
    this.advance();
    return { turn: { begins, onProgress: over }, done: over };
  }

  /** Starts the next one, if nothing else is running. */
  advance(): void {
    if (this.#queue.length === 0 && this.#running === 0) {
      this.#timer?.cancel();
      this.#timer = null;
      this.#isPatient = true;
      return;
    }
    if (this.#running > 0 || (this.#isPatient && this.#othersActive() > 0)) return;
    this.#queue.shift()?.start();
  }

  /** Lets all that wait go on, because the worker leaves: they are given back at once. */
  dismiss(): void {
    while (this.#queue.length > 0) this.#queue.shift()?.start();
  }
}
