import { unawaited } from "../codec/maybe-promise.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { TransactionEndedError, TransactionMisuseError } from "../errors/transaction-errors.ts";
import { kindOf } from "../ids.ts";
import type { Queryable, Transaction } from "../transaction.ts";
import type { Connection } from "./database.ts";
import { isConflict } from "./sqlstate.ts";
import { statementProblem } from "./statement-rules.ts";

interface Result<Row> {
  readonly rows: readonly Row[];
  readonly rowCount: number | null;
}

/** What a task's function gets for a transaction on one of the backend's own connections. */
export class TransactionHandle implements Transaction {
  readonly #client: Connection;
  /** Ends when all statements so far have ended: the driver takes one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #misuse: TransactionMisuseError | null = null;
  #hasConflict = false;
  #failure: unknown = null;

  constructor(client: Connection) {
    this.#client = client;
  }

  query<Row extends object = Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Result<Row>> {
    // What it has failed with is remembered, and the transaction with it.
    return unawaited(this.#query(text, values)) as Promise<Result<Row>>;
  }

  async #query(text: string, values: readonly unknown[]): Promise<Result<unknown>> {
    if (typeof text !== "string") throw new InvalidArgumentError("text", `must be a string, not ${kindOf(text)}.`);
    if (!Array.isArray(values)) throw new InvalidArgumentError("values", `must be an array, not ${kindOf(values)}.`);
    if (this.#isClosed) throw new TransactionEndedError();
    const problem = statementProblem(text);
    if (problem !== null) {
      // Remembered: a function that catches this has shown all the same that it expects something else to happen.
      this.#misuse ??= new TransactionMisuseError(problem);
      throw this.#misuse;
    }
    return await this.#inTurn(() => this.#run(text, [...(values as readonly unknown[])]));
  }

  /** For the engine's own statements: also when the function has ended. */
  get own(): Queryable {
    return {
      query: (text, values) =>
        this.#inTurn(() => this.#client.query({ text, values: [...values], queryMode: "extended" })),
    };
  }

  get misuse(): TransactionMisuseError | null {
    return this.#misuse;
  }

  /** Whether a statement has failed because of another transaction. */
  get hasConflict(): boolean {
    return this.#hasConflict;
  }

  /** What the first statement that failed has failed with; `null` if none has. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Refuses further statements. Resolves when those have ended that were begun. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
  }

  async #run(text: string, values: unknown[]): Promise<Result<unknown>> {
    try {
      const { rows, rowCount = null } = await this.#client.query({ text, values, queryMode: "extended" });
      return { rows, rowCount };
    } catch (error) {
      this.#hasConflict ||= isConflict(error);
      this.#failure ??= error;
      throw error;
    }
  }

  async #inTurn<T>(statement: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const result = before.then(statement);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return await result;
  }
}
