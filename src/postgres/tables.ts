import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { Identifier } from "./sql.ts";

const TABLE_NAMES = [
  "lanes",
  "definitions",
  "workers",
  "instances",
  "positions",
  "checkpoints",
  "mailboxes",
  "events",
  "event_keys",
  "signals",
  "endings",
  "closings",
  "limits",
  "limit_keys",
  "start_keys",
  "paused_flows",
  "audit",
  "schedules",
  "schedule_requests",
  "retention",
  "schema_version",
] as const;

type TableName = (typeof TABLE_NAMES)[number];

/** The quoted, schema-qualified names of everything that statements use. */
export type Tables = Readonly<Record<TableName, Identifier>> & {
  readonly schemaName: string;
  readonly schema: Identifier;
  readonly orderKey: Identifier;
  readonly sendEvent: Identifier;
  readonly applyUpdate: Identifier;
  readonly recordedOutput: Identifier;
  readonly tellParents: Identifier;
  readonly claimLimited: Identifier;
  readonly stuckInstances: Identifier;
  /** The token sequence's name as text, for `nextval`. */
  readonly tokenSequence: string;
  /** The same of the history's. */
  readonly checkpointSequence: string;
};

// PostgreSQL cuts identifiers at 63 bytes without a word, so that two long names could be one schema.
// The longest thing made of a schema name is shorter than 20 characters more.
const SCHEMA_NAME = /^[a-z_][a-z0-9_]{0,39}$/;

/** @throws {InvalidArgumentError} `schema` is not a name of 1–40 lower-case letters, digits and "_" */
export function tablesIn(schema: unknown): Tables {
  if (typeof schema !== "string" || !SCHEMA_NAME.test(schema) || schema.startsWith("pg_")) {
    throw new InvalidArgumentError(
      "options.schema",
      `must be 1 to 40 lower-case letters, digits and "_", not start with a digit or "pg_"; it is ${JSON.stringify(schema) ?? typeof schema}.`,
    );
  }
  const names = Object.fromEntries(TABLE_NAMES.map((name) => [name, new Identifier(schema, name)]));
  return {
    ...(names as Record<TableName, Identifier>),
    schemaName: schema,
    schema: new Identifier(schema),
    orderKey: new Identifier(schema, "order_key"),
    sendEvent: new Identifier(schema, "send_event"),
    applyUpdate: new Identifier(schema, "apply_update"),
    recordedOutput: new Identifier(schema, "recorded_output"),
    tellParents: new Identifier(schema, "tell_parents"),
    claimLimited: new Identifier(schema, "claim_limited"),
    stuckInstances: new Identifier(schema, "stuck_instances"),
    checkpointSequence: new Identifier(schema, "checkpoint_sequence").sql,
    tokenSequence: new Identifier(schema, "fencing_tokens").sql,
  };
}
