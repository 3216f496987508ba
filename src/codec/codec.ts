/** What a payload belongs to. Encryption binds the bytes to it, so that rows can't be swapped. */
export interface PayloadContext {
  readonly instanceId: string;
  /** The task id; `""` for what belongs to the instance itself, and for events. */
  readonly taskId: string;
  readonly kind: PayloadKind;
}

export type PayloadKind = "input" | "output" | "event" | "failure" | "progress";

/**
 * Turns values into bytes and back.
 *
 * Both directions may be asynchronous, for codecs that fetch keys. What can't be encoded so that
 * decoding gives it back is refused (INV-14); nothing has been written by then.
 */
export interface Codec {
  /**
   * Names the format; stored with each instance, so that a worker without it leaves the instance
   * alone. Never reuse an id for another format. Lower case letters, digits and `-+.()`, at most 100.
   */
  readonly id: string;
  /**
   * Whether bytes can be decoded only in the context that they were encoded in. Where they can be in any (`false`), what is
   * copied from one instance to another is copied as it is; else it is decoded and encoded anew. Default: `true`.
   */
  readonly bindsContext?: boolean;
  /** @throws {CodecEncodeError} `value` can't survive a round trip; the path says where */
  encode(value: unknown, context: PayloadContext): Uint8Array | Promise<Uint8Array>;
  /** @throws {CodecDecodeError} the bytes are damaged, or were written by something else */
  decode(bytes: Uint8Array, context: PayloadContext): unknown;
}
