import { promisify } from "node:util";
import { crc32, gunzip, gunzipSync, gzip, gzipSync } from "node:zlib";
import { CodecDecodeError, PayloadTooLargeError } from "../errors/codec-errors.ts";
import type { Codec, PayloadContext } from "./codec.ts";
import { EnvelopeReader, envelopeHead } from "./envelope.ts";
import { andThen } from "./maybe-promise.ts";
import { wholeNumber } from "./value-limits.ts";
import { wrappedCodecId } from "./wrapped-codec-id.ts";

/** When and how payloads are compressed. */
export interface CompressionOptions {
  /** Smaller payloads are stored as they are. Default 1,024 bytes. */
  readonly minBytes?: number;
  /** 1 (fastest) to 9 (smallest). Default 6. */
  readonly level?: number;
  /** Most bytes that a payload may have before compression, in both directions. Default 64 MiB. */
  readonly maxDecodedBytes?: number;
}

const gzipInThread = promisify(gzip);
const gunzipInThread = promisify(gunzip);

const MAGIC = "WMKZ";
const VERSION = 1;
const STORED = 0;
const GZIP = 1;
/** Magic, version, method and size; the checksum follows. */
const CHECKED_HEADER_BYTES = 10;
const HEADER_BYTES = 14;

const DEFAULT_MIN_BYTES = 1024;
const DEFAULT_LEVEL = 6;
const DEFAULT_MAX_DECODED_BYTES = 64 * 1024 * 1024;
/** The size is stored in 32 bits; what PostgreSQL can hold is smaller than that anyway. */
const MAX_DECODED_BYTES = 1024 * 1024 * 1024 - 1;
/** Larger payloads are handed to a thread, so that the event loop goes on. It takes about 1 ms for this much. */
const SYNC_BYTES = 64 * 1024;

/**
 * A codec that compresses what `inner` writes, with gzip. Payloads that are small or don't get smaller are
 * stored as they are.
 *
 * Synchronous up to 64 KiB if `inner` is; asynchronous above. What is decompressed is bounded by
 * `maxDecodedBytes` whatever the bytes say, and a larger value is not encoded in the first place.
 *
 * To encrypt as well, compress first: `encrypted(compressed(new JsonCodec()), …)`. The length of a payload
 * then tells a little about its content, so don't where an attacker chooses parts of secret payloads.
 *
 * @throws {InvalidArgumentError} an option is out of range, or `inner` is no codec
 * @see docs/formats/gzip.md
 */
export function compressed(inner: Codec, options: CompressionOptions = {}): Codec {
  return new GzipCodec(inner, {
    minBytes: wholeNumber("options.minBytes", options.minBytes ?? DEFAULT_MIN_BYTES, MAX_DECODED_BYTES, 0),
    level: wholeNumber("options.level", options.level ?? DEFAULT_LEVEL, 9),
    maxDecodedBytes: wholeNumber(
      "options.maxDecodedBytes",
      options.maxDecodedBytes ?? DEFAULT_MAX_DECODED_BYTES,
      MAX_DECODED_BYTES,
    ),
  });
}

class GzipCodec implements Codec {
  readonly id: string;
  readonly bindsContext: boolean;
  readonly #inner: Codec;
  readonly #options: Required<CompressionOptions>;

  constructor(inner: Codec, options: Required<CompressionOptions>) {
    this.id = wrappedCodecId("gzip", inner);
    this.bindsContext = inner.bindsContext !== false;
    this.#inner = inner;
    this.#options = options;
  }

  encode(value: unknown, context: PayloadContext): Uint8Array | Promise<Uint8Array> {
    return andThen(this.#inner.encode(value, context), (bytes) => this.#compress(bytes));
  }

  decode(bytes: Uint8Array, context: PayloadContext): unknown {
    const { method, size, body } = readEnvelope(bytes);
    if (size > this.#options.maxDecodedBytes) {
      throw new CodecDecodeError(
        `it is ${size} bytes when decompressed; the limit is ${this.#options.maxDecodedBytes}`,
      );
    }
    if (method === STORED) return this.#inner.decode(checkedSize(body, size), context);
    return andThen(decompress(body, size), (plain) => this.#inner.decode(plain, context));
  }

  #compress(plain: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const { minBytes, level, maxDecodedBytes } = this.#options;
    if (plain.length > maxDecodedBytes)
      throw new PayloadTooLargeError("value to compress", plain.length, maxDecodedBytes);
    if (plain.length < minBytes) return envelope(STORED, plain.length, plain);
    const smaller = (body: Uint8Array): Uint8Array =>
      body.length < plain.length ? envelope(GZIP, plain.length, body) : envelope(STORED, plain.length, plain);
    return plain.length <= SYNC_BYTES
      ? smaller(gzipSync(plain, { level }))
      : gzipInThread(plain, { level }).then(smaller);
  }
}

function decompress(body: Uint8Array, size: number): Uint8Array | Promise<Uint8Array> {
  // The size is what the writer says it is. Nothing beyond it is ever inflated.
  const options = { maxOutputLength: Math.max(size, 1) };
  if (size > SYNC_BYTES) {
    return gunzipInThread(body, options).then((plain) => checkedSize(plain, size), refuseDamaged);
  }
  let plain: Uint8Array;
  try {
    plain = gunzipSync(body, options);
  } catch (cause) {
    return refuseDamaged(cause);
  }
  return checkedSize(plain, size);
}

function envelope(method: number, size: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  bytes.set(envelopeHead(MAGIC, VERSION));
  view.setUint8(5, method);
  view.setUint32(6, size);
  view.setUint32(CHECKED_HEADER_BYTES, checksum(bytes.subarray(0, CHECKED_HEADER_BYTES), body));
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

function readEnvelope(bytes: Uint8Array): { method: number; size: number; body: Uint8Array } {
  const reader = new EnvelopeReader(bytes);
  reader.head(MAGIC, VERSION);
  const method = reader.uint8();
  const size = reader.uint32();
  const expected = reader.uint32();
  const body = reader.bytes(reader.remaining);
  if (checksum(bytes.subarray(0, CHECKED_HEADER_BYTES), body) !== expected) {
    throw new CodecDecodeError("its checksum is wrong: it was damaged or cut off");
  }
  if (method !== STORED && method !== GZIP)
    throw new CodecDecodeError(`it has an unknown compression method, ${method}`);
  return { method, size, body };
}

function checksum(header: Uint8Array, body: Uint8Array): number {
  return crc32(body, crc32(header));
}

function checkedSize(plain: Uint8Array, size: number): Uint8Array {
  if (plain.length !== size) throw new CodecDecodeError("its content has another size than its header says");
  return plain;
}

function refuseDamaged(cause: unknown): never {
  throw new CodecDecodeError("its compressed content is damaged, or larger than its header says", { cause });
}
