const SLOTS = 1024;

interface CachedKey {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Remembers the strings that keys in stored bytes were decoded to. The same few keys come again and
 * again, and a string that has been a key before is much quicker to use as one.
 *
 * Bounded, if the keys are short: a key takes the place of another one with the same hash.
 */
export class KeyCache {
  readonly #slots: (CachedKey | null)[] = Array.from({ length: SLOTS }, () => null);

  /** The text of `length` bytes from `start`; `decode` is called if it isn't known yet. */
  get(bytes: Uint8Array, start: number, length: number, decode: () => string): string {
    const slot = hashOf(bytes, start, length) % SLOTS;
    const cached = this.#slots[slot] as CachedKey | null;
    if (cached !== null && isAt(cached.bytes, bytes, start, length)) return cached.text;
    const text = decode();
    this.#slots[slot] = { bytes: new Uint8Array(bytes.subarray(start, start + length)), text };
    return text;
  }
}

function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = length;
  for (let index = start; index < start + length; index++)
    hash = (Math.imul(hash, 31) + (bytes[index] as number)) >>> 0;
  return hash;
}

function isAt(expected: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (expected.length !== length) return false;
  for (let index = 0; index < length; index++) if (expected[index] !== bytes[start + index]) return false;
  return true;
}
