import { CodecDecodeError } from "../errors/codec-errors.ts";
import type { Codec } from "./codec.ts";
import { checkTextDepth, revive } from "./json-revival.ts";
import { JsonSink } from "./json-sink.ts";
import { TAG_KEY } from "./json-syntax.ts";
import { ValueEncoder } from "./value-encoder.ts";
import { resolveValueLimits, type ValueLimits } from "./value-limits.ts";

// Damaged text must fail to decode instead of turning into U+FFFD, and a byte order mark is damage.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Stores values as JSON in UTF-8, readable by SQL: what JSON can say is exactly the JSON that
 * `JSON.stringify` gives, the rest is an object with the key `$waymark`. Every payload is valid `jsonb`.
 *
 * Synchronous and deterministic. Values that can't be stored are refused, instances of classes too, even
 * if they have a `toJSON` method.
 *
 * @example
 * ```ts run
 * import { JsonCodec } from "waymark";
 *
 * const codec = new JsonCodec();
 * const bytes = codec.encode({ paidAt: new Date(0), cents: 1999 });
 * // {"paidAt":{"$waymark":"Date","value":"1970-01-01T00:00:00.000Z"},"cents":1999}
 * const value = codec.decode(bytes);
 * ```
 * @see docs/formats/json.md
 */
export class JsonCodec implements Codec {
  readonly id = "json";
  readonly bindsContext = false;
  readonly #encoder: ValueEncoder;

  /** @throws {InvalidArgumentError} a limit is not a whole number in its range */
  constructor(limits: ValueLimits = {}) {
    this.#encoder = new ValueEncoder(resolveValueLimits(limits), (out) => new JsonSink(out));
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
    const text = textOf(bytes);
    // A key may hide behind escapes, if something else wrote the text: "\u0024waymark" is the same key.
    const mayHaveTags = text.includes(TAG_KEY) || text.includes("\\u");
    if (!mayHaveTags) checkTextDepth(text);
    const parsed = parse(text);
    return mayHaveTags ? revive(parsed) : parsed;
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new CodecDecodeError("it is not UTF-8", { cause });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Without the cause: its message quotes the text, and payloads don't belong into logs.
    throw new CodecDecodeError("it is not JSON");
  }
}
