import type { BytesTag, CompositeTag, EmptyTag } from "./value-tags.ts";

/**
 * Writes one value, told piece by piece by a `ValueWalk`: what is written and in which order is decided
 * there, once for every format; how it looks as bytes is decided here.
 *
 * A composite is `beginTag`, one value (its body), `endTag`. Of the parts of an array, each is announced
 * by `element`; of the parts of an object, each by `key`.
 */
export interface ValueSink {
  nil(): void;
  boolean(value: boolean): void;
  /** Any number, NaN, infinities and negative zero included. */
  number(value: number): void;
  /** Any string, NUL and lone surrogates included. */
  string(value: string): void;
  bigint(value: bigint): void;
  /** @param timeMs - NaN stands for an invalid date */
  date(timeMs: number): void;
  bytes(tag: BytesTag, bytes: Uint8Array): void;
  empty(tag: EmptyTag): void;
  beginArray(length: number): void;
  element(index: number): void;
  endArray(): void;
  beginObject(size: number): void;
  /** Any string, NUL, lone surrogates and names that the format reserves included. */
  key(name: string, index: number): void;
  endObject(): void;
  /** @returns what `endTag` wants to know */
  beginTag(tag: CompositeTag): number;
  endTag(mark: number): void;
}
