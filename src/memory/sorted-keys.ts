import { compareCodePoints } from "./code-points.ts";

/** Longest chunk: short enough to move about in, long enough that there are few. */
const MOST_IN_CHUNK = 512;

/** A set of keys in code-point order, in which the next one after any other is found without walking. */
export class SortedKeys {
  /** In order, and so are all of them; none is empty. */
  readonly #chunks: string[][] = [];

  /** Adds a key that isn't there. */
  add(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([key]);
      return;
    }
    chunk.splice(firstGreater(chunk, key), 0, key);
    if (chunk.length > MOST_IN_CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(MOST_IN_CHUNK / 2));
  }

  /** Takes out a key that is there. */
  delete(key: string): void {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at] ?? [];
    chunk.splice(firstGreater(chunk, key) - 1, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** The first key greater than this one, which need not be there; `undefined` if there is none. */
  after(key: string): string | undefined {
    const at = this.#chunkFor(key);
    const chunk = this.#chunks[at] ?? [];
    return chunk[firstGreater(chunk, key)] ?? this.#chunks[at + 1]?.[0];
  }

  /** The last chunk that begins with no greater key; the first one if there is none. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareCodePoints(this.#chunks[middle]?.[0] ?? "", key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Index of the first key that is greater; how many there are if none is. */
export function firstGreater(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareCodePoints(sorted[middle] as string, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
