import type { Connection, ConnectionPool, PgPool } from "./database.ts";

type Listener = (error: Error) => void;

/**
 * A pool of one connection, taken from another pool at the first use and kept: for what must not wait behind
 * other work, such as renewing leases. Whoever uses it while it is in use waits.
 */
export class HeldConnection implements ConnectionPool {
  readonly #pool: PgPool;
  #held: Connection | null = null;
  #turn: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(pool: PgPool) {
    this.#pool = pool;
  }

  async connect(): Promise<Connection> {
    const before = this.#turn;
    let done: () => void = () => undefined;
    this.#turn = new Promise((resolve) => (done = resolve));
    await before;
    try {
      if (this.#ended) throw new Error("The connection has been closed.");
      this.#held ??= await this.#take();
    } catch (error) {
      done();
      throw error;
    }
    return borrowed(this.#held, (error) => {
      if (error !== undefined && error !== false) this.#drop(error);
      if (this.#ended) this.#drop();
      done();
    });
  }

  /** Gives the connection back to its pool. */
  async end(): Promise<void> {
    this.#ended = true;
    await this.#turn;
    this.#drop();
  }

  on(event: "error", listener: Listener): unknown {
    return this.#pool.on(event, listener);
  }

  off(event: "error", listener: Listener): unknown {
    return this.#pool.off(event, listener);
  }

  async #take(): Promise<Connection> {
    const taken = await this.#pool.connect();
    // It may break while nobody uses it: without a listener, Node would end the process.
    taken.on("error", (error) => {
      if (this.#held === taken) this.#drop(error);
    });
    return taken;
  }

  #drop(error?: Error | boolean): void {
    const held = this.#held;
    this.#held = null;
    held?.release(error);
  }
}

function borrowed(client: Connection, release: Connection["release"]): Connection {
  return {
    query: (config) => client.query(config),
    release,
    on: (event, listener) => client.on(event, listener),
    off: (event, listener) => client.off(event, listener),
  };
}
