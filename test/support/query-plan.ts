import { escapeLiteral, type Pool } from "pg";
import type { Query } from "../../src/postgres/sql.ts";

/** What the server says about one node of a plan that it has run; the part that is read here. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** One place in a plan at which rows of a table are read, summed over all its rounds. */
export interface Scan {
  readonly table: string;
  /** `Seq Scan`, `Index Scan`, `Index Only Scan`, `Bitmap Heap Scan` … */
  readonly kind: string;
  /** `null` where none is used. */
  readonly index: string | null;
  readonly rounds: number;
  /** Rows that it looked at: those that it handed on, and those that it read in vain. */
  readonly read: number;
  readonly blocks: number;
}

/** What a statement did when it was run. */
export interface ExecutedPlan {
  /** How many rows the statement answered with. */
  readonly rows: number;
  /** Pages touched, by all of it. */
  readonly blocks: number;
  readonly scans: readonly Scan[];
  /** The plan for people, to be shown when a check fails. */
  readonly text: string;
}

/** What a plan may do. */
export interface Allowance {
  /** By table: the indexes through which it may be read. Tables that are not named may be read anyhow. */
  readonly indexes: Readonly<Record<string, readonly string[]>>;
  /** Most rows that it may look at in one place. */
  readonly rows: number;
}

/**
 * Runs a statement with the values that it would be sent with, and reports what it read. Nothing that it writes stays.
 */
export async function runExplained(
  pool: Pool,
  { text, values }: Query<unknown>,
  before: readonly string[] = [],
): Promise<ExecutedPlan> {
  return await explained(pool, before, { text: `${EXPLAIN} ${text}`, values: [...values] });
}

/**
 * The same with the plan that the server would keep of a prepared statement, which is made without knowing the values.
 * Where statements are prepared, sessions do without sequential scans.
 */
export async function runPrepared(pool: Pool, { text, values }: Query<unknown>): Promise<ExecutedPlan> {
  const list = values.length === 0 ? "" : `(${values.map(literal).join(", ")})`;
  const preparing = [
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off",
    `PREPARE s AS ${text}`,
  ];
  return await explained(pool, preparing, { text: `${EXPLAIN} EXECUTE s${list}`, values: [] });
}

const EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)";

async function explained(
  pool: Pool,
  before: readonly string[],
  query: { readonly text: string; readonly values: unknown[] },
): Promise<ExecutedPlan> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    for (const statement of before) await client.query(statement);
    const { rows } = await client.query<{ "QUERY PLAN": readonly { readonly Plan: PlanNode }[] }>(query);
    const root = rows[0]?.["QUERY PLAN"][0]?.Plan;
    if (root === undefined) throw new Error("The server has explained nothing.");
    return {
      rows: root["Actual Rows"] * root["Actual Loops"],
      blocks: blocksOf(root),
      scans: scansIn(root),
      text: render(root),
    };
  } finally {
    await client.query("ROLLBACK; DEALLOCATE ALL");
    client.release();
  }
}

/** A value as SQL: EXECUTE takes no parameters of its own. */
function literal(value: unknown): string {
  return value === null || value === undefined ? "NULL" : escapeLiteral(textOf(value));
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (value instanceof Date) return value.toISOString();
  if (!Array.isArray(value)) return String(value);
  const items = value.map((item: unknown) =>
    item === null ? "NULL" : `"${textOf(item).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`,
  );
  return `{${items.join(",")}}`;
}

/**
 * What a plan has done that it may not, one line each. A part that was never run is no matter: before PostgreSQL 14,
 * plans show alternatives of which only one is used.
 */
export function planProblems({ scans }: ExecutedPlan, allowance: Allowance): string[] {
  return scans
    .filter(({ rounds }) => rounds > 0)
    .flatMap(({ table, kind, index, read, rounds }) => {
      const indexes = allowance.indexes[table];
      const isIndexed = indexes === undefined || (index !== null && indexes.includes(index));
      const through = `${kind} of ${table}${index === null ? "" : ` by ${index}`}`;
      return [
        ...(isIndexed ? [] : [`${through} is not allowed`]),
        // Before PostgreSQL 18, what it says of one of several rounds is rounded.
        ...(read - (rounds > 1 ? rounds / 2 : 0) <= allowance.rows ? [] : [`${through} read ${read} rows`]),
      ];
    });
}

/** The sums of what was read through one index. */
export function readThrough(
  { scans }: ExecutedPlan,
  index: string,
): { readonly read: number; readonly blocks: number } {
  const through = scans.filter((scan) => scan.index === index);
  return {
    read: through.reduce((sum, scan) => sum + scan.read, 0),
    blocks: through.reduce((sum, scan) => sum + scan.blocks, 0),
  };
}

function scansIn(node: PlanNode): Scan[] {
  const own = scanOf(node);
  return [...(own === null ? [] : [own]), ...(node.Plans ?? []).flatMap(scansIn)];
}

function scanOf(node: PlanNode): Scan | null {
  const table = node["Relation Name"];
  // What writes a table names it, too.
  if (table === undefined || !node["Node Type"].endsWith("Scan")) return null;
  const rounds = node["Actual Loops"];
  const inVain = (node["Rows Removed by Filter"] ?? 0) + (node["Rows Removed by Index Recheck"] ?? 0);
  return {
    table,
    kind: node["Node Type"],
    // That of a bitmap scan stands in the node below.
    index: node["Index Name"] ?? node.Plans?.find((child) => child["Index Name"] !== undefined)?.["Index Name"] ?? null,
    rounds,
    // Both are averages of a round.
    read: Math.round((node["Actual Rows"] + inVain) * rounds),
    blocks: blocksOf(node),
  };
}

function blocksOf(node: PlanNode): number {
  return (node["Shared Hit Blocks"] ?? 0) + (node["Shared Read Blocks"] ?? 0);
}

function render(node: PlanNode, depth: number = 0): string {
  const on = [node["Relation Name"], node["Index Name"]].filter((name) => name !== undefined).join(" by ");
  const inVain = node["Rows Removed by Filter"] ?? 0;
  const line = `${"  ".repeat(depth)}${node["Node Type"]} ${on} rows=${node["Actual Rows"]} loops=${node["Actual Loops"]} inVain=${inVain} blocks=${blocksOf(node)}`;
  return [line, ...(node.Plans ?? []).map((child) => render(child, depth + 1))].join("\n");
}
