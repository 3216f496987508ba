import type { Codec } from "../codec/codec.ts";
import { JsonCodec } from "../codec/json-codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import type { Checkpoint, ClaimRef } from "../snapshot/checkpoint.ts";
import type { TraceEntry } from "../snapshot/history-fold.ts";
import type { Lane } from "../snapshot/position.ts";
import type {
  Bytes,
  HistoryEntry,
  InstanceRecord,
  InstanceStatus,
  Snapshot,
  TaskResult,
} from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { DefinitionStore, PublishedDefinition } from "../store/definition-store.ts";
import type {
  ControlOutcome,
  CreatedInstance,
  Holder,
  InstanceFilter,
  InstanceFork,
  InstanceState,
  Migration,
  NewInstance,
  TerminateOutcome,
} from "../store/instance-store.ts";
import type {
  BufferedEvent,
  CheckpointFate,
  ClaimedPosition,
  ClaimRequest,
  Promotion,
  Renewal,
} from "../store/position-store.ts";
import type { RetryRequest, SendOptions, SendOutcome, SignalKind, SignalRequest } from "../store/signal-store.ts";
import type { AvailableTask, TaskClaim } from "../store/task-claim-store.ts";
import type {
  TaskTransaction,
  TransactionalStore,
  TransactionRequest,
  TransactionScope,
} from "../store/transactional-store.ts";
import type { WakeupListener, WakeupSubscription } from "../store/wakeup.ts";
import { systemClock } from "../time/clock.ts";
import { systemRandom } from "../time/random.ts";
import { systemTimers } from "../time/timers.ts";
import type { Queryable } from "../transaction.ts";
import { Connections, type Pools } from "./connections.ts";
import type { PgPool } from "./database.ts";
import { LaneRegistry } from "./lane-registry.ts";
import { checkSchema, checkServer, migrateSchema } from "./migrate.ts";
import { PostgresDefinitionStore } from "./postgres-definition-store.ts";
import { PostgresHistoryStore } from "./postgres-history-store.ts";
import { PostgresInstanceStore } from "./postgres-instance-store.ts";
import {
  type PostgresBackendOptions,
  type ResolvedPostgresOptions,
  resolvePostgresOptions,
} from "./postgres-options.ts";
import { PostgresPositionStore } from "./postgres-position-store.ts";
import { PostgresSignalStore } from "./postgres-signal-store.ts";
import { PostgresSnapshotStore } from "./postgres-snapshot-store.ts";
import { PostgresTaskClaimStore } from "./postgres-task-claim-store.ts";
import { PostgresTransactionalStore } from "./postgres-transactional-store.ts";
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
export class PostgresBackend<C extends Codec = Codec> implements Backend, TransactionalStore, DefinitionStore {
  readonly codec: C;
  readonly maxPayloadBytes: number;
  /** The schema that its tables live in. */
  readonly schema: string;
  readonly #codecs: ReadonlyMap<string, Codec>;
  readonly #connections: Connections;
  readonly #wakeups: PostgresWakeups;
  readonly #snapshots: PostgresSnapshotStore;
  readonly #signals: PostgresSignalStore;
  readonly #taskClaims: PostgresTaskClaimStore;
  readonly #instances: PostgresInstanceStore;
  readonly #positions: PostgresPositionStore;
  readonly #history: PostgresHistoryStore;
  readonly #transactions: PostgresTransactionalStore;
  readonly #definitions: PostgresDefinitionStore;

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
    this.#wakeups = new PostgresWakeups({ db, pool: sidePool, schema, notify, onLive, logger, ...PORTS });
    const context: StoreContext = {
      db,
      reserved,
      hints: this.#wakeups,
      tables,
      lanes: new LaneRegistry(db, tables),
      codecId: codec.id,
      now: () => (testClock === null ? null : new Date(testClock.now())),
    };
    // `C` is what the caller passed, or the default's type.
    this.codec = codec as C;
    this.maxPayloadBytes = options.maxPayloadBytes;
    this.schema = options.schema;
    this.#codecs = new Map([...options.codecs, codec].map((known) => [known.id, known]));
    this.#connections = connections;
    this.#snapshots = new PostgresSnapshotStore(context);
    this.#signals = new PostgresSignalStore(context);
    this.#taskClaims = new PostgresTaskClaimStore(context);
    this.#instances = new PostgresInstanceStore(context);
    this.#positions = new PostgresPositionStore(context);
    this.#history = new PostgresHistoryStore(context);
    this.#definitions = new PostgresDefinitionStore(context);
    this.#transactions = new PostgresTransactionalStore(context, options.maxTransactions);
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
    const newPool = (max: number): PgPool =>
      new pg.Pool({
        connectionString: url,
        max,
        application_name: resolved.applicationName,
        // An idle pool must not keep a process alive that has nothing else to do.
        allowExitOnIdle: true,
      });
    const pools = { pool: newPool(resolved.poolSize), sidePool: newPool(2), ownsPools: true };
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
    const pools = { pool, sidePool: pool, ownsPools: false };
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

  async close(): Promise<void> {
    await this.#wakeups.close();
    await this.#connections.close();
  }

  saveSnapshot(snapshot: Snapshot): Promise<void> {
    return this.#snapshots.saveSnapshot(snapshot);
  }
  saveTaskResult(instanceId: string, taskId: string, output: Bytes): Promise<void> {
    return this.#snapshots.saveTaskResult(instanceId, taskId, output);
  }
  loadSnapshot(instanceId: string): Promise<Snapshot> {
    return this.#snapshots.loadSnapshot(instanceId);
  }
  deleteSnapshot(instanceId: string): Promise<void> {
    return this.#snapshots.deleteSnapshot(instanceId);
  }
  listSnapshots(page?: { readonly after?: string; readonly limit?: number }): Promise<string[]> {
    return this.#snapshots.listSnapshots(page);
  }

  storeSignal(instanceId: string, kind: SignalKind, request: SignalRequest): Promise<void> {
    return this.#signals.storeSignal(instanceId, kind, request);
  }
  getSignal(instanceId: string, kind: SignalKind): Promise<SignalRequest | null> {
    return this.#signals.getSignal(instanceId, kind);
  }
  clearSignal(instanceId: string, kind: SignalKind): Promise<void> {
    return this.#signals.clearSignal(instanceId, kind);
  }
  sendEvent(instanceId: string, name: string, payload: Bytes, options?: SendOptions): Promise<SendOutcome> {
    return this.#signals.sendEvent(instanceId, name, payload, options);
  }
  consumeEvent(instanceId: string, name: string): Promise<Bytes | null> {
    return this.#signals.consumeEvent(instanceId, name);
  }
  checkAndCancel(instanceId: string, interruptedAtTask?: string): Promise<boolean> {
    return this.#signals.checkAndCancel(instanceId, interruptedAtTask);
  }
  checkAndPause(instanceId: string): Promise<boolean> {
    return this.#signals.checkAndPause(instanceId);
  }
  unpause(instanceId: string): Promise<Snapshot> {
    return this.#signals.unpause(instanceId);
  }

  claimTask(instanceId: string, taskId: string, workerId: string, ttlMs?: number): Promise<TaskClaim | null> {
    return this.#taskClaims.claimTask(instanceId, taskId, workerId, ttlMs);
  }
  releaseTaskClaim(instanceId: string, taskId: string, workerId: string): Promise<void> {
    return this.#taskClaims.releaseTaskClaim(instanceId, taskId, workerId);
  }
  extendTaskClaim(instanceId: string, taskId: string, workerId: string, durationMs: number): Promise<void> {
    return this.#taskClaims.extendTaskClaim(instanceId, taskId, workerId, durationMs);
  }
  findAvailableTasks(workerId: string, limit: number): Promise<AvailableTask[]> {
    return this.#taskClaims.findAvailableTasks(workerId, limit);
  }
  registerWorker(workerId: string, tags: readonly string[]): Promise<void> {
    return this.#taskClaims.registerWorker(workerId, tags);
  }
  keepWorker(workerId: string, tags: readonly string[], ttlMs: number, lanes?: readonly Lane[]): Promise<number> {
    return this.#taskClaims.keepWorker(workerId, tags, ttlMs, lanes);
  }
  unregisterWorker(workerId: string): Promise<void> {
    return this.#taskClaims.unregisterWorker(workerId);
  }

  createInstances(instances: readonly NewInstance[], holder?: Holder): Promise<readonly CreatedInstance[]> {
    return this.#instances.createInstances(instances, holder);
  }
  replaceInstance(instance: NewInstance, holder?: Holder): Promise<CreatedInstance> {
    return this.#instances.replaceInstance(instance, holder);
  }
  findInstance(instanceId: string): Promise<InstanceState | null> {
    return this.#instances.findInstance(instanceId);
  }
  findEnded(instanceIds: readonly string[]): Promise<readonly string[]> {
    return this.#instances.findEnded(instanceIds);
  }
  listInstances(filter: InstanceFilter): Promise<readonly InstanceRecord[]> {
    return this.#instances.listInstances(filter);
  }
  listInstanceIds(filter: InstanceFilter): Promise<readonly string[]> {
    return this.#instances.listInstanceIds(filter);
  }
  requestControl(instanceId: string, kind: SignalKind, request: SignalRequest): Promise<ControlOutcome> {
    return this.#instances.requestControl(instanceId, kind, request);
  }
  terminateInstance(instanceId: string, request: SignalRequest): Promise<TerminateOutcome> {
    return this.#instances.terminateInstance(instanceId, request);
  }
  retryInstance(instanceId: string, request: RetryRequest): Promise<void> {
    return this.#instances.retryInstance(instanceId, request);
  }
  forkInstance(fork: InstanceFork): Promise<void> {
    return this.#instances.forkInstance(fork);
  }
  migrateInstance(migration: Migration): Promise<void> {
    return this.#instances.migrateInstance(migration);
  }
  settleInterrupt(instanceId: string, interruptedAtTask: string): Promise<InstanceStatus | null> {
    return this.#instances.settleInterrupt(instanceId, interruptedAtTask);
  }

  claimPositions(request: ClaimRequest): Promise<readonly ClaimedPosition[]> {
    return this.#positions.claimPositions(request);
  }
  promoteDue(): Promise<Promotion> {
    return this.#positions.promoteDue();
  }
  commitCheckpoints(
    checkpoints: readonly Checkpoint[],
    holder: { readonly workerId: string; readonly leaseMs: number },
  ): Promise<readonly CheckpointFate[]> {
    return this.#positions.commitCheckpoints(checkpoints, holder);
  }
  renewClaims(claims: readonly ClaimRef[], leaseMs: number): Promise<readonly Renewal[]> {
    return this.#positions.renewClaims(claims, leaseMs);
  }
  releaseClaims(claims: readonly ClaimRef[]): Promise<void> {
    return this.#positions.releaseClaims(claims);
  }
  peekEvent(instanceId: string, name: string): Promise<BufferedEvent | null> {
    return this.#positions.peekEvent(instanceId, name);
  }

  readHistory(
    instanceId: string,
    page?: { readonly after?: bigint; readonly limit?: number },
  ): Promise<readonly HistoryEntry[]> {
    return this.#history.readHistory(instanceId, page);
  }
  readTrace(instanceId: string): Promise<readonly TraceEntry[]> {
    return this.#history.readTrace(instanceId);
  }
  loadResults(instanceId: string, taskIds: readonly string[]): Promise<readonly TaskResult[]> {
    return this.#history.loadResults(instanceId, taskIds);
  }
  findLastIteration(instanceId: string, loopTaskId: string): Promise<string | null> {
    return this.#history.findLastIteration(instanceId, loopTaskId);
  }
  loadSteps(instanceId: string, taskId: string): Promise<readonly TaskResult[]> {
    return this.#history.loadSteps(instanceId, taskId);
  }
  listCompleted(instanceId: string): Promise<readonly string[]> {
    return this.#history.listCompleted(instanceId);
  }
  lastFailure(instanceId: string, taskId: string): Promise<Uint8Array | null> {
    return this.#history.lastFailure(instanceId, taskId);
  }
  sinceAttempt(instanceId: string, taskId: string, attempt: number): Promise<number | null> {
    return this.#history.sinceAttempt(instanceId, taskId, attempt);
  }

  publishDefinitions(definitions: readonly PublishedDefinition[], asNewest: boolean): Promise<void> {
    return this.#definitions.publishDefinitions(definitions, asNewest);
  }

  openTransaction(request: TransactionRequest): Promise<TaskTransaction> {
    return this.#transactions.openTransaction(request);
  }
  within(tx: Queryable): TransactionScope {
    return this.#transactions.within(tx);
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
