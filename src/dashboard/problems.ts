import { WaymarkError } from "../errors/waymark-error.ts";
import type { ApiErrorCode, ApiProblem } from "./api-types.ts";

/** A request that the API itself refuses. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly code: ApiErrorCode;
  readonly field: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ApiErrorCode,
    detail: string,
    options: { readonly field?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.code = code;
    this.field = options.field ?? null;
    this.headers = options.headers ?? {};
  }
}

const OWN: Readonly<Record<ApiErrorCode, readonly [status: number, title: string]>> = {
  UNAUTHENTICATED: [401, "A token is needed"],
  FORBIDDEN: [403, "Not allowed"],
  READ_ONLY: [403, "Nothing can be changed here"],
  HOST_REFUSED: [421, "Not a name of this server"],
  ORIGIN_REFUSED: [403, "Not from this page"],
  HEADER_MISSING: [403, "A header is missing"],
  NOT_FOUND: [404, "There is no such thing"],
  METHOD_NOT_ALLOWED: [405, "Not in this way"],
  UNSUPPORTED_MEDIA_TYPE: [415, "Not JSON"],
  BODY_TOO_LARGE: [413, "Too large"],
  TOO_MANY_REQUESTS: [429, "Too often"],
  FLOW_UNKNOWN: [409, "The flow is not known here"],
  HANDLER_FAILED: [422, "The handler has failed"],
  CLOSED: [503, "Closed"],
  INTERNAL: [500, "Something went wrong"],
};

/** What is wrong with the request or with what it is about; everything else is the server's concern: 500. */
const STATUS: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  VALIDATION_FAILED: 400,
  CODEC_ENCODE: 400,
  LIMIT_KEY_INVALID: 400,
  INSTANCE_NOT_FOUND: 404,
  LIMIT_NOT_FOUND: 404,
  SCHEDULE_NOT_FOUND: 404,
  INSTANCE_EXISTS: 409,
  INVALID_TRANSITION: 409,
  RESULT_CONFLICT: 409,
  DEFINITION_MISMATCH: 409,
  MIGRATION_REFUSED: 409,
  STATE_UNKNOWN: 409,
  CODEC_DECODE: 409,
  CODEC_UNKNOWN: 409,
  BACKEND_CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  KEY_UNAVAILABLE: 503,
  BACKEND_UNAVAILABLE: 503,
  BACKEND_REFUSED: 503,
  BACKEND_CLOSED: 503,
};

/** What an error means to who asked. Nothing of an error that nobody foresaw is told. */
export function problemOf(error: unknown): ApiProblem {
  if (error instanceof RequestRefused) {
    const [status, title] = OWN[error.code];
    return problem({
      status,
      title,
      code: error.code,
      detail: error.message,
      field: error.field,
      retryable: status === 429,
    });
  }
  if (!WaymarkError.is(error)) return internal();
  const { code, retryable } = error;
  const status = STATUS[code] ?? 500;
  if (code.startsWith("BACKEND_") || status === 500)
    // Its message names statements and the server's state: for the log, not for the network.
    return problem({
      status,
      title: "The database",
      code,
      detail: BACKEND_DETAIL[code] ?? INTERNAL,
      field: null,
      retryable,
    });
  const field = "field" in error && typeof error.field === "string" ? error.field : null;
  return problem({ status, title: titleOf(code), code, detail: error.message, field, retryable });
}

const INTERNAL = "Something went wrong that nobody foresaw. The server's log has more.";
const BACKEND_DETAIL: Readonly<Record<string, string>> = {
  BACKEND_UNAVAILABLE:
    "The database can't be reached just now, or doesn't answer in time. Try again; what was asked for may have been done.",
  BACKEND_CONFLICT: "Somebody else has changed the same meanwhile. Look again, and try again.",
  BACKEND_REFUSED: "The database refuses it. The server's log has more.",
  BACKEND_CLOSED: "The server is being shut down.",
};

function internal(): ApiProblem {
  const [status, title] = OWN.INTERNAL;
  return problem({ status, title, code: "INTERNAL", detail: INTERNAL, field: null, retryable: false });
}

function problem(parts: Omit<ApiProblem, "type">): ApiProblem {
  return { type: `urn:waymark:error:${parts.code}`, ...parts };
}

function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll("_", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}
