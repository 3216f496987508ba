import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";

/** An instance that is being submitted. */
export interface SubmissionFacts {
  readonly flow: string;
  readonly instanceId: string;
  /** How many are submitted together, of which that one is the first. Default: it alone. */
  readonly count?: number;
}

/** An attempt of a task that is about to run. */
export interface AttemptFacts extends SubmissionFacts {
  /** Where the task occurs: node id, with iterations and items. */
  readonly taskId: string;
  readonly attempt: number;
  readonly workerId: string;
}

/** Something that takes time, and is told of by a tracer. */
export interface TelemetrySpan {
  /** What is stored with the instance, for whoever runs it: W3C `traceparent`, and behind a line break `tracestate`, if there is one; `null` for nothing. */
  readonly traceContext: string | null;
  /** Calls `run` so that what it traces belongs to this. */
  within<T>(run: () => T): T;
  /** @param error - what it failed with; `null` if it did not */
  end(error: unknown): void;
}

/** Is told of what is worth tracing, before it happens. `openTelemetry` from `waymark/telemetry` makes one. */
export interface Telemetry {
  submitting(facts: SubmissionFacts): TelemetrySpan;
  /** @param traceContext - as it is stored with the instance; may be anything */
  attempting(facts: AttemptFacts, traceContext: string | null): TelemetrySpan;
}

/** What is stored: `traceparent` has 55 characters, `tracestate` at most 512, and both are printable ASCII (W3C Trace Context). */
const TRACE_CONTEXT = /^[ -~]{1,80}(?:\n[ -~]{1,512})?$/;

/** @throws {InvalidArgumentError} it isn't one */
export function checkTelemetry(telemetry: unknown): void {
  const { submitting, attempting } = (telemetry ?? {}) as Partial<Telemetry>;
  if (typeof submitting !== "function" || typeof attempting !== "function")
    throw new InvalidArgumentError(
      "options.telemetry",
      `must be what openTelemetry() of waymark/telemetry has made, not ${kindOf(telemetry)}.`,
    );
}

/** Does something as part of a submission's span, if there is one; gets what is to be stored of it. */
export async function submitted<T>(
  telemetry: Telemetry | null,
  facts: SubmissionFacts,
  work: (traceContext: string | null) => Promise<T>,
): Promise<T> {
  if (telemetry === null) return await work(null);
  const span = telemetry.submitting(facts);
  try {
    const result = await span.within(async () => await work(span.traceContext));
    span.end(null);
    return result;
  } catch (error) {
    span.end(error);
    throw error;
  }
}

const SILENT: TelemetrySpan = { traceContext: null, within: (run) => run(), end: () => undefined };

/** A telemetry whose failures can't harm the engine. */
export function guardedTelemetry(telemetry: Telemetry): Telemetry {
  return {
    submitting: (facts) => guardedSpan(() => telemetry.submitting(facts)),
    attempting: (facts, traceContext) => guardedSpan(() => telemetry.attempting(facts, traceContext)),
  };
}

function guardedSpan(begin: () => TelemetrySpan): TelemetrySpan {
  let span: TelemetrySpan;
  try {
    span = begin();
  } catch {
    return SILENT;
  }
  return {
    get traceContext() {
      try {
        const context: unknown = span.traceContext;
        return typeof context === "string" && TRACE_CONTEXT.test(context) ? context : null;
      } catch {
        return null;
      }
    },
    within: (run) => {
      let hasRun = false;
      const once = <T>(code: () => T): T => {
        hasRun = true;
        return code();
      };
      try {
        return span.within(() => once(run));
      } catch (error) {
        // What it has thrown itself, before it came to that.
        if (!hasRun) return run();
        throw error;
      }
    },
    end: (error) => {
      try {
        span.end(error);
      } catch {
        // A tracer that fails must not fail a flow.
      }
    },
  };
}
