import {
  checkOrphanRequest,
  checkPrunableRequest,
  checkPruning,
  checkRetentionChange,
  checkRules,
  checkTurn,
} from "../store/check-retention.ts";
import type {
  EndedStatus,
  OrphanRequest,
  PrunableInstance,
  PrunableRequest,
  PrunedOrphans,
  RetentionChange,
  RetentionRule,
  RetentionStore,
  StoredRule,
} from "../store/retention-store.ts";
import { whileEnding } from "./ending.ts";
import {
  changeRetention,
  declareRetention,
  findPrunable,
  inOrder,
  listEndedFlows,
  listRetention,
  pruneInstances,
  pruneOrphanedEvents,
  type RuleRow,
  resetRetention,
  takeRetentionTurn,
} from "./queries/retention.ts";
import type { StoreContext } from "./store-context.ts";

/** Removes what has ended and nobody needs any more. */
export class PostgresRetentionStore implements RetentionStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async declareRetention(rules: readonly RetentionRule[]): Promise<void> {
    checkRules(rules);
    if (rules.length === 0) return;
    const { db, tables } = this.#context;
    // Of one flow, the last one counts.
    const byFlow = new Map(rules.map((rule) => [rule.flow, rule]));
    await db.run("declare-retention", declareRetention(tables, [...byFlow.values()], this.#context.now()));
  }

  async listRetention(): Promise<readonly StoredRule[]> {
    const { db, tables } = this.#context;
    return (await db.run("list-retention", listRetention(tables))).map(ruleFromRow);
  }

  async changeRetention(flow: string, change: RetentionChange): Promise<void> {
    checkRetentionChange(flow, change);
    const { db, tables } = this.#context;
    await db.run("change-retention", changeRetention(tables, { flow, change, now: this.#context.now() }));
  }

  async resetRetention(flow: string): Promise<boolean> {
    checkRetentionChange(flow, {});
    const { db, tables } = this.#context;
    return (await db.run("reset-retention", resetRetention(tables, flow))).length > 0;
  }

  async takeRetentionTurn(turn: { readonly archives: boolean; readonly restMs: number }): Promise<StoredRule | null> {
    checkTurn(turn);
    const { db, tables } = this.#context;
    const [row] = await db.run(
      "take-retention-turn",
      takeRetentionTurn(tables, { ...turn, now: this.#context.now() }),
      "ifWithoutEffect",
    );
    return row === undefined ? null : ruleFromRow(row);
  }

  async findPrunable(request: PrunableRequest): Promise<readonly PrunableInstance[]> {
    checkPrunableRequest(request);
    const { db, tables } = this.#context;
    const rows = await db.transaction("find-prunable", async (tx) => {
      await tx.run("in-order", inOrder());
      return await tx.run("find-prunable", findPrunable(tables, { ...request, now: this.#context.now() }));
    });
    return rows.map(({ instance_id: instanceId, ended_us: endedAt }) => ({ instanceId, endedAt }));
  }

  async pruneInstances(
    instanceIds: readonly string[],
    which: { readonly status: EndedStatus; readonly olderThanMs: number },
  ): Promise<readonly string[]> {
    checkPruning(instanceIds, which);
    if (instanceIds.length === 0) return [];
    const { db, tables } = this.#context;
    const query = pruneInstances(tables, { ...which, instanceIds, now: this.#context.now() });
    return await whileEnding(this.#context, async (note) => {
      const rows = await db.run("prune-instances", query);
      for (const { related: hasRelatives } of rows) note({ hasRelatives });
      return rows.map((row) => row.instance_id).sort();
    });
  }

  async listEndedFlows(): Promise<readonly string[]> {
    const { db, tables } = this.#context;
    return (await db.run("list-ended-flows", listEndedFlows(tables))).map(({ flow }) => flow);
  }

  async pruneOrphanedEvents(request: OrphanRequest): Promise<PrunedOrphans> {
    checkOrphanRequest(request);
    const { db, tables } = this.#context;
    const query = pruneOrphanedEvents(tables, { ...request, now: this.#context.now() });
    const rows = await db.run("prune-orphaned-events", query);
    return {
      pruned: rows.filter((row) => row.is_pruned).map((row) => row.instance_id),
      next: rows.find((row) => row.is_last)?.instance_id ?? null,
    };
  }
}

function ruleFromRow({ flow, archives, changed: isChanged, ...row }: RuleRow): StoredRule {
  const keep = {
    completed: numberFrom(row.completed_ms),
    failed: numberFrom(row.failed_ms),
    cancelled: numberFrom(row.cancelled_ms),
  };
  return { flow, keep, archives, isChanged };
}

function numberFrom(ms: bigint | null): number | null {
  return ms === null ? null : Number(ms);
}
