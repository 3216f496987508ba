import { WaymarkError } from "./waymark-error.ts";

/** A value can't be turned into bytes that would give it back. Nothing was written. */
export class CodecEncodeError extends WaymarkError {
  override readonly name = "CodecEncodeError";
  readonly code = "CODEC_ENCODE";
  readonly retryable = false;
  /** Where in the value, e.g. `$.items[3].callback`. */
  readonly path: string;
  readonly #problem: string;

  /** @param subject - what the value is, e.g. `output of task "charge"` */
  constructor(path: string, problem: string, options?: ErrorOptions & { readonly subject?: string }) {
    const remedy = "Use plain data, or what docs/formats/json.md lists.";
    const { subject } = options ?? {};
    super(
      subject === undefined
        ? `The value at ${path} can't be stored: ${problem}`
        : `The ${subject} can't be stored. At ${path}: ${problem}. ${remedy}`,
      options,
    );
    this.path = path;
    this.#problem = problem;
  }

  /** The same error, saying what the value is. */
  of(subject: string): CodecEncodeError {
    return new CodecEncodeError(this.path, this.#problem, { cause: this.cause, subject });
  }
}

/** Stored bytes can't be read back: damaged, of a later version, or written by something else. */
export class CodecDecodeError extends WaymarkError {
  override readonly name = "CodecDecodeError";
  readonly code = "CODEC_DECODE";
  readonly retryable = false;

  constructor(problem: string, options?: ErrorOptions) {
    super(`Stored bytes can't be decoded: ${problem}`, options);
  }
}

/** Nobody here has the codec that an instance was written with. The instance is left alone. */
export class UnknownCodecError extends WaymarkError {
  override readonly name = "UnknownCodecError";
  readonly code = "CODEC_UNKNOWN";
  readonly retryable = false;
  readonly codecId: string;

  constructor(codecId: string, known: readonly string[]) {
    super(`Codec "${codecId}" is not available here (available: ${known.join(", ")}). Pass it as the backend's codec.`);
    this.codecId = codecId;
  }
}

/** A key that is needed to encrypt or decrypt can't be had right now. Worth trying again. */
export class KeyUnavailableError extends WaymarkError {
  override readonly name = "KeyUnavailableError";
  readonly code = "KEY_UNAVAILABLE";
  readonly retryable = true;
  readonly keyId: string;

  constructor(keyId: string, problem: string, options?: ErrorOptions) {
    super(`Encryption key "${keyId}" is not available: ${problem}`, options);
    this.keyId = keyId;
  }
}

/** A payload is larger than the limit. Nothing was written. */
export class PayloadTooLargeError extends WaymarkError {
  override readonly name = "PayloadTooLargeError";
  readonly code = "PAYLOAD_TOO_LARGE";
  readonly retryable = false;
  readonly sizeBytes: number;
  readonly limitBytes: number;

  /** @param remedy - a sentence that says what to do instead */
  constructor(
    subject: string,
    sizeBytes: number,
    limitBytes: number,
    remedy: string = "Store it elsewhere and pass a reference, or raise maxPayloadBytes.",
  ) {
    super(`The ${subject} takes ${sizeBytes} bytes; the limit is ${limitBytes}. ${remedy}`);
    this.sizeBytes = sizeBytes;
    this.limitBytes = limitBytes;
  }
}
