import { BackendError } from "../errors/backend-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";

/** Whether a failed statement can have taken effect all the same. */
export type Effect = "none" | "unknown";

/** Connection lost (08), out of resources (53), shutting down (57P0x), timeouts (57014), read-only standby (25006). */
const UNAVAILABLE = /^(08|53|57P0[1-5]$|57014$|25006$)/;
/** Wrong user or password (28), no such database (3D), no right to do this (42501). */
const REFUSED = /^(28|3D|42501$)/;
/** Serialization failure, deadlock, lock not available. */
const CONTENTION: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);
/** Server-side errors after which it is not certain that the transaction was rolled back. */
const UNCERTAIN = /^(08|57P0[12]$|40003$)/;
/** Errors of the socket layer that are raised before anything was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
const SOCKET_CODES = /^E[A-Z_]+$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * Turns what the driver threw into ours. The only place that knows SQLSTATE.
 *
 * @param queryName - the file's name under `queries/`
 */
export function backendErrorFrom(cause: unknown, queryName: string): BackendError | WaymarkError {
  if (WaymarkError.is(cause)) return cause;
  const sqlstate = sqlstateOf(cause);
  const constraint = textOf(cause, "constraint");
  const facts = { queryName, sqlstate, constraint };
  if (sqlstate === null || UNAVAILABLE.test(sqlstate)) {
    return isProgrammingError(cause)
      ? new BackendError("BACKEND_BUG", { ...facts, problem: "The driver refused the statement" }, { cause })
      : new BackendError(
          "BACKEND_UNAVAILABLE",
          { ...facts, problem: `The database can't be reached, or is too busy, right now${reasonOf(cause, sqlstate)}` },
          { cause },
        );
  }
  if (CONTENTION.has(sqlstate)) {
    return new BackendError("BACKEND_CONFLICT", { ...facts, problem: "Another transaction was in the way" }, { cause });
  }
  if (REFUSED.test(sqlstate)) {
    const refused = textOf(cause, "message") ?? "no reason given";
    const remedy = "Check user, password and database in the URL, and the role's rights";
    return new BackendError(
      "BACKEND_REFUSED",
      { ...facts, problem: `The database refuses this user: ${refused}. ${remedy}` },
      { cause },
    );
  }
  // Anything else means that our SQL, our code or the schema is wrong. Trying again would hide it.
  const said = textOf(cause, "message") ?? "unknown error";
  return new BackendError(
    "BACKEND_BUG",
    { ...facts, problem: `The database refused the statement: ${said}` },
    { cause },
  );
}

/** What the socket layer says: which address, and why not. Holds no secrets. */
function reasonOf(cause: unknown, sqlstate: string | null): string {
  const code = textOf(cause, "code");
  const address = textOf(cause, "address");
  const port: unknown = typeof cause === "object" && cause !== null ? Reflect.get(cause, "port") : null;
  if (sqlstate !== null || code === null) return "";
  return address === null ? `: ${code}` : `: ${code} at ${address}:${String(port)}`;
}

/** Whether the statement that failed with `error` may have been committed. */
export function effectOf(error: unknown): Effect {
  const cause = error instanceof BackendError ? error.cause : error;
  const sqlstate = sqlstateOf(cause);
  if (sqlstate !== null) return UNCERTAIN.test(sqlstate) ? "unknown" : "none";
  const code = textOf(cause, "code");
  return code !== null && NOT_SENT.has(code) ? "none" : "unknown";
}

/** Serialization failure or deadlock: the whole transaction may succeed when it is run again. */
export function isConflict(error: unknown): boolean {
  const sqlstate = sqlstateOf(driverErrorOf(error));
  return sqlstate === "40001" || sqlstate === "40P01";
}

/** An earlier statement of the transaction has failed, and whoever ran it has gone on. */
export function isInFailedTransaction(error: unknown): boolean {
  return sqlstateOf(driverErrorOf(error)) === "25P02";
}

/** The statement needs a transaction, and there is none. */
export function isOutsideTransaction(error: unknown): boolean {
  return sqlstateOf(driverErrorOf(error)) === "25P01";
}

/** The server has ended the session, or the way to it is cut. */
export function isConnectionLoss(error: unknown): boolean {
  return UNCERTAIN.test(sqlstateOf(driverErrorOf(error)) ?? "");
}

/** Whether the server answered with an error, so that the connection is in order. */
export function isAnswer(error: unknown): boolean {
  return textOf(driverErrorOf(error), "severity") === "ERROR";
}

const WRAPPINGS = ["cause", "driverError", "originalError"] as const;
const DEEPEST = 5;

/** What the driver threw, where a library on top of it has wrapped that in an error of its own. */
export function driverErrorOf(error: unknown): unknown {
  let inner = error;
  for (let depth = 0; depth < DEEPEST && typeof inner === "object" && inner !== null; depth++) {
    if (sqlstateOf(inner) !== null) return inner;
    const wrapper: object = inner;
    inner = WRAPPINGS.map((key): unknown => Reflect.get(wrapper, key)).find((value) => typeof value === "object");
  }
  return error;
}

export function isUniqueViolation(error: unknown): error is BackendError {
  return error instanceof BackendError && error.sqlstate === "23505";
}

function sqlstateOf(cause: unknown): string | null {
  const code = textOf(cause, "code");
  return code !== null && SQLSTATE.test(code) && !SOCKET_CODES.test(code) ? code : null;
}

/** A TypeError and the like comes from code, not from the network. */
function isProgrammingError(cause: unknown): boolean {
  return cause instanceof TypeError || cause instanceof RangeError || cause instanceof SyntaxError;
}

function textOf(cause: unknown, key: string): string | null {
  if (typeof cause !== "object" || cause === null) return null;
  const value: unknown = Reflect.get(cause, key);
  return typeof value === "string" ? value : null;
}
