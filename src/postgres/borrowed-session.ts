import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import type { Queryable } from "../transaction.ts";
import type { Session } from "./database.ts";
import type { Query } from "./sql.ts";
import { backendErrorFrom, driverErrorOf } from "./sqlstate.ts";

/** What a position's row has, and that of an instance, when a branch is left. */
const COUNTS = ["priority", "attempt", "lost", "pending", "item_total", "item_started", "item_failed"];
const TIMES = ["available_ms", "wake_ms", "created_ms", "ended_ms", "now_ms"];

/** How values are read where other parsers than ours may have left them as text. */
const READ: Readonly<Record<string, (text: string) => unknown>> = {
  ...Object.fromEntries(
    ["granted", "tags", "labels"].map((name) => [name, (text: string): unknown => JSON.parse(text)]),
  ),
  ...Object.fromEntries(["idx", "pid", ...COUNTS, ...TIMES].map((name) => [name, Number])),
  ...Object.fromEntries(
    ["accepted", "recorded", "busy", "stayed", "mailbox_missing", "created", "ready"].map((name) => [
      name,
      (text: string): boolean => text === "t" || text === "true",
    ]),
  ),
};

/**
 * Our statements inside of somebody else's transaction, through whatever library that is. Its rows are read as that library and its
 * settings give them, so these statements rely on numbers, booleans, text and JSON only, and column names are taken back to what they were.
 *
 * @param inTime - bounds the time of each statement
 */
export function sessionIn(
  tx: Queryable,
  inTime: <T>(name: string, answer: PromiseLike<T>) => Promise<T> = async (_, answer) => await answer,
): Session {
  return {
    run: async <Row>(name: string, query: Query<Row>): Promise<Row[]> => {
      try {
        const result: unknown = await inTime(name, tx.query(query.text, query.values));
        return rowsOf(result).map((row) => ownRow(row) as Row);
      } catch (error) {
        throw backendErrorFrom(driverErrorOf(error), name);
      }
    },
  };
}

/** @throws {InvalidArgumentError} it is nothing that statements can be run with */
export function checkQueryable(tx: unknown, field: string): asserts tx is Queryable {
  if (typeof tx === "object" && tx !== null && typeof Reflect.get(tx, "query") === "function") return;
  throw new InvalidArgumentError(
    field,
    `must be a client of pg with an open transaction, or what "waymark/adapters" makes of another library's, not ${kindOf(tx)}.`,
  );
}

function rowsOf(result: unknown): readonly unknown[] {
  const rows: unknown = typeof result === "object" && result !== null ? Reflect.get(result, "rows") : undefined;
  if (Array.isArray(rows)) return rows as readonly unknown[];
  throw new InvalidArgumentError("tx", `must answer query(text, values) with { rows }, not with ${kindOf(result)}.`);
}

/** Libraries can be told to rename columns (`granted_path` → `grantedPath`). */
function ownRow(row: unknown): unknown {
  if (typeof row !== "object" || row === null) return row;
  return Object.fromEntries(
    Object.entries(row).map(([key, value]: [string, unknown]) => {
      const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/^_/, "");
      // Parsers may make a number of it, too, or leave it as text.
      if (name === "token" && value !== null) return [name, BigInt(value as bigint | number | string)];
      return [name, typeof value === "string" ? (READ[name]?.(value) ?? value) : value];
    }),
  );
}
