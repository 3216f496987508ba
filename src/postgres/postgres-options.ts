import type { Codec } from "../codec/codec.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import { type Logger, parseLogger, silentLogger } from "../logger.ts";
import { requireRecord } from "../store/argument-shapes.ts";
import { parseWhole } from "../store/arguments.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

/** Options of a PostgreSQL backend. */
export interface PostgresBackendOptions<C extends Codec = Codec> {
  /** Schema that all tables live in: 1 to 40 lower-case letters, digits and "_". Default `waymark`. */
  readonly schema?: string;
  /** Encodes new payloads. Default: `JsonCodec`, readable and queryable from SQL. */
  readonly codec?: C;
  /** Further codecs, with which existing instances can be read. */
  readonly codecs?: readonly Codec[];
  /** Whether to bring the schema up to date. Default `true`; `false` only checks that it is. */
  readonly migrate?: boolean;
  /**
   * Most connections of a pool that the backend opens itself. 2 to 1,000, default 10. Two more are kept apart, for
   * leases and for LISTEN, and are opened when a worker needs them.
   */
  readonly poolSize?: number;
  /**
   * Most transactional tasks without an adapter that run at once in this process: each has a connection of the pool while its
   * function runs; further ones wait. Default: half of `poolSize`, at least 1; of a pool of the caller's, 5.
   */
  readonly maxTransactions?: number;
  /** Longest time for one statement; its connection is destroyed after that. Default 30 s. */
  readonly statementTimeout?: Duration;
  /** For how long what fails for passing reasons is tried again. Default 15 s. */
  readonly retryFor?: Duration;
  /** Largest encoded input, output or event, in bytes. Default 2 MiB; at most 512 MiB. */
  readonly maxPayloadBytes?: number;
  /**
   * Whether processes wake each other by LISTEN and NOTIFY. Costs a connection while a worker runs or a result is
   * waited for. Default `true`; where a pooler keeps messages from arriving, that is noticed, and polling does.
   */
  readonly notify?: boolean;
  /**
   * Whether the server keeps the plans of statements under names. Default: as soon as LISTEN has shown that no pooler is in
   * between, on a pool of the backend's own. `true`: always; not behind a pooler in transaction mode.
   */
  readonly preparedStatements?: boolean;
  /** Is told of lost connections. Default: nobody. */
  readonly logger?: Logger;
  /** Shown in `pg_stat_activity`. Default `waymark`. */
  readonly applicationName?: string;
  /**
   * A clock that replaces the database's, for tests: leases and timers then obey it. Never set it in
   * production, where clocks of several machines differ.
   */
  readonly testClock?: { now(): number };
}

/** Validated, defaulted, in plain units. */
export interface ResolvedPostgresOptions {
  readonly schema: string;
  readonly codec: Codec | null;
  readonly codecs: readonly Codec[];
  readonly migrate: boolean;
  readonly notify: boolean;
  /** `null`: where it is known to be safe. */
  readonly preparedStatements: boolean | null;
  readonly logger: Logger;
  readonly poolSize: number;
  readonly maxTransactions: number;
  readonly statementTimeoutMs: number;
  readonly retryForMs: number;
  readonly maxPayloadBytes: number;
  readonly applicationName: string;
  readonly testClock: { now(): number } | null;
}

const KNOWN: ReadonlySet<string> = new Set([
  "schema",
  "codec",
  "codecs",
  "migrate",
  "notify",
  "preparedStatements",
  "logger",
  "poolSize",
  "maxTransactions",
  "statementTimeout",
  "retryFor",
  "maxPayloadBytes",
  "applicationName",
  "testClock",
]);

/** @throws {InvalidArgumentError} naming the option */
export function resolvePostgresOptions(options: PostgresBackendOptions): ResolvedPostgresOptions {
  for (const key of Object.keys(requireRecord(options, "options"))) {
    if (!KNOWN.has(key))
      throw new InvalidArgumentError(`options.${key}`, `is unknown. Known are ${[...KNOWN].join(", ")}.`);
  }
  const { schema = "waymark", migrate = true, notify = true, applicationName = "waymark", codecs = [] } = options;
  if (typeof migrate !== "boolean")
    throw new InvalidArgumentError("options.migrate", `must be true or false, not ${kindOf(migrate)}.`);
  if (typeof notify !== "boolean")
    throw new InvalidArgumentError("options.notify", `must be true or false, not ${kindOf(notify)}.`);
  if (options.preparedStatements !== undefined && typeof options.preparedStatements !== "boolean")
    throw new InvalidArgumentError("options.preparedStatements", "must be true or false.");
  if (typeof applicationName !== "string")
    throw new InvalidArgumentError("options.applicationName", "must be a string.");
  const poolSize = parseWhole(options.poolSize ?? 10, "options.poolSize", 2, 1_000);
  return {
    schema,
    codec: options.codec === undefined ? null : parseCodec(options.codec, "options.codec"),
    codecs: codecs.map((codec, index) => parseCodec(codec, `options.codecs[${index}]`)),
    migrate,
    notify,
    preparedStatements: options.preparedStatements ?? null,
    logger: options.logger === undefined ? silentLogger : parseLogger(options.logger, "options.logger"),
    poolSize,
    maxTransactions: parseWhole(
      options.maxTransactions ?? Math.floor(poolSize / 2),
      "options.maxTransactions",
      1,
      1_000,
    ),
    statementTimeoutMs: Math.max(1, parseDuration(options.statementTimeout ?? "30s", "options.statementTimeout")),
    retryForMs: parseDuration(options.retryFor ?? "15s", "options.retryFor"),
    maxPayloadBytes: parseWhole(
      options.maxPayloadBytes ?? 2 * 1024 * 1024,
      "options.maxPayloadBytes",
      1,
      512 * 1024 * 1024,
    ),
    applicationName,
    testClock: options.testClock ?? null,
  };
}

const CODEC_ID = /^[a-z0-9+.()-]{1,100}$/;

function parseCodec(codec: Codec, field: string): Codec {
  if (
    typeof codec !== "object" ||
    codec === null ||
    typeof codec.encode !== "function" ||
    typeof codec.decode !== "function"
  ) {
    throw new InvalidArgumentError(field, "must be a codec: an object with id, encode and decode.");
  }
  if (typeof codec.id !== "string" || !CODEC_ID.test(codec.id)) {
    throw new InvalidArgumentError(`${field}.id`, 'must be 1 to 100 lower-case letters, digits and "-+.()".');
  }
  return codec;
}
