import { parseKnownId } from "../ids.ts";
import type { Limit, Rate } from "../snapshot/allowance.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import { openLane } from "../snapshot/lane-key.ts";
import type { GateScope, Lane } from "../snapshot/position.ts";
import { checkClaimRequest, checkLanes } from "../store/check-instance.ts";
import { checkLimitChange, checkLimitKeyChange, checkLimitPage, checkLimits } from "../store/check-limits.ts";
import type {
  Admission,
  LimitChange,
  LimitKeyChange,
  LimitKeyState,
  LimitState,
  LimitStore,
} from "../store/limit-store.ts";
import type { ClaimedPosition, ClaimRequest } from "../store/position-store.ts";
import { claimedFromRow } from "./claimed-row.ts";
import { readClaimed } from "./queries/claim-positions.ts";
import {
  changeLimit,
  changeLimitKey,
  claimLimited,
  declareLimits,
  hasGates,
  type LimitRow,
  listLimitKeys,
  listLimits,
  promoteOf,
  resetLimit,
} from "./queries/limits.ts";
import type { StoreContext } from "./store-context.ts";

/** What may run at once, and how often it may begin. */
export class PostgresLimitStore implements LimitStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async declareLimits(limits: readonly Limit[]): Promise<void> {
    checkLimits(limits);
    if (limits.length === 0) return;
    const { db, tables } = this.#context;
    // Of one name, the last one counts.
    const byName = new Map(limits.map((limit) => [limit.name, limit]));
    await db.run("declare-limits", declareLimits(tables, [...byName.values()]));
  }

  async hasGates(lanes: readonly Lane[]): Promise<boolean> {
    checkLanes(lanes, "lanes");
    if (lanes.length === 0) return false;
    const { db, tables, lanes: registry } = this.#context;
    const [row] = await db.run("has-gates", hasGates(tables, await registry.find(lanes.map(openLane))));
    return row?.gated === true;
  }

  async claimLimited(request: ClaimRequest): Promise<Admission> {
    checkClaimRequest(request);
    const { db, tables, lanes } = this.#context;
    const { workerId, leaseMs, limit } = request;
    const now = this.#context.now();
    const instanceId = request.instanceId === undefined ? null : parseKnownId(request.instanceId);
    const numbers = instanceId === null ? await lanes.find(request.lanes.map(openLane)) : [];
    if (instanceId === null && numbers.length === 0) return { claimed: [], nextMs: null };
    if (instanceId !== null) await db.run("promote-of", promoteOf(tables, { instanceId, now }));
    const params = { workerId, leaseMs, limit, lanes: numbers, instanceId, now };
    const scopes = new Map<bigint, GateScope>();
    const claims: ClaimRef[] = [];
    let nextMs: number | null = null;
    for (const row of await db.run("claim-limited", claimLimited(tables, params))) {
      const { instance_id: id, path, token, scope } = row;
      if (id === null || path === null || token === null || scope === null) nextMs = row.next_ms;
      else {
        claims.push({ instanceId: id, path, token });
        scopes.set(token, scope);
      }
    }
    if (claims.length === 0) return { claimed: [], nextMs };
    // In a statement of its own, which sees what has committed by now. What is gone by now is fenced anyway.
    const rows = await db.run("read-claimed", readClaimed(tables, claims));
    const claimed = rows.map((row): ClaimedPosition => {
      const admitted = scopes.get(row.token);
      return admitted === undefined ? claimedFromRow(row) : { ...claimedFromRow(row), admitted };
    });
    return { claimed, nextMs };
  }

  async listLimits(): Promise<readonly LimitState[]> {
    const { db, tables } = this.#context;
    return (await db.run("list-limits", listLimits(tables, this.#context.now()))).map(limitFromRow);
  }

  async listLimitKeys(
    name: string,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly LimitKeyState[]> {
    checkLimitPage(name, page);
    const { db, tables } = this.#context;
    const { after = "", limit } = page;
    const rows = await db.run(
      "list-limit-keys",
      listLimitKeys(tables, { name, after, limit, now: this.#context.now() }),
    );
    return rows.map(({ key, running, waiting, oldest_wait_ms: oldestWaitMs, weight, paused: isPaused }) => ({
      ...{ key, running, waiting, weight, isPaused },
      oldestWaitMs: waitFrom(oldestWaitMs),
    }));
  }

  async changeLimit(name: string, change: LimitChange): Promise<boolean> {
    checkLimitChange(name, change);
    const { db, tables } = this.#context;
    const rows = await db.run("change-limit", changeLimit(tables, name, change));
    // What was held back may go now.
    this.#context.hints.ready(null);
    return rows.length > 0;
  }

  async resetLimit(name: string): Promise<boolean> {
    checkLimitChange(name, {});
    const { db, tables } = this.#context;
    return (await db.run("reset-limit", resetLimit(tables, name))).length > 0;
  }

  async changeLimitKey(name: string, key: string, change: LimitKeyChange): Promise<boolean> {
    checkLimitKeyChange(name, key, change);
    const { db, tables } = this.#context;
    const rows = await db.run("change-limit-key", changeLimitKey(tables, { name, key, change }));
    this.#context.hints.ready(null);
    return rows.length > 0;
  }
}

function limitFromRow(row: LimitRow): LimitState {
  return {
    name: row.name,
    concurrency: row.concurrency,
    rate: rateFrom(row.rate_count, row.rate_per_ms, row.rate_burst),
    perKey: {
      concurrency: row.key_concurrency,
      rate: rateFrom(row.key_rate_count, row.key_rate_per_ms, row.key_rate_burst),
    },
    isChanged: row.changed,
    isPaused: row.paused,
    running: row.running,
    waiting: row.waiting,
    oldestWaitMs: waitFrom(row.oldest_wait_ms),
  };
}

function rateFrom(count: number | null, perMs: bigint | null, burst: number | null): Rate | null {
  return count === null || perMs === null || burst === null ? null : { count, perMs: Number(perMs), burst };
}

function waitFrom(ms: number | null): number | null {
  return ms === null ? null : Math.max(0, Math.round(ms));
}
