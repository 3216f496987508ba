import type { Allowance, Limit } from "../../snapshot/allowance.ts";
import type { GateScope } from "../../snapshot/position.ts";
import type { LimitChange, LimitKeyChange } from "../../store/limit-store.ts";
import { type Query, sql } from "../sql.ts";
import type { Tables } from "../tables.ts";
import { mayBeTaken } from "./free-position.ts";

/** What was let through; and one row without an instance that says when a rate allows more. */
export interface AdmittedRow {
  readonly instance_id: string | null;
  readonly path: string | null;
  readonly token: bigint | null;
  readonly scope: GateScope | null;
  readonly next_ms: number | null;
}

export interface LimitRow {
  readonly name: string;
  readonly concurrency: number | null;
  readonly rate_count: number | null;
  readonly rate_per_ms: bigint | null;
  readonly rate_burst: number | null;
  readonly key_concurrency: number | null;
  readonly key_rate_count: number | null;
  readonly key_rate_per_ms: bigint | null;
  readonly key_rate_burst: number | null;
  readonly changed: boolean;
  readonly paused: boolean;
  readonly running: number;
  readonly waiting: number;
  readonly oldest_wait_ms: number | null;
}

export interface LimitKeyRow {
  readonly key: string;
  readonly running: number;
  readonly waiting: number;
  readonly oldest_wait_ms: number | null;
  readonly weight: number;
  readonly paused: boolean;
}

/** Claims what limits allow. Locks and indexes: those of the function. */
export function claimLimited(
  t: Tables,
  p: {
    readonly workerId: string;
    readonly leaseMs: number;
    readonly limit: number;
    readonly lanes: readonly number[];
    readonly instanceId: string | null;
    readonly now: Date | null;
  },
): Query<AdmittedRow> {
  return sql`
    SELECT c.instance_id, c.path, c.token, c.scope, c.next_ms
    FROM ${t.claimLimited}(${p.workerId}::text, ${p.leaseMs}::bigint, ${p.limit}::int, ${p.lanes}::int[], ${p.instanceId}::text,
                           ${p.now}::timestamptz) AS c
  `;
}

/** Makes ready what has come due of one instance. Index: positions_pkey. */
export function promoteOf(t: Tables, p: { readonly instanceId: string; readonly now: Date | null }): Query<never> {
  return sql`
    UPDATE ${t.positions} AS q
    SET lost = least(q.lost + CASE WHEN q.worker_id IS NULL THEN 0 ELSE 1 END, 32767),
        worker_id = NULL,
        order_key = ${t.orderKey}(q.priority, q.available_at)
    WHERE q.instance_id = ${p.instanceId}::text AND q.order_key IS NULL
      AND q.available_at < 'infinity' AND q.available_at <= (SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))
      AND ${mayBeTaken(t, sql`(SELECT coalesce(${p.now}::timestamptz, clock_timestamp()))`)}
  `;
}

/** Stores what limits allow, where nobody has changed it. Locks: limits, by name. */
export function declareLimits(t: Tables, limits: readonly Limit[]): Query<never> {
  const rates = limits.map(({ rate }) => rate);
  const keyRates = limits.map(({ perKey }) => perKey.rate);
  return sql`
    INSERT INTO ${t.limits} AS n (name, concurrency, rate_count, rate_per_ms, rate_burst, key_concurrency, key_rate_count,
                                  key_rate_per_ms, key_rate_burst)
    SELECT d.*
    FROM unnest(
      ${limits.map(({ name }) => name)}::text[],
      ${limits.map(({ concurrency }) => concurrency)}::int[],
      ${rates.map((rate) => rate?.count ?? null)}::int[],
      ${rates.map((rate) => rate?.perMs ?? null)}::bigint[],
      ${rates.map((rate) => rate?.burst ?? null)}::int[],
      ${limits.map(({ perKey }) => perKey.concurrency)}::int[],
      ${keyRates.map((rate) => rate?.count ?? null)}::int[],
      ${keyRates.map((rate) => rate?.perMs ?? null)}::bigint[],
      ${keyRates.map((rate) => rate?.burst ?? null)}::int[]
    ) AS d (name, concurrency, rate_count, rate_per_ms, rate_burst, key_concurrency, key_rate_count, key_rate_per_ms, key_rate_burst)
    ORDER BY d.name
    ON CONFLICT (name) DO UPDATE
    SET concurrency = excluded.concurrency, rate_count = excluded.rate_count, rate_per_ms = excluded.rate_per_ms,
        rate_burst = excluded.rate_burst, key_concurrency = excluded.key_concurrency, key_rate_count = excluded.key_rate_count,
        key_rate_per_ms = excluded.key_rate_per_ms, key_rate_burst = excluded.key_rate_burst
    WHERE NOT n.changed
      AND (n.concurrency, n.rate_count, n.rate_per_ms, n.rate_burst, n.key_concurrency, n.key_rate_count, n.key_rate_per_ms,
           n.key_rate_burst)
        IS DISTINCT FROM (excluded.concurrency, excluded.rate_count, excluded.rate_per_ms, excluded.rate_burst,
                          excluded.key_concurrency, excluded.key_rate_count, excluded.key_rate_per_ms, excluded.key_rate_burst)
  `;
}

/** Whether lanes are known that differ from these by a gate only. */
export function hasGates(t: Tables, lanes: readonly number[]): Query<{ gated: boolean }> {
  return sql`
    SELECT EXISTS (
      SELECT FROM ${t.lanes} AS b
      JOIN ${t.lanes} AS g ON g.definition_hash = b.definition_hash AND g.codec = b.codec AND g.tags = b.tags
      WHERE b.lane = ANY (${lanes}::int[]) AND b.limit_name = '' AND g.limit_name <> ''
    ) AS gated
  `;
}

/** Every limit with what is taken of it and who waits. For people: it counts. Index: positions_ready, positions_admitted. */
export function listLimits(t: Tables, now: Date | null): Query<LimitRow> {
  return sql`
    SELECT n.name, n.concurrency, n.rate_count, n.rate_per_ms, n.rate_burst, n.key_concurrency, n.key_rate_count, n.key_rate_per_ms,
           n.key_rate_burst, n.changed, n.paused,
           (coalesce(w.running, 0) + (SELECT count(*) FROM ${t.positions} AS q WHERE q.slot_of = n.name))::int AS running,
           coalesce(w.waiting, 0)::int AS waiting,
           extract(epoch FROM coalesce(${now}::timestamptz, clock_timestamp()) - w.oldest)::float8 * 1000 AS oldest_wait_ms
    FROM ${t.limits} AS n
    LEFT JOIN LATERAL (
      SELECT count(*) FILTER (WHERE q.order_key IS NOT NULL) AS waiting,
             count(*) FILTER (WHERE q.order_key IS NULL AND q.worker_id IS NOT NULL AND l.limit_scope = 'task') AS running,
             min(q.available_at) FILTER (WHERE q.order_key IS NOT NULL) AS oldest
      FROM ${t.lanes} AS l
      JOIN ${t.positions} AS q ON q.lane = l.lane
      WHERE l.limit_name = n.name AND (q.order_key IS NOT NULL OR (q.worker_id IS NOT NULL AND q.limit_key IS NOT NULL))
    ) AS w ON true
    ORDER BY n.name
  `;
}

/** The keys of a limit, of which there is something to say. For people: it counts. */
export function listLimitKeys(
  t: Tables,
  p: { readonly name: string; readonly after: string; readonly limit: number; readonly now: Date | null },
): Query<LimitKeyRow> {
  return sql`
    WITH standing AS MATERIALIZED (
      SELECT q.limit_key AS key, q.order_key IS NOT NULL AS waits, q.available_at
      FROM ${t.lanes} AS l
      JOIN ${t.positions} AS q ON q.lane = l.lane
      WHERE l.limit_name = ${p.name}::text AND q.limit_key > ${p.after}::text COLLATE "C"
        AND (q.order_key IS NOT NULL OR (q.worker_id IS NOT NULL AND l.limit_scope = 'task'))
      UNION ALL
      SELECT q.slot_key, false, q.available_at
      FROM ${t.positions} AS q
      WHERE q.slot_of = ${p.name}::text AND q.slot_key > ${p.after}::text COLLATE "C"
    ),
    counted AS (
      SELECT s.key, count(*) FILTER (WHERE NOT s.waits) AS running, count(*) FILTER (WHERE s.waits) AS waiting,
             min(s.available_at) FILTER (WHERE s.waits) AS oldest
      FROM standing AS s
      GROUP BY s.key
    ),
    known AS (
      SELECT k.key, k.weight, k.paused
      FROM ${t.limit_keys} AS k
      WHERE k.limit_name = ${p.name}::text AND k.key > ${p.after}::text COLLATE "C"
    )
    SELECT coalesce(c.key, k.key) AS key, coalesce(c.running, 0)::int AS running, coalesce(c.waiting, 0)::int AS waiting,
           extract(epoch FROM coalesce(${p.now}::timestamptz, clock_timestamp()) - c.oldest)::float8 * 1000 AS oldest_wait_ms,
           coalesce(k.weight, 1) AS weight, coalesce(k.paused, false) AS paused
    FROM counted AS c
    FULL JOIN known AS k ON k.key = c.key
    WHERE c.key IS NOT NULL OR k.paused OR k.weight <> 1
    ORDER BY coalesce(c.key, k.key) COLLATE "C"
    LIMIT ${p.limit}::int
  `;
}

/** Changes a limit by hand; what is not named stays. Locks: the limit. */
export function changeLimit(t: Tables, name: string, change: LimitChange): Query<{ name: string }> {
  const { perKey = {} } = change;
  return sql`
    UPDATE ${t.limits} AS n
    SET concurrency = CASE WHEN ${"concurrency" in change}::boolean THEN ${change.concurrency ?? null}::int ELSE n.concurrency END,
        ${rateColumns("", change)},
        key_concurrency = CASE WHEN ${"concurrency" in perKey}::boolean THEN ${perKey.concurrency ?? null}::int ELSE n.key_concurrency END,
        ${rateColumns("key_", perKey)},
        paused = coalesce(${change.isPaused ?? null}::boolean, n.paused),
        changed = n.changed OR ${isAboutMore(change)}::boolean
    WHERE n.name = ${name}::text
    RETURNING n.name
  `;
}

function isAboutMore(change: LimitChange): boolean {
  return "concurrency" in change || "rate" in change || change.perKey !== undefined;
}

function rateColumns(prefix: "" | "key_", change: Partial<Pick<Allowance, "rate">>): Query<never> {
  const isNamed = "rate" in change;
  const { count = null, perMs = null, burst = null } = change.rate ?? {};
  return prefix === ""
    ? sql`rate_count = CASE WHEN ${isNamed}::boolean THEN ${count}::int ELSE n.rate_count END,
        rate_per_ms = CASE WHEN ${isNamed}::boolean THEN ${perMs}::bigint ELSE n.rate_per_ms END,
        rate_burst = CASE WHEN ${isNamed}::boolean THEN ${burst}::int ELSE n.rate_burst END`
    : sql`key_rate_count = CASE WHEN ${isNamed}::boolean THEN ${count}::int ELSE n.key_rate_count END,
        key_rate_per_ms = CASE WHEN ${isNamed}::boolean THEN ${perMs}::bigint ELSE n.key_rate_per_ms END,
        key_rate_burst = CASE WHEN ${isNamed}::boolean THEN ${burst}::int ELSE n.key_rate_burst END`;
}

/** What code says of it counts again. Locks: the limit. */
export function resetLimit(t: Tables, name: string): Query<{ name: string }> {
  return sql`UPDATE ${t.limits} SET changed = false WHERE name = ${name}::text RETURNING name`;
}

/** Changes a key of a limit by hand. Locks: its row. */
export function changeLimitKey(
  t: Tables,
  p: { readonly name: string; readonly key: string; readonly change: LimitKeyChange },
): Query<{ key: string }> {
  const { weight = null, isPaused = null } = p.change;
  return sql`
    INSERT INTO ${t.limit_keys} AS k (limit_name, key, weight, paused)
    SELECT n.name, ${p.key}::text, coalesce(${weight}::int, 1), coalesce(${isPaused}::boolean, false)
    FROM ${t.limits} AS n
    WHERE n.name = ${p.name}::text
    ON CONFLICT (limit_name, key) DO UPDATE
    SET weight = coalesce(${weight}::int, k.weight), paused = coalesce(${isPaused}::boolean, k.paused)
    RETURNING k.key
  `;
}
