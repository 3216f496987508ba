import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { parseKnownId } from "../ids.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import { checkKeyedStart } from "../store/check-start.ts";
import type { CreatedInstance, NewInstance } from "../store/instance-store.ts";
import type { SendOptions, SendOutcome } from "../store/signal-store.ts";
import type { KeyedStart, StartOutcome } from "../store/start-key-store.ts";
import type { TransactionScope } from "../store/transactional-store.ts";
import type { Queryable } from "../transaction.ts";
import { sessionIn } from "./borrowed-session.ts";
import type { Session } from "./database.ts";
import { createIn, resolveLanes } from "./postgres-instance-store.ts";
import { sendIn } from "./postgres-signal-store.ts";
import { startIn } from "./postgres-start-key-store.ts";
import { findDefinition } from "./queries/find-instances.ts";
import { lockSchemaVersion } from "./queries/transaction-state.ts";
import { isOutsideTransaction } from "./sqlstate.ts";
import type { StoreContext } from "./store-context.ts";

/** Calls inside of a transaction that somebody else has opened, and will end. */
export class PostgresTransactionScope implements TransactionScope {
  readonly #context: StoreContext;
  readonly #session: Session;
  #isChecked = false;

  constructor(context: StoreContext, tx: Queryable) {
    this.#context = context;
    this.#session = sessionIn(tx);
  }

  async createInstances(instances: readonly NewInstance[]): Promise<readonly CreatedInstance[]> {
    await this.#check();
    const created = await createIn(this.#context, this.#session, instances);
    if (created.some((one) => one.created)) await this.#tell();
    return created;
  }

  async sendEvent(instanceId: string, name: string, payload: Bytes, options: SendOptions = {}): Promise<SendOutcome> {
    await this.#check();
    const outcome = await sendIn(this.#context, this.#session, { instanceId, name, payload, options });
    if (outcome === "delivered") await this.#tell();
    return outcome;
  }

  async startKeyed(start: KeyedStart): Promise<StartOutcome> {
    checkKeyedStart(start);
    await this.#check();
    await resolveLanes(this.#context, [start.candidate]);
    // What an end means to others is written down by it, and done by a worker.
    const { outcome, made } = await startIn(this.#context, this.#session, start, () => undefined);
    if (made !== null) await this.#tell();
    return outcome;
  }

  async findDefinition(instanceId: string): Promise<{ readonly flow: string; readonly definitionHash: string } | null> {
    const query = findDefinition(this.#context.tables, parseKnownId(instanceId));
    const [row] = await this.#session.run("find-definition", query);
    return row === undefined ? null : { flow: row.flow, definitionHash: row.definition_hash };
  }

  /** A pool, too, runs statements; each of them would be committed at once. */
  async #check(): Promise<void> {
    if (this.#isChecked) return;
    try {
      await this.#session.run("lock-schema-version", lockSchemaVersion(this.#context.tables));
    } catch (error) {
      if (!isOutsideTransaction(error)) throw error;
      throw new InvalidArgumentError(
        "options.tx",
        "is not inside of a transaction. BEGIN one, and pass the client or transaction that it is open on, not a pool.",
      );
    }
    this.#isChecked = true;
  }

  /** Nobody here can know when it will be committed; the server does, and sends the message then. */
  async #tell(): Promise<void> {
    const query = this.#context.hints.afterCommit();
    if (query !== null) await this.#session.run("notify", query);
  }
}
