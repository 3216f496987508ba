import type { Codec } from "../codec/codec.ts";
import { JsonCodec } from "../codec/json-codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import type { WakeupListener, WakeupSubscription } from "../store/wakeup.ts";
import { systemClock } from "../time/clock.ts";
import { systemRandom } from "../time/random.ts";
import { systemTimers } from "../time/timers.ts";
import { Connections, type Pools } from "./connections.ts";
import type { PgPool } from "./database.ts";
import { LaneRegistry } from "./lane-registry.ts";
import { checkSchema, checkServer, migrateSchema } from "./migrate.ts";
import { OpenSockets } from "./open-sockets.ts";
import { PostgresChildStore } from "./postgres-child-store.ts";
import {
  type PostgresBackendOptions,
  type ResolvedPostgresOptions,
  resolvePostgresOptions,
} from "./postgres-options.ts";
import { PostgresStores } from "./postgres-stores.ts";
import { PostgresWakeups } from "./postgres-wakeups.ts";
import type { StoreContext } from "./store-context.ts";
import { tablesIn } from "./tables.ts";

const PORTS = { clock: systemClock, timers: systemTimers, random: systemRandom };

/**
 * Stores everything in PostgreSQL 13 or newer. Needs no superuser and no extension, and works behind a
 * transaction-mode pooler.
 *
 * @typeParam C - how payloads are serialized into `bytea`; `JsonCodec` keeps them readable from SQL
 *
 * @example
 * ```ts no-check needs a server
 * const backend = await PostgresBackend.connect("postgresql://localhost/app");
 * const runner = new Runner(backend);
 * ```
 */
export class PostgresBackend<C extends Codec = Codec> extends PostgresStores implements Backend {
  readonly codec: C;
  readonly maxPayloadBytes: number;
  /** The schema that its tables live in. */
  readonly schema: string;
  readonly #codecs: ReadonlyMap<string, Codec>;
  readonly #connections: Connections;
  readonly #wakeups: PostgresWakeups;

  private constructor(connections: Connections, options: ResolvedPostgresOptions) {
    const codec = options.codec ?? new JsonCodec();
    const tables = tablesIn(options.schema);
    const { testClock, schema, notify, logger } = options;
    const { db, reserved, prepared, ownsPools, sidePool } = connections;
    const { preparedStatements } = options;
    prepared.turn(preparedStatements === true);
    const onLive = (isLive: boolean): void => {
      if (preparedStatements === null && ownsPools) prepared.turn(isLive);
    };
    const wakeups = new PostgresWakeups({ db, pool: sidePool, schema, notify, onLive, logger, ...PORTS });
    const context: StoreContext = {
      db,
      reserved,
      hints: wakeups,
      tables,
      lanes: new LaneRegistry(db, tables),
      codecId: codec.id,
      settle: () => new PostgresChildStore(context).settleEndings(),
      now: () => (testClock === null ? null : new Date(testClock.now())),
    };
    super(context, options.maxTransactions);
    this.#wakeups = wakeups;
    // `C` is what the caller passed, or the default's type.
    this.codec = codec as C;
    this.maxPayloadBytes = options.maxPayloadBytes;
    this.schema = options.schema;
    this.#codecs = new Map([...options.codecs, codec].map((known) => [known.id, known]));
    this.#connections = connections;
  }

  /**
   * Connects and, unless told otherwise, runs migrations.
   *
   * @param url - `postgresql://user:password@host:port/database?sslmode=verify-full`
   * @throws {InvalidArgumentError} the url or an option is not acceptable
   * @throws {BackendError} the server can't be reached, or is one that Waymark can't work on
   * @throws {SchemaVersionError} the schema doesn't fit and could not be made to
   */
  static async connect<C extends Codec = JsonCodec>(
    url: string,
    options: PostgresBackendOptions<C> = {},
  ): Promise<PostgresBackend<C>> {
    const resolved = resolvePostgresOptions(options);
    checkUrl(url);
    // Loaded only here: whoever brings a pool of their own brings the driver, too.
    const { default: pg } = await import("pg");
    const sockets = new OpenSockets();
    const newPool = (max: number): PgPool =>
      new pg.Pool({
        connectionString: url,
        max,
        application_name: resolved.applicationName,
        // An idle pool must not keep a process alive that has nothing else to do.
        allowExitOnIdle: true,
        stream: () => sockets.make(),
      });
    const pools = { pool: newPool(resolved.poolSize), sidePool: newPool(2), sockets };
    return await open<C>(pools, resolved, (connections) => new PostgresBackend<C>(connections, resolved));
  }

  /**
   * Uses a pool that the caller owns: `close` leaves it open. Anything that looks like a `pg` pool will
   * do. While a worker runs, two of its connections are kept, for leases and for LISTEN: close the backend before you
   * end the pool.
   *
   * @throws as `connect`
   */
  static async connectWith<C extends Codec = JsonCodec>(
    pool: PgPool,
    options: PostgresBackendOptions<C> = {},
  ): Promise<PostgresBackend<C>> {
    const resolved = resolvePostgresOptions(options);
    if (typeof pool?.connect !== "function" || typeof pool.on !== "function") {
      throw new InvalidArgumentError("pool", `must be a pg pool, not ${kindOf(pool)}.`);
    }
    const pools = { pool, sidePool: pool, sockets: null };
    return await open<C>(pools, resolved, (connections) => new PostgresBackend<C>(connections, resolved));
  }

  findCodec(codecId: string): Codec | null {
    return this.#codecs.get(codecId) ?? null;
  }

  get codecIds(): readonly string[] {
    return [...this.#codecs.keys()];
  }

  subscribe(listener: WakeupListener): WakeupSubscription {
    return this.#wakeups.subscribe(listener);
  }

  /**
   * As `Backend.close`. Waits three seconds for what is running; after that its connections are destroyed, and it fails with
   * BACKEND_UNAVAILABLE. So a process ends in time, also where the database does not answer.
   */
  async close(): Promise<void> {
    await this.#connections.close(async () => await this.#wakeups.close());
  }
}

async function open<C extends Codec>(
  pools: Pools,
  options: ResolvedPostgresOptions,
  make: (connections: Connections) => PostgresBackend<C>,
): Promise<PostgresBackend<C>> {
  const { statementTimeoutMs, retryForMs } = options;
  const tables = tablesIn(options.schema);
  const connections = new Connections(pools, { statementTimeoutMs, retryForMs, ...PORTS });
  const { db } = connections;
  try {
    await checkServer(db);
    if (options.migrate) await migrateSchema(db, tables);
    else await checkSchema(db, tables);
    return make(connections);
  } catch (error) {
    await connections.close();
    throw error;
  }
}

function checkUrl(url: unknown): void {
  const problem = "must be a connection URL such as postgresql://user:password@host:5432/database";
  if (typeof url !== "string") throw new InvalidArgumentError("url", `${problem}, not ${kindOf(url)}.`);
  // The text itself may hold a password, so it is not repeated.
  if (!/^postgres(ql)?:\/\//.test(url)) throw new InvalidArgumentError("url", `${problem}.`);
  if (!URL.canParse(url)) {
    throw new InvalidArgumentError(
      "url",
      'can\'t be read. Percent-encode special characters in user and password: "#" is "%23", "@" is "%40", "/" is "%2F".',
    );
  }
}
