import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import type { AttemptFacts, SubmissionFacts, Telemetry, TelemetrySpan } from "../observability/telemetry.ts";
import { readRecord } from "../plain-record.ts";

interface Span {
  setStatus(status: { code: number; message?: string }): unknown;
  setAttribute(name: string, value: string): unknown;
  recordException(error: Error): void;
  end(): void;
}

interface SpanOptions {
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly links?: { readonly context: SpanContext }[];
  readonly root?: boolean;
}

interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/**
 * What is used of the package `@opentelemetry/api` (1.9 or newer), which is given to `openTelemetry`: `import * as api from "@opentelemetry/api"`. So
 * this package does not depend on it.
 *
 * @typeParam Context - the one of the package
 */
export interface OpenTelemetryApi<Context = unknown> {
  readonly trace: {
    getTracer(
      name: string,
      version?: string,
    ): { startSpan(name: string, options: SpanOptions, context: Context): Span };
    setSpan(context: Context, span: never): Context;
    getSpanContext(context: Context): SpanContext | undefined;
  };
  readonly context: { active(): Context; with<T>(context: Context, run: () => T): T };
  readonly propagation: {
    inject(context: Context, carrier: Record<string, string>): void;
    extract(context: Context, carrier: Record<string, string>): Context;
  };
  readonly ROOT_CONTEXT: Context;
}

export interface OpenTelemetryOptions {
  /**
   * How attempts belong to the submission. `"child"` (default): one trace for each instance, however long it lives. `"link"`: a trace for each attempt,
   * linked to the submission: for instances that live longer than your backend keeps traces.
   */
  readonly attempts?: "child" | "link";
  /** Whether what a task throws is recorded, with its message and stack. Default `false`: they may hold what is nobody's business. */
  readonly recordsErrors?: boolean;
}

/** SpanKind and SpanStatusCode of the API, whose numbers are part of it. */
const KIND = { producer: 3, consumer: 4 } as const;
const STATUS_ERROR = 2;
const NAME = "waymark";

/**
 * Traces by OpenTelemetry, for the option `telemetry` of `Client`, `Worker` and `Runner`: a span for each submission, whose context is stored with
 * the instance, and one for each attempt of a task, whichever process runs it. Bodies run inside of it, so that what they trace belongs to it.
 *
 * @throws {InvalidArgumentError} an argument is not acceptable
 *
 * @example
 * ```ts no-check: needs a package that is not installed here
 * import * as api from "@opentelemetry/api";
 * import { Worker } from "waymark";
 * import { openTelemetry } from "waymark/telemetry";
 *
 * new Worker(backend, { flows, telemetry: openTelemetry(api) }).start();
 * ```
 */
export function openTelemetry<Context>(api: OpenTelemetryApi<Context>, options: OpenTelemetryOptions = {}): Telemetry {
  for (const part of ["trace", "context", "propagation"] as const)
    if (typeof api?.[part] !== "object")
      throw new InvalidArgumentError("api", `must be all of @opentelemetry/api (import * as api), not ${kindOf(api)}.`);
  const { entries, issue } = readRecord(options);
  if (issue !== null) throw new InvalidArgumentError("options", `${issue}.`);
  for (const [key] of entries)
    if (key !== "attempts" && key !== "recordsErrors")
      throw new InvalidArgumentError(`options.${key}`, "is not known; known are attempts, recordsErrors.");
  const { attempts = "child", recordsErrors = false } = options;
  if (attempts !== "child" && attempts !== "link")
    throw new InvalidArgumentError("options.attempts", 'must be "child" or "link".');
  if (typeof recordsErrors !== "boolean")
    throw new InvalidArgumentError("options.recordsErrors", `must be true or false, not ${kindOf(recordsErrors)}.`);
  return new OpenTelemetry(api, attempts === "link", recordsErrors);
}

class OpenTelemetry<Context> implements Telemetry {
  readonly #api: OpenTelemetryApi<Context>;
  readonly #links: boolean;
  readonly #recordsErrors: boolean;

  constructor(api: OpenTelemetryApi<Context>, links: boolean, recordsErrors: boolean) {
    this.#api = api;
    this.#links = links;
    this.#recordsErrors = recordsErrors;
  }

  submitting({ flow, instanceId, count }: SubmissionFacts): TelemetrySpan {
    const attributes = {
      ...attributesOf(flow, instanceId),
      "messaging.operation.type": "send",
      ...(count === undefined ? {} : { "messaging.batch.message_count": count }),
    };
    return this.#begin(`send ${flow}`, { kind: KIND.producer, attributes }, this.#api.context.active());
  }

  attempting(
    { flow, instanceId, taskId, attempt, workerId }: AttemptFacts,
    traceContext: string | null,
  ): TelemetrySpan {
    const { ROOT_CONTEXT, trace, propagation } = this.#api;
    const stored = propagation.extract(ROOT_CONTEXT, carrierOf(traceContext));
    const submission = trace.getSpanContext(stored);
    const attributes = {
      ...attributesOf(flow, instanceId),
      ...{ "messaging.operation.type": "process", "waymark.task_id": taskId },
      ...{ "waymark.attempt": attempt, "waymark.worker_id": workerId },
    };
    const links = submission === undefined ? [] : [{ context: submission }];
    // Iterations and items would make as many names as there are of them.
    const name = `process ${flow} ${taskId.replaceAll(/\[\d+\]/g, "[]")}`;
    const kind = KIND.consumer;
    return this.#links
      ? this.#begin(name, { kind, attributes, links }, ROOT_CONTEXT)
      : this.#begin(name, { kind, attributes }, stored);
  }

  #begin(name: string, options: SpanOptions, parent: Context): TelemetrySpan {
    const { trace, context, propagation } = this.#api;
    const span = trace.getTracer(NAME).startSpan(name, options, parent);
    const own = trace.setSpan(parent, span as never);
    const recordsErrors = this.#recordsErrors;
    return {
      get traceContext() {
        const carrier: Record<string, string> = {};
        propagation.inject(own, carrier);
        const { traceparent, tracestate } = carrier;
        if (traceparent === undefined) return null;
        return tracestate === undefined || tracestate === "" ? traceparent : `${traceparent}\n${tracestate}`;
      },
      within: (run) => context.with(own, run),
      end: (error) => {
        if (error !== null) {
          span.setAttribute("error.type", error instanceof Error ? error.name : kindOf(error));
          span.setStatus({ code: STATUS_ERROR });
          if (recordsErrors && error instanceof Error) span.recordException(error);
        }
        span.end();
      },
    };
  }
}

/** By the semantic conventions for messaging, with the flow as the destination. */
function attributesOf(flow: string, instanceId: string): Readonly<Record<string, string>> {
  return {
    "messaging.system": NAME,
    "messaging.destination.name": flow,
    "messaging.message.conversation_id": instanceId,
  };
}

/** What was stored, as a propagator reads it: it leaves alone what is no context. */
function carrierOf(traceContext: string | null): Record<string, string> {
  if (traceContext === null) return {};
  const [traceparent = "", tracestate] = traceContext.split("\n", 2);
  return { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
}
