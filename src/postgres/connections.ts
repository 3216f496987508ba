import { pause, type Timers } from "../time/timers.ts";
import { Database, type DatabaseOptions, type PgClient, type PgPool } from "./database.ts";
import { HeldConnection } from "./held-connection.ts";
import type { OpenSockets } from "./open-sockets.ts";
import { PreparedStatements } from "./prepared-statements.ts";

/** How long `close` waits for what is running. */
const CLOSE_MS = 3_000;
/** How long it waits for what is left, once nothing can be running any more. */
const DESTROY_MS = 1_000;

export interface Pools {
  readonly pool: PgPool;
  /** For LISTEN and leases: room that other work can't take. The same as `pool` where there is only one. */
  readonly sidePool: PgPool;
  /** What is under them, where `close` ends them; `null` where they are the caller's. */
  readonly sockets: OpenSockets | null;
}

/**
 * A connection may break in the very moment in which it is made, before whoever asked for it could listen; without a
 * listener, Node would end the process. What happens to a statement on it is told by that.
 */
function listenForErrors(client: Pick<PgClient, "on">): void {
  client.on("error", () => undefined);
}

/** The connections of a backend: for its work, and apart from it for what must not wait. */
export class Connections {
  readonly db: Database;
  /** Runs on one connection of its own. */
  readonly reserved: Database;
  readonly sidePool: PgPool;
  /** Of `db`. */
  readonly prepared: PreparedStatements;
  /** Whether nobody else uses their sessions. */
  readonly ownsPools: boolean;
  readonly #sockets: OpenSockets | null;
  readonly #timers: Timers;
  readonly #pools: ReadonlySet<PgPool>;
  #closing: Promise<void> | null = null;

  constructor({ pool, sidePool, sockets }: Pools, options: Omit<DatabaseOptions, "pool" | "ownsPool">) {
    const ownsPools = sockets !== null;
    this.sidePool = sidePool;
    this.#sockets = sockets;
    this.#timers = options.timers;
    this.#pools = new Set([pool, sidePool]);
    for (const one of this.#pools) one.on("connect", listenForErrors);
    this.ownsPools = ownsPools;
    this.prepared = new PreparedStatements();
    this.db = new Database({ ...options, pool, ownsPool: ownsPools, prepared: this.prepared });
    this.reserved = new Database({ ...options, pool: new HeldConnection(sidePool), ownsPool: true });
  }

  /**
   * Waits for what is running, but not for long: a server that does not answer would hold up a process that is to end.
   *
   * @param before - ends what uses the connections besides
   */
  close(before: () => Promise<void> = async () => undefined): Promise<void> {
    this.#closing ??= this.#close(before);
    return this.#closing;
  }

  async #close(before: () => Promise<void>): Promise<void> {
    const closing = this.#closeInOrder(before);
    if (!(await this.#within(CLOSE_MS, closing))) {
      // What is under way fails by this, and ends. A caller's own pool is left to itself.
      this.#sockets?.destroy();
      await this.#within(DESTROY_MS, closing);
    }
    this.#sockets?.unref();
  }

  async #closeInOrder(before: () => Promise<void>): Promise<void> {
    await before();
    await this.reserved.close();
    await this.db.close();
    if (this.ownsPools) await this.sidePool.end();
    else for (const one of this.#pools) one.off("connect", listenForErrors);
  }

  /** @returns whether it has ended */
  async #within(limitMs: number, closing: Promise<void>): Promise<boolean> {
    const isOver = new AbortController();
    const late = pause(this.#timers, limitMs, isOver.signal).then(() => false);
    try {
      return await Promise.race([closing.then(() => true), late]);
    } finally {
      isOver.abort();
    }
  }
}
