import { ByteWriter } from "./byte-writer.ts";
import type { ResolvedValueLimits } from "./value-limits.ts";
import type { ValueSink } from "./value-sink.ts";
import { ValueWalk } from "./value-walk.ts";

/** A walk, and the buffer that its sink writes to. */
interface Workplace {
  readonly out: ByteWriter;
  readonly walk: ValueWalk;
}

/** Encodes one value after another, and reuses what it needs for it. */
export class ValueEncoder {
  readonly #limits: ResolvedValueLimits;
  readonly #newSink: (out: ByteWriter) => ValueSink;
  #idle: Workplace | null = null;

  constructor(limits: ResolvedValueLimits, newSink: (out: ByteWriter) => ValueSink) {
    this.#limits = limits;
    this.#newSink = newSink;
  }

  /**
   * @throws {CodecEncodeError} `value` can't survive a round trip; the path says where
   * @throws {PayloadTooLargeError} the result would exceed `maxBytes`
   */
  encode(value: unknown): Uint8Array {
    // Taken away while in use: a getter inside `value` may encode something else in the meantime.
    const workplace = this.#idle ?? this.#newWorkplace();
    this.#idle = null;
    try {
      workplace.walk.run(value);
      return workplace.out.take();
    } finally {
      workplace.out.reset();
      this.#idle = workplace;
    }
  }

  #newWorkplace(): Workplace {
    const out = new ByteWriter(this.#limits.maxBytes);
    return { out, walk: new ValueWalk(this.#newSink(out), out, this.#limits) };
  }
}
