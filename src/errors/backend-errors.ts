import { type ErrorCode, WaymarkError } from "./waymark-error.ts";

/** The database could not do what was asked. `code` says whether that may pass. */
export class BackendError extends WaymarkError {
  override readonly name = "BackendError";
  readonly code: Extract<
    ErrorCode,
    "BACKEND_UNAVAILABLE" | "BACKEND_CONFLICT" | "BACKEND_REFUSED" | "BACKEND_BUG" | "BACKEND_CLOSED"
  >;
  readonly retryable: boolean;
  /** PostgreSQL's SQLSTATE, where there is one. */
  readonly sqlstate: string | null;
  /** The constraint that was violated, where there is one. */
  readonly constraint: string | null;
  /** The statement's name: the file under `postgres/queries/`. */
  readonly queryName: string;

  constructor(
    code: BackendError["code"],
    facts: { queryName: string; problem: string; sqlstate?: string | null; constraint?: string | null },
    options?: ErrorOptions,
  ) {
    super(`${facts.problem} (in ${facts.queryName}${facts.sqlstate ? `, SQLSTATE ${facts.sqlstate}` : ""})`, options);
    this.code = code;
    this.retryable = code === "BACKEND_UNAVAILABLE" || code === "BACKEND_CONFLICT";
    this.sqlstate = facts.sqlstate ?? null;
    this.constraint = facts.constraint ?? null;
    this.queryName = facts.queryName;
  }
}

/** The database's schema does not fit this version of the library. Nothing was read or written. */
export class SchemaVersionError extends WaymarkError {
  override readonly name = "SchemaVersionError";
  readonly code: Extract<ErrorCode, "SCHEMA_TOO_OLD" | "SCHEMA_TOO_NEW">;
  readonly retryable = false;
  /** The newest migration that the database has; 0 if it has none. */
  readonly found: number;
  /** The migration that this version of the library needs. */
  readonly needed: number;

  constructor(code: SchemaVersionError["code"], schema: string, found: number, needed: number) {
    super(
      code === "SCHEMA_TOO_OLD"
        ? `Schema "${schema}" is at migration ${found}; this version needs ${needed}. Run the migrations, or connect with migrate: true.`
        : `Schema "${schema}" is at migration ${found}, which is breaking for this version (it knows ${needed}). Upgrade waymark.`,
    );
    this.code = code;
    this.found = found;
    this.needed = needed;
  }
}
