import { BackendError } from "../errors/backend-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import type { Clock } from "../time/clock.ts";
import type { Random } from "../time/random.ts";
import { pause, type Timers } from "../time/timers.ts";
import type { PreparedStatements } from "./prepared-statements.ts";
import type { Query } from "./sql.ts";
import { backendErrorFrom, effectOf, isAnswer } from "./sqlstate.ts";
import { type WireTypes, wireTypes } from "./wire-types.ts";

type OnError = (error: Error) => void;
type OnNotification = (message: Notification) => void;

interface StatementConfig {
  name?: string;
  text: string;
  values?: unknown[];
  types?: WireTypes;
  /** "extended": exactly one statement. */
  queryMode?: "extended";
}

interface StatementResult {
  rows: unknown[];
  rowCount?: number | null;
  /** What has been done: "COMMIT" … */
  command?: string;
}

/** A connection on which statements run. */
export interface Connection {
  query(config: StatementConfig): Promise<StatementResult>;
  release(error?: Error | boolean): void;
  on(event: "error", listener: OnError): unknown;
  off(event: "error", listener: OnError): unknown;
}

/** Where connections come from. */
export interface ConnectionPool {
  connect(): Promise<Connection>;
  end(): Promise<void>;
  on(event: "error", listener: OnError): unknown;
  off(event: "error", listener: OnError): unknown;
}

/** The part of a `pg` client that is used here. */
export interface PgClient extends Connection {
  /** Lets the process end while nothing else is left to do. */
  unref?(): void;
  on(event: "error", listener: OnError): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "notification", listener: OnNotification): unknown;
  off(event: "error", listener: OnError): unknown;
  off(event: "end", listener: () => void): unknown;
  off(event: "notification", listener: OnNotification): unknown;
}

/** A message of NOTIFY, as `pg` gives it. */
export interface Notification {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** The part of a `pg` pool that is used here. A caller's own pool only has to look like this. */
export interface PgPool extends ConnectionPool {
  connect(): Promise<PgClient>;
  on(event: "error", listener: OnError): unknown;
  on(event: "connect", listener: (client: PgClient) => void): unknown;
  off(event: "error", listener: OnError): unknown;
  off(event: "connect", listener: (client: PgClient) => void): unknown;
}

/** Runs statements one after the other: a pool, or a transaction. */
export interface Session {
  run<Row>(name: string, query: Query<Row>): Promise<Row[]>;
}

export interface DatabaseOptions {
  readonly pool: ConnectionPool;
  /** Whether `close` ends the pool. */
  readonly ownsPool: boolean;
  /** Longest time for one statement, connection included, in ms. Its connection is destroyed after that. */
  readonly statementTimeoutMs: number;
  /** For how long what fails for reasons that pass is tried again, in ms. */
  readonly retryForMs: number;
  /** Which statements are prepared; default: none. */
  readonly prepared?: PreparedStatements;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** How a statement behaves when it is run twice. */
export type Repeat =
  /** Twice is as good as once: tried again after any passing failure. */
  | "harmless"
  /** Tried again only where the failed try certainly had no effect. */
  | "ifWithoutEffect";

const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 2_000;

/** Runs statements on a pool: bounded in time, failures translated, passing ones tried again. */
export class Database {
  readonly #options: DatabaseOptions;
  readonly #onConnectionError = (): void => {
    // A connection that dies is told of by its statement's rejection, if there is one, and is replaced
    // by the pool. Without a listener, Node would end the process.
  };
  /** End the waiting of those who have asked for a connection. */
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    options.pool.on("error", this.#onConnectionError);
  }

  /** Runs one statement in a transaction of its own. */
  async run<Row>(name: string, query: Query<Row>, repeat: Repeat = "harmless"): Promise<Row[]> {
    return await this.#withRetry(name, repeat, () =>
      this.#onClient(name, (client) => untilItsEnd(client, this.#send(client, query))),
    );
  }

  /**
   * Runs `work` in one transaction, at READ COMMITTED. The whole of it is run again after a passing
   * failure, so it must do nothing but use its session.
   */
  async transaction<T>(name: string, work: (tx: Session) => Promise<T>, repeat: Repeat = "harmless"): Promise<T> {
    return await this.#withRetry(name, repeat, () => this.#onClient(name, (client) => inTransaction(client, work)));
  }

  /** Runs `work` in one transaction in which all statements see the same state. It must only read. */
  async snapshot<T>(name: string, work: (tx: Session) => Promise<T>): Promise<T> {
    return await this.#withRetry(name, "harmless", () =>
      this.#onClient(name, (client) => inTransaction(client, work, "REPEATABLE READ, READ ONLY")),
    );
  }

  /** A connection for somebody who keeps it for a while, and has to release it. */
  async take(name: string): Promise<Connection> {
    return await this.#withRetry(name, "harmless", async () => {
      this.#checkOpen(name);
      const deadline = this.#deadline(name);
      try {
        return await this.#connect(name, deadline);
      } finally {
        deadline.cancel();
      }
    });
  }

  /** Waits for the answer to something that has been sent, as long as one statement may take. */
  async inTime<T>(
    name: string,
    answer: PromiseLike<T>,
    limitMs: number = this.#options.statementTimeoutMs,
  ): Promise<T> {
    const deadline = new Deadline(this.#options.timers, limitMs, name);
    try {
      return await deadline.race(Promise.resolve(answer));
    } finally {
      deadline.cancel();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const giveUp of this.#waiting) giveUp();
    // Our own pool keeps its listener: its connections may still report how they ended.
    if (this.#options.ownsPool) await this.#options.pool.end();
    else this.#options.pool.off("error", this.#onConnectionError);
  }

  async #send<Row>(client: Connection, query: Query<Row>): Promise<Row[]> {
    const { prepared } = this.#options;
    if (prepared === undefined) return await send<Row>(client, query);
    const statement = prepared.nameFor(client, query);
    try {
      return await send<Row>(client, query, statement);
    } catch (error) {
      if (statement === null || !prepared.isToBlame(error)) throw error;
      return await send<Row>(client, query);
    }
  }

  async #withRetry<T>(name: string, repeat: Repeat, attempt: () => Promise<T>): Promise<T> {
    const { clock, retryForMs, timers, random } = this.#options;
    const startedAt = clock.monotonicMs();
    for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_RETRY_MS)) {
      try {
        return await attempt();
      } catch (cause) {
        const error = backendErrorFrom(cause, name);
        const repeatable = repeat === "harmless" || effectOf(error) === "none";
        const timeLeft = retryForMs - (clock.monotonicMs() - startedAt);
        if (!error.retryable || !repeatable || timeLeft <= 0 || this.#closed) throw error;
        // Full jitter: a hundred clients that lost the same server come back spread out.
        await pause(timers, Math.min(random.next() * delayMs, timeLeft));
      }
    }
  }

  async #onClient<T>(name: string, work: (client: Connection) => Promise<T>): Promise<T> {
    this.#checkOpen(name);
    const deadline = this.#deadline(name);
    let client: Connection | null = null;
    let failure: Error | undefined;
    try {
      client = await this.#connect(name, deadline);
      client.on("error", this.#onConnectionError);
      const { prepared } = this.#options;
      if (prepared !== undefined) await deadline.race(prepared.setUp(client));
      return await deadline.race(work(client));
    } catch (error) {
      // A connection whose statement failed may still be busy, or in a transaction: only one that the
      // server answered in order is given back. Others are destroyed.
      const isInOrder = WaymarkError.is(error) || isAnswer(error);
      failure = deadline.passed || !isInOrder ? asError(error) : undefined;
      throw error;
    } finally {
      deadline.cancel();
      // One that is destroyed keeps its listener: it may still report its end.
      if (failure === undefined) client?.off("error", this.#onConnectionError);
      client?.release(failure);
    }
  }

  /** Waits for a connection, until this is closed: a pool that is ended forgets whoever waits for one. */
  async #connect(name: string, deadline: Deadline): Promise<Connection> {
    const connecting = this.#options.pool.connect();
    let hasGivenUp = false;
    let giveUp = (): void => undefined;
    const closed = new Promise<never>((_, reject) => {
      giveUp = () => {
        hasGivenUp = true;
        reject(closedError(name));
      };
    });
    this.#waiting.add(giveUp);
    const late = (client: Connection): void => client.release(true);
    connecting.then(
      (client) => (hasGivenUp ? late(client) : undefined),
      () => undefined,
    );
    try {
      return await deadline.race(Promise.race([connecting, closed]), late);
    } finally {
      this.#waiting.delete(giveUp);
    }
  }

  #checkOpen(name: string): void {
    if (this.#closed) throw closedError(name);
  }

  #deadline(name: string): Deadline {
    return new Deadline(this.#options.timers, this.#options.statementTimeoutMs, name);
  }
}

function closedError(name: string): BackendError {
  return new BackendError("BACKEND_CLOSED", { queryName: name, problem: "The backend has been closed" });
}

class Deadline {
  passed = false;
  readonly #expired: Promise<never>;
  readonly #timer: { cancel(): void };

  constructor(timers: Timers, limitMs: number, name: string) {
    let reject: (error: Error) => void;
    this.#expired = new Promise<never>((_, no) => (reject = no));
    this.#expired.catch(() => undefined);
    this.#timer = timers.after(limitMs, () => {
      this.passed = true;
      const problem = `The database did not answer within ${limitMs} ms`;
      reject(new BackendError("BACKEND_UNAVAILABLE", { queryName: name, problem }));
    });
  }

  /** `late` is called with what arrives after the deadline. */
  race<T>(promise: Promise<T>, late?: (value: T) => void): Promise<T> {
    promise.then(
      (value) => (this.passed ? late?.(value) : undefined),
      () => undefined,
    );
    return Promise.race([promise, this.#expired]);
  }

  cancel(): void {
    this.#timer.cancel();
  }
}

async function send<Row>(client: Connection, query: Query<Row>, statement: string | null = null): Promise<Row[]> {
  const config = { text: query.text, values: query.values as unknown[], types: wireTypes };
  const { rows } = await client.query(statement === null ? config : { ...config, name: statement });
  return rows as Row[];
}

async function inTransaction<T>(
  client: Connection,
  work: (tx: Session) => Promise<T>,
  level: "READ COMMITTED" | "REPEATABLE READ, READ ONLY" = "READ COMMITTED",
): Promise<T> {
  await client.query({ text: `BEGIN ISOLATION LEVEL ${level}` });
  let result: T;
  try {
    result = await work({ run: (_name, query) => send(client, query) });
  } catch (error) {
    await client.query({ text: "ROLLBACK" });
    throw error;
  }
  await untilItsEnd(client, client.query({ text: "COMMIT" }));
  return result;
}

/**
 * The driver tells of an error as soon as it arrives, and the server sends it before it ends the transaction: the locks
 * may be there for a moment longer, and whoever looks next would skip what is locked. Once it answers something further,
 * they are gone.
 */
async function untilItsEnd<T>(client: Connection, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isAnswer(error)) await client.query({ text: "" }).catch(() => undefined);
    throw error;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
