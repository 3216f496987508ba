/**
 * What the HTTP API takes and gives, as JSON. No runtime code, and no imports, so that a browser build can use it.
 *
 * Times are ISO 8601 strings in UTC. Sequence numbers are decimal strings, because they can exceed what a number holds.
 * `null` means "known to be absent"; a property that may be left out is optional.
 */

export type * from "./api-actions.ts";
export type * from "./api-graph.ts";
export type * from "./api-instances.ts";
export type * from "./api-overview.ts";
export type * from "./api-upkeep.ts";
export type * from "./api-values.ts";

/** Every code that `ApiProblem` can carry besides those of docs/errors.md. */
export type ApiErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "READ_ONLY"
  | "HOST_REFUSED"
  | "ORIGIN_REFUSED"
  | "HEADER_MISSING"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "BODY_TOO_LARGE"
  | "TOO_MANY_REQUESTS"
  | "FLOW_UNKNOWN"
  | "HANDLER_FAILED"
  | "CLOSED"
  | "INTERNAL";

/** Body of every answer from 400 on; `application/problem+json` (RFC 9457). */
export interface ApiProblem {
  /** `urn:waymark:error:` and the code. */
  readonly type: string;
  /** A few words for the code. */
  readonly title: string;
  readonly status: number;
  /** Of the API, or of docs/errors.md. */
  readonly code: string;
  /** What happened, and what to do: a sentence for people. Never a stack trace or SQL. */
  readonly detail: string;
  /** The parameter or property that is not acceptable; `null` where it isn't one. */
  readonly field: string | null;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
}

export type Role = "viewer" | "operator" | "admin";

/** Everything that a request can do beyond reading. */
export type ActionName =
  | "submit"
  | "cancel"
  | "terminate"
  | "pause"
  | "unpause"
  | "retry"
  | "fork"
  | "sendEvent"
  | "completeTask"
  | "extendDeadline"
  | "update"
  | "delete"
  | "bulk"
  | "changeLimits"
  | "pauseFlow"
  | "runSchedules"
  | "changeSchedules"
  | "changeRetention"
  | "prune";

/** `GET /api/v1/session`: who asks, and what they may do. Answered without a token, too. */
export interface Session {
  /** Whether this request may read. `false`: a token is needed (`POST /api/v1/session`, or a header). */
  readonly authenticated: boolean;
  /** Whether the server asks for tokens at all. */
  readonly tokenRequired: boolean;
  /** `null` unless authenticated. */
  readonly role: Role | null;
  /** The name that the token was given, for the audit log; `null` unless authenticated. */
  readonly actor: string | null;
  readonly readOnly: boolean;
  /** What would be allowed; all `false` unless authenticated. */
  readonly actions: Readonly<Record<ActionName, boolean>>;
}

/** `POST /api/v1/session`. The answer is a `Session`, and a cookie. */
export interface SessionRequest {
  readonly token: string;
}

/** `GET /api/v1/health`. 200 if `ok`, else 503. */
export interface Health {
  readonly ok: boolean;
  readonly version: string;
  /** How long the database took to answer, in milliseconds; `null` if it didn't. */
  readonly backendMs: number | null;
  /** Code of the error if it didn't answer; `null` otherwise. */
  readonly problem: string | null;
  /** Whether hints of other processes arrive; where they don't, changes are noticed by polling. */
  readonly live: boolean;
  /** The database's clock. */
  readonly now: string | null;
}

/**
 * `GET /api/v1/changes?instance=…` (may be repeated, at most 20): `text/event-stream`. Events named `change` carry a `Change`;
 * an event named `reset` says that changes may have been missed: read everything again. Comments keep the connection open.
 * All of it is a hint: a change may be told late, twice, or, in rare cases, not at all, so look from time to time anyway.
 */
export interface Change {
  readonly topics: readonly ChangeTopic[];
  /** Instances that are known to have changed; those that were asked for, and those that have ended. */
  readonly instanceIds: readonly string[];
}

/** "instances": some have been started, have moved on, or ended. "workers": some came or went. "limits": some were changed. */
export type ChangeTopic = "instances" | "workers" | "limits";
