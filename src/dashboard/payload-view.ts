import { JsonCodec } from "../codec/json-codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { SerializedFailure } from "../errors/failure.ts";
import type { Logger } from "../logger.ts";
import type { Failure, Payload } from "./api-types.ts";

/** What a value is, for who decides whether it may be shown. */
export interface ShownContext {
  readonly instanceId: string;
  readonly kind: "input" | "output" | "event" | "failure" | "state" | "progress" | "reply";
}

/**
 * Gives what may be shown in place of a value; `undefined`: nothing of it. Of a failure it gets a `Failure`, and has to give one;
 * where it changes the message, the stack and the causes are hidden as well. What it throws hides the value.
 */
export type Redact = (value: unknown, context: ShownContext) => unknown;

const PREVIEW_LENGTH = 1_000;
const HIDDEN_FAILURE = { name: "Error", message: "(hidden)", code: null, retryable: false };
const NO_PLACE = { taskId: null, attempt: null, stack: null, cause: null };
const MOST_CAUSES = 5;

/** Shows recorded values as JSON, and reads such JSON. */
export class PayloadView {
  readonly #codec = new JsonCodec({ maxDepth: 400 });
  readonly #redact: Redact | null;
  readonly #foldBytes: number;
  readonly #logger: Logger;

  constructor(options: { readonly redact: Redact | null; readonly foldBytes: number; readonly logger: Logger }) {
    this.#redact = options.redact;
    this.#foldBytes = options.foldBytes;
    this.#logger = options.logger;
  }

  /** @param href - where the whole of it is, should it be too large */
  show(value: unknown, context: ShownContext, href: string): Payload {
    const text = this.#text(value, context);
    if (typeof text !== "string") return text;
    const bytes = Buffer.byteLength(text);
    if (bytes <= this.#foldBytes) return { kind: "value", value: JSON.parse(text) as unknown, bytes };
    return { kind: "folded", bytes, preview: text.slice(0, PREVIEW_LENGTH).toWellFormed(), href };
  }

  /** However large it is. */
  showAll(value: unknown, context: ShownContext): Payload {
    const text = this.#text(value, context);
    if (typeof text !== "string") return text;
    return { kind: "value", value: JSON.parse(text) as unknown, bytes: Buffer.byteLength(text) };
  }

  /** The whole of a value, as JSON. @throws {InvalidArgumentError} it can't be shown */
  whole(value: unknown, context: ShownContext): string {
    const text = this.#text(value, context);
    if (typeof text === "string") return text;
    const problem = text.kind === "unreadable" ? text.problem : "It may not be shown.";
    throw new InvalidArgumentError("payload", `can't be shown. ${problem}`);
  }

  failure(failure: SerializedFailure | null, instanceId: string): Failure | null {
    if (failure === null) return null;
    const whole = failureOf(failure, 0);
    const shown = this.#redacted(whole, { instanceId, kind: "failure" });
    if (!isFailure(shown)) return { ...HIDDEN_FAILURE, ...NO_PLACE };
    if (shown.message === whole.message) return { ...whole, ...shown };
    // A stack begins with the message, and causes often repeat it.
    const rest = { stack: null, cause: null };
    return { ...whole, ...rest, ...shown, ...(shown.stack === whole.stack ? rest : {}) };
  }

  /** The value that a part of a request's body stands for. @throws {InvalidArgumentError} naming `field` */
  parse(json: unknown, field: string): unknown {
    if (json === undefined) return undefined;
    try {
      return this.#codec.decode(Buffer.from(JSON.stringify(json)));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new InvalidArgumentError(field, `is not a value as in docs/formats/json.md. ${problem}`);
    }
  }

  #text(value: unknown, context: ShownContext): string | Exclude<Payload, { kind: "value" | "folded" }> {
    const shown = this.#redact === null ? value : this.#redacted(value, context);
    // A value that is `undefined` is no secret, but what somebody has made of one is.
    if (shown === undefined && value !== undefined) return { kind: "hidden" };
    try {
      return Buffer.from(this.#codec.encode(shown)).toString("utf8");
    } catch (error) {
      return { kind: "unreadable", problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #redacted(value: unknown, context: ShownContext): unknown {
    if (this.#redact === null) return value;
    try {
      return this.#redact(value, context);
    } catch {
      // Its message may hold what it was to hide.
      this.#logger.error(
        { instanceId: context.instanceId, kind: context.kind },
        "redact has thrown: the value is hidden",
      );
      return undefined;
    }
  }
}

function failureOf(failure: SerializedFailure, depth: number): Failure {
  const { name, message, code, retryable, taskId, stack, cause } = failure;
  return {
    name,
    message,
    code: code ?? null,
    retryable,
    taskId: taskId ?? null,
    attempt: null,
    stack: stack ?? null,
    cause: cause === undefined || depth === MOST_CAUSES ? null : failureOf(cause, depth + 1),
  };
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== "object" || value === null) return false;
  return "name" in value && typeof value.name === "string" && "message" in value && typeof value.message === "string";
}
