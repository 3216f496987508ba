import { CodecDecodeError } from "../errors/codec-errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const MAGIC_BYTES = 4;

/**
 * What every wrapped payload starts with, so that a reader can reject what it doesn't understand
 * instead of misreading it: four bytes that name the format, and one with its version.
 */
export function envelopeHead(magic: string, version: number): Uint8Array {
  return Uint8Array.of(...encoder.encode(magic), version);
}

/** Reads an envelope from its start. Everything throws `CodecDecodeError` where the bytes end too early. */
export class EnvelopeReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How many bytes have been read. */
  get position(): number {
    return this.#position;
  }

  /** How many bytes there are still to be read. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  /** @throws {CodecDecodeError} another format, or another version of it */
  head(magic: string, version: number): void {
    const expected = encoder.encode(magic);
    const found = this.bytes(MAGIC_BYTES);
    if (found.some((byte, index) => byte !== expected[index])) {
      throw new CodecDecodeError(`it doesn't start with "${magic}": something else wrote it, or it is damaged`);
    }
    const foundVersion = this.uint8();
    if (foundVersion > version) {
      throw new CodecDecodeError(`it has version ${foundVersion} of its format; this library knows up to ${version}`);
    }
    if (foundVersion !== version) throw new CodecDecodeError(`its format has no version ${foundVersion}`);
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** The next `count` bytes as text. */
  text(count: number): string {
    const bytes = this.bytes(count);
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new CodecDecodeError("its header is not UTF-8", { cause });
    }
  }

  #take(count: number): number {
    const start = this.#position;
    if (count > this.remaining) throw new CodecDecodeError("it ends too early");
    this.#position = start + count;
    return start;
  }
}
