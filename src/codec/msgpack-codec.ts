import type { Codec } from "./codec.ts";
import { KeyCache } from "./key-cache.ts";
import { MsgpackReader } from "./msgpack-reader.ts";
import { MsgpackSink } from "./msgpack-sink.ts";
import { ValueEncoder } from "./value-encoder.ts";
import { resolveValueLimits, type ValueLimits } from "./value-limits.ts";

/**
 * Stores values as MessagePack: the same values as `JsonCodec`, and the same refusals, in about two
 * thirds of the bytes, and bytes without base64. Not readable by SQL.
 *
 * Synchronous and deterministic.
 *
 * @see docs/formats/msgpack.md
 */
export class MsgpackCodec implements Codec {
  readonly id = "msgpack";
  readonly bindsContext = false;
  readonly #encoder: ValueEncoder;
  readonly #keys: KeyCache = new KeyCache();

  /** @throws {InvalidArgumentError} a limit is not a whole number in its range */
  constructor(limits: ValueLimits = {}) {
    this.#encoder = new ValueEncoder(resolveValueLimits(limits), (out) => new MsgpackSink(out));
  }

  /**
   * @throws {CodecEncodeError} `value` can't survive a round trip; the path says where
   * @throws {PayloadTooLargeError} the result would exceed `maxBytes`
   */
  encode(value: unknown): Uint8Array {
    return this.#encoder.encode(value);
  }

  /** @throws {CodecDecodeError} the bytes are not what `encode` gives */
  decode(bytes: Uint8Array): unknown {
    return new MsgpackReader(bytes, this.#keys).readAll();
  }
}
