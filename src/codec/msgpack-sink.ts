import { bigintToBytes } from "./bigint-bytes.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { ValueSink } from "./value-sink.ts";
import {
  type BytesTag,
  type CompositeTag,
  type EmptyTag,
  EXT_BIGINT,
  EXT_HOLE,
  EXT_INVALID_DATE,
  EXT_TIMESTAMP,
  EXT_UNDEFINED,
  EXT_UTF16,
  extOfBytes,
  extOfComposite,
} from "./value-tags.ts";

/** Longer strings are left to the platform, whose call costs more but whose loop less. */
const MAX_LOOP_UNITS = 100;
/** The longest head of a string: its type and four bytes of length. */
const MAX_HEAD_BYTES = 5;
const MIN_INT32 = -0x8000_0000;
const MS_PER_SECOND = 1000;
const NS_PER_MS = 1_000_000;

/** Writes MessagePack, each thing in its shortest form. */
export class MsgpackSink implements ValueSink {
  readonly #out: ByteWriter;

  constructor(out: ByteWriter) {
    this.#out = out;
  }

  nil(): void {
    this.#out.byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#out.byte(value ? 0xc3 : 0xc2);
  }

  number(value: number): void {
    // `>>> 0` is the cheapest test for a number of 32 bits; it takes -0 for 0.
    if (value === value >>> 0 && !Object.is(value, -0)) this.#positive(value);
    else if (value < 0 && value >= MIN_INT32 && Number.isInteger(value)) this.#negative(value);
    else this.#float(value);
  }

  string(value: string): void {
    if (this.#shortAscii(value)) return;
    if (value.isWellFormed()) this.#utf8(value);
    else this.#utf16(value);
  }

  bigint(value: bigint): void {
    const bytes = bigintToBytes(value);
    this.#extHead(EXT_BIGINT, bytes.length);
    this.#out.bytes(bytes);
  }

  date(timeMs: number): void {
    if (Number.isNaN(timeMs)) return this.#extHead(EXT_INVALID_DATE, 0);
    const out = this.#out;
    const seconds = Math.floor(timeMs / MS_PER_SECOND);
    const nanoseconds = (timeMs - seconds * MS_PER_SECOND) * NS_PER_MS;
    // The high bits go first. What doesn't fit the 34 bits of a short form takes a signed number of 64.
    const highSeconds = Math.floor(seconds / 2 ** 32);
    if (highSeconds < 0 || highSeconds > 3) {
      this.#extHead(EXT_TIMESTAMP, 12);
      out.uint32(nanoseconds);
      out.uint32(highSeconds);
    } else if (highSeconds > 0 || nanoseconds > 0) {
      this.#extHead(EXT_TIMESTAMP, 8);
      out.uint32(nanoseconds * 4 + highSeconds);
    } else {
      this.#extHead(EXT_TIMESTAMP, 4);
    }
    // Only the low 32 bits of it are written.
    out.uint32(seconds);
  }

  bytes(tag: BytesTag, bytes: Uint8Array): void {
    const ext = extOfBytes(tag);
    if (ext === null) this.#head(bytes.length, 0xc4, 0xc5, 0xc6);
    else this.#extHead(ext, bytes.length);
    this.#out.bytes(bytes);
  }

  empty(tag: EmptyTag): void {
    this.#extHead(tag === "undefined" ? EXT_UNDEFINED : EXT_HOLE, 0);
  }

  beginArray(length: number): void {
    if (length < 16) this.#out.byte(0x90 | length);
    else this.#head(length, null, 0xdc, 0xdd);
  }

  element(): void {
    // Nothing stands between elements.
  }

  endArray(): void {
    // Its head says how long it is.
  }

  beginObject(size: number): void {
    if (size < 16) this.#out.byte(0x80 | size);
    else this.#head(size, null, 0xde, 0xdf);
  }

  key(name: string): void {
    this.string(name);
  }

  endObject(): void {
    // Its head says how many entries it has.
  }

  beginTag(tag: CompositeTag): number {
    const out = this.#out;
    // Always the longest head, since the length is not known yet.
    out.byte(0xc9);
    out.uint32(0);
    out.byte(extOfComposite(tag));
    return out.position;
  }

  endTag(mark: number): void {
    this.#out.view.setUint32(mark - 5, this.#out.position - mark);
  }

  #positive(value: number): void {
    if (value < 0x80) this.#out.byte(value);
    else this.#head(value, 0xcc, 0xcd, 0xce);
  }

  #negative(value: number): void {
    const out = this.#out;
    if (value >= -0x20) out.byte(value & 0xff);
    else if (value >= -0x80) {
      out.byte(0xd0);
      out.byte(value & 0xff);
    } else if (value >= -0x8000) {
      out.byte(0xd1);
      out.uint16(value);
    } else {
      out.byte(0xd2);
      out.uint32(value);
    }
  }

  #float(value: number): void {
    const out = this.#out;
    out.byte(0xcb);
    // JavaScript can't tell NaNs apart, but their bits may differ, and equal values have equal bytes.
    out.float64(Number.isNaN(value) ? Number.NaN : value);
  }

  /**
   * Writes a short string of ASCII.
   *
   * @returns false, having written nothing, if this is not one
   */
  #shortAscii(text: string): boolean {
    const length = text.length;
    if (length > MAX_LOOP_UNITS) return false;
    const out = this.#out;
    out.reserve(length + 2);
    const buffer = out.buffer;
    let position = out.position;
    if (length < 32) {
      buffer[position++] = 0xa0 | length;
    } else {
      buffer[position++] = 0xd9;
      buffer[position++] = length;
    }
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) return false;
      buffer[position++] = unit;
    }
    out.position = position;
    return true;
  }

  #utf8(text: string): void {
    const out = this.#out;
    // How long the head is depends on how long the UTF-8 is: leave room, and close the gap afterwards.
    const start = out.position;
    out.reserve(MAX_HEAD_BYTES);
    out.position = start + MAX_HEAD_BYTES;
    out.utf8(text);
    const end = out.position;
    const length = end - start - MAX_HEAD_BYTES;
    out.position = start;
    if (length < 32) out.byte(0xa0 | length);
    else this.#head(length, 0xd9, 0xda, 0xdb);
    out.buffer.copyWithin(out.position, start + MAX_HEAD_BYTES, end);
    out.position += length;
  }

  #utf16(text: string): void {
    this.#extHead(EXT_UTF16, text.length * 2);
    this.#out.claim(text.length * 2);
    for (let index = 0; index < text.length; index++) this.#out.uint16(text.charCodeAt(index));
  }

  #extHead(type: number, length: number): void {
    const fixed = length > 0 && length <= 16 ? Math.log2(length) : -1;
    if (Number.isInteger(fixed) && fixed >= 0) this.#out.byte(0xd4 + fixed);
    else this.#head(length, 0xc7, 0xc8, 0xc9);
    this.#out.byte(type & 0xff);
  }

  /** A type with a number in one, two or four bytes after it. */
  #head(value: number, type8: number | null, type16: number, type32: number): void {
    const out = this.#out;
    if (value < 0x100 && type8 !== null) {
      out.byte(type8);
      out.byte(value);
    } else if (value < 0x10000) {
      out.byte(type16);
      out.uint16(value);
    } else {
      out.byte(type32);
      out.uint32(value);
    }
  }
}
