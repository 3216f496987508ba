import type { InstanceId, WorkerId } from "../ids.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { Queryable, TransactionSettings, TransactionSource } from "../transaction.ts";
import type { CreatedInstance, NewInstance } from "./instance-store.ts";
import type { CheckpointFate } from "./position-store.ts";
import type { SendOptions, SendOutcome } from "./signal-store.ts";
import type { KeyedStart, StartOutcome } from "./start-key-store.ts";

/** How the transaction of a task is to be opened. */
export interface TransactionRequest extends TransactionSettings {
  /** Opens it; `null`: the store, on a connection of its own. */
  readonly source: TransactionSource<unknown> | null;
  /** Ends the waiting for a free connection. */
  readonly signal: AbortSignal;
}

/** What became of a task's transaction. */
export type TransactionEnd =
  /** Committed if the fate is "accepted"; else rolled back, and the fate says why. */
  | { readonly kind: "written"; readonly fate: CheckpointFate }
  /** Rolled back, because it was in another one's way, or its connection broke. Another run may well succeed. */
  | { readonly kind: "repeatable"; readonly error: unknown }
  /** Rolled back because of what the task's function has done. */
  | { readonly kind: "failed"; readonly error: unknown }
  /** The connection broke while it was committed, and nobody can say yet whether it was. */
  | { readonly kind: "unknown"; readonly error: unknown };

/** A transaction that is open for a task's function. It has to be ended, by one of its two methods, once. */
export interface TaskTransaction {
  /** What the function is given. */
  readonly handle: unknown;

  /**
   * Writes a checkpoint into the transaction and commits it: both, or nothing of what was done in it. Takes no lock of the
   * store's before it is called.
   *
   * @param holder - as for `commitCheckpoints`
   * @returns "failed", with an InvalidArgumentError, for what makes no sense
   */
  commit(
    checkpoint: Checkpoint,
    holder: { readonly workerId: WorkerId; readonly leaseMs: number },
  ): Promise<TransactionEnd>;

  /**
   * Nothing of what was done in it has happened. A statement that is still running is stopped.
   *
   * @param cause - what the function threw; `null` if it threw nothing
   * @returns whether `cause` says that another run may well succeed: a conflict with another transaction, a connection that
   *   broke by itself
   */
  rollback(cause: unknown): Promise<{ readonly isRepeatable: boolean }>;
}

/** Calls that write inside of a transaction that the caller will end. What they tell holds if it is committed. */
export interface TransactionScope {
  /** As `InstanceStore.createInstances`, with no position claimed. */
  createInstances(instances: readonly NewInstance[]): Promise<readonly CreatedInstance[]>;
  /** As `SignalStore.sendEvent`. The instance's mailbox is locked until the transaction ends. */
  sendEvent(instanceId: InstanceId, name: string, payload: Bytes, options?: SendOptions): Promise<SendOutcome>;
  /** As `StartKeyStore.startKeyed`. The key is locked until the transaction ends: who starts something else under it waits. */
  startKeyed(start: KeyedStart): Promise<StartOutcome>;
  /** The definition of an instance, as the transaction sees it; `null` if there is none. */
  findDefinition(instanceId: InstanceId): Promise<{ readonly flow: string; readonly definitionHash: string } | null>;
}

/** Takes part in transactions. Optional: only a store whose data is in the same database as its users' can. */
export interface TransactionalStore {
  /**
   * Opens a transaction for a task. Without a source of the request's, what the function is given is a `Transaction`.
   *
   * @throws {InvalidArgumentError} the request is not acceptable
   * @throws {TransactionMisuseError} the request's source leads to another database, or opens no transaction
   * @throws {BackendError} the store could not open it
   * @throws what the request's source throws
   */
  openTransaction(request: TransactionRequest): Promise<TaskTransaction>;

  /**
   * Calls inside of a transaction that somebody else has opened.
   *
   * @throws {InvalidArgumentError} `tx` is nothing that statements can be run with
   */
  within(tx: Queryable): TransactionScope;
}
