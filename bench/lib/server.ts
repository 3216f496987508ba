import pg from "pg";
import { type LocalPostgres, startLocalPostgres } from "waymark/local";

/** Enough for four worker processes of the engine with the largest pool. Nothing else differs from the defaults. */
const CHANGED = { max_connections: "200" };
const SHOWN = [
  "fsync",
  "synchronous_commit",
  "full_page_writes",
  "wal_level",
  "shared_buffers",
  "max_wal_size",
  "checkpoint_timeout",
  "autovacuum",
  "max_connections",
] as const;

/** The one PostgreSQL of a run of the benchmark: temporary, with the durability that is the default. */
export class Server {
  readonly #server: LocalPostgres;
  readonly #admin: pg.Client;

  private constructor(server: LocalPostgres, admin: pg.Client) {
    this.#server = server;
    this.#admin = admin;
  }

  static async start(): Promise<Server> {
    const server = await startLocalPostgres({ persistent: false, settings: CHANGED });
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    return new Server(server, admin);
  }

  get version(): string {
    return this.#server.version;
  }

  get directory(): string {
    return this.#server.directory;
  }

  get pid(): number {
    return this.#server.pid;
  }

  async settings(): Promise<Record<string, string>> {
    const pairs: [string, string][] = [];
    for (const name of SHOWN) {
      const { rows } = await this.#admin.query<{ value: string }>("SELECT current_setting($1) AS value", [name]);
      pairs.push([name, rows[0]?.value ?? ""]);
    }
    return Object.fromEntries(pairs);
  }

  /** Makes an empty database and gives its URL. Checkpoints, so that every run begins with the same amount of WAL. */
  async createDatabase(name: string): Promise<string> {
    await this.#admin.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE template0`);
    await this.#admin.query("CHECKPOINT");
    const url = new URL(this.#server.url);
    url.pathname = `/${name}`;
    return url.href;
  }

  async dropDatabase(name: string): Promise<void> {
    await this.#admin.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
  }

  async stop(): Promise<void> {
    await this.#admin.end();
    await this.#server.stop();
  }
}
