import type { Random } from "../../time/random.ts";

/** Chance that comes from a number: the same number, the same chances. Never for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed - any number; its whole part counts, and what lies beyond 32 bits */
  constructor(seed: number) {
    const whole = Math.trunc(seed);
    this.#a = whole | 0;
    this.#b = Math.trunc(whole / 2 ** 32) | 0;
    this.#c = 0x9e3779b9;
    // Seeds that differ in one bit shall have nothing in common.
    for (let round = 0; round < 12; round++) this.#draw();
  }

  next(): number {
    return this.#draw() / 2 ** 32;
  }

  uuid(): string {
    const hex = (): string => this.#draw().toString(16).padStart(8, "0");
    const [a, b, c, d] = [hex(), hex(), hex(), hex()];
    return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${d}`;
  }

  /** Whether something happens that does so with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** @throws {RangeError} there is nothing to choose from */
  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError("There is nothing to choose from.");
    return items[this.between(0, items.length - 1)] as Item;
  }

  /** Another source, which goes its own way from here: what is drawn there changes nothing here. */
  branch(): SeededRandom {
    return new SeededRandom(this.#draw() * 2 ** 21 + (this.#draw() >>> 11));
  }

  // sfc32 by Chris Doty-Humphrey: 128 bits of state, passes PractRand.
  #draw(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + result) | 0;
    return result >>> 0;
  }
}
