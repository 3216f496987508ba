import { TransactionUnsupportedError } from "../errors/transaction-errors.ts";
import type { Backend } from "../store/backend.ts";
import type { SendOptions } from "../store/signal-store.ts";
import type { TransactionScope } from "../store/transactional-store.ts";
import type { Queryable } from "../transaction.ts";

/** Options of an event that is sent. */
export interface EventOptions extends SendOptions {
  /** Sends it inside of this open transaction, as `SubmitOptions.tx`: it is there when that is committed, and never if it is rolled back. */
  readonly tx?: Queryable;
}

/**
 * The backend's calls inside of a caller's transaction.
 *
 * @throws {TransactionUnsupportedError} the backend can't do that
 * @throws {InvalidArgumentError} `tx` runs no statements
 */
export function scopeIn(backend: Backend, tx: Queryable): TransactionScope {
  if (backend.within === undefined) throw new TransactionUnsupportedError("{ tx }", backend.constructor.name);
  return backend.within(tx);
}
