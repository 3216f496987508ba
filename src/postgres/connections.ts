import { Database, type DatabaseOptions, type PgClient, type PgPool } from "./database.ts";
import { HeldConnection } from "./held-connection.ts";
import { PreparedStatements } from "./prepared-statements.ts";

export interface Pools {
  readonly pool: PgPool;
  /** For LISTEN and leases: room that other work can't take. The same as `pool` where there is only one. */
  readonly sidePool: PgPool;
  /** Whether `close` ends them. */
  readonly ownsPools: boolean;
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
  #closing: Promise<void> | null = null;

  readonly #pools: ReadonlySet<PgPool>;

  constructor({ pool, sidePool, ownsPools }: Pools, options: Omit<DatabaseOptions, "pool" | "ownsPool">) {
    this.sidePool = sidePool;
    this.#pools = new Set([pool, sidePool]);
    for (const one of this.#pools) one.on("connect", listenForErrors);
    this.ownsPools = ownsPools;
    this.prepared = new PreparedStatements();
    this.db = new Database({ ...options, pool, ownsPool: ownsPools, prepared: this.prepared });
    this.reserved = new Database({ ...options, pool: new HeldConnection(sidePool), ownsPool: true });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.reserved.close();
    await this.db.close();
    if (this.ownsPools) await this.sidePool.end();
    else for (const one of this.#pools) one.off("connect", listenForErrors);
  }
}
