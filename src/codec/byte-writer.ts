import { PayloadTooLargeError } from "../errors/codec-errors.ts";

const encoder = new TextEncoder();
const INITIAL_BYTES = 16 * 1024;
/** A larger buffer is not kept for the next value. */
const MAX_KEPT_BYTES = 1024 * 1024;
/** Above this many UTF-16 units, reserving the worst case of three bytes for each wastes too much. */
const MAX_IN_PLACE_UNITS = 64 * 1024;

/**
 * A buffer that grows as it is written to, for one encoding after another.
 *
 * `buffer` and `position` are public because the sinks write single bytes in their inner loops;
 * whoever does so calls `reserve` first.
 */
export class ByteWriter {
  buffer: Uint8Array = new Uint8Array(INITIAL_BYTES);
  position = 0;
  /** What was thrown for lack of room since the last `reset`. */
  refusal: PayloadTooLargeError | null = null;
  #view: DataView = new DataView(this.buffer.buffer);
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A view of `buffer`. Ask again after every `reserve`. */
  get view(): DataView {
    return this.#view;
  }

  /**
   * Makes room for up to `count` more bytes.
   *
   * @throws {PayloadTooLargeError} more than the limit has been written already
   */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed > this.buffer.length) this.#grow(needed);
  }

  /**
   * Makes room for `count` more bytes, all of which will be written.
   *
   * @throws {PayloadTooLargeError} that would be more than the limit
   */
  claim(count: number): void {
    this.#refuseIfOver(this.position + count);
    this.reserve(count);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.position++] = value;
  }

  /** Appends text that is known to be ASCII. */
  ascii(text: string): void {
    const length = text.length;
    this.reserve(length);
    const buffer = this.buffer;
    let position = this.position;
    for (let index = 0; index < length; index++) buffer[position++] = text.charCodeAt(index);
    this.position = position;
  }

  /** Appends well-formed text as UTF-8. */
  utf8(text: string): void {
    if (text.length > MAX_IN_PLACE_UNITS) {
      this.#refuseIfOver(this.position + text.length);
      this.bytes(encoder.encode(text));
      return;
    }
    this.reserve(text.length * 3);
    this.position += encoder.encodeInto(text, this.buffer.subarray(this.position)).written;
  }

  bytes(bytes: Uint8Array): void {
    this.claim(bytes.length);
    this.buffer.set(bytes, this.position);
    this.position += bytes.length;
  }

  uint16(value: number): void {
    this.reserve(2);
    this.#view.setUint16(this.position, value);
    this.position += 2;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.position, value);
    this.position += 4;
  }

  float64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.position, value);
    this.position += 8;
  }

  /**
   * A copy of what was written. Starts anew.
   *
   * @throws {PayloadTooLargeError} it is more than the limit
   */
  take(): Uint8Array {
    this.#refuseIfOver(this.position);
    const taken = this.buffer.slice(0, this.position);
    this.reset();
    return taken;
  }

  /** Forgets what was written. */
  reset(): void {
    this.position = 0;
    this.refusal = null;
    if (this.buffer.length > MAX_KEPT_BYTES) this.#use(new Uint8Array(INITIAL_BYTES));
  }

  #grow(needed: number): void {
    this.#refuseIfOver(this.position);
    // Doubling stops at the limit, so that the buffer is never twice as large as what may be written.
    const doubled = Math.min(this.buffer.length * 2, this.#maxBytes + 1);
    const grown = new Uint8Array(Math.max(needed, doubled));
    grown.set(this.buffer.subarray(0, this.position));
    this.#use(grown);
  }

  #use(buffer: Uint8Array): void {
    this.buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  #refuseIfOver(sizeBytes: number): void {
    if (sizeBytes <= this.#maxBytes) return;
    this.refusal = new PayloadTooLargeError("encoded value", sizeBytes, this.#maxBytes);
    throw this.refusal;
  }
}
