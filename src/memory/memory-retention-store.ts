import type { InstanceId } from "../ids.ts";
import { FOREVER } from "../snapshot/kept.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
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
  KeepTimes,
  OrphanRequest,
  PrunableInstance,
  PrunableRequest,
  PrunedOrphans,
  RetentionChange,
  RetentionRule,
  RetentionStore,
  StoredRule,
} from "../store/retention-store.ts";
import { compareCodePoints } from "./code-points.ts";
import type { MemoryState } from "./memory-state.ts";
import type { StoredInstance } from "./stored-instance.ts";

interface KeptRule {
  readonly rule: StoredRule;
  readonly dueAt: number;
}

/** Removes what has ended and nobody needs any more, in memory. */
export class MemoryRetentionStore implements RetentionStore {
  readonly #state: MemoryState;
  readonly #rules = new Map<string, KeptRule>();

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async declareRetention(rules: readonly RetentionRule[]): Promise<void> {
    checkRules(rules);
    // Of one flow, the last one counts.
    for (const { flow, keep, archives } of new Map(rules.map((rule) => [rule.flow, rule])).values()) {
      const known = this.#rules.get(flow);
      if (known?.rule.isChanged === true) continue;
      const rule = { flow, keep: copyOf(keep), archives: archives || known?.rule.archives === true, isChanged: false };
      this.#rules.set(flow, { rule, dueAt: known?.dueAt ?? this.#state.now() });
    }
  }

  async listRetention(): Promise<readonly StoredRule[]> {
    return Array.from(this.#rules.values(), ({ rule }) => ({ ...rule, keep: copyOf(rule.keep) })).sort((a, b) =>
      compareCodePoints(a.flow, b.flow),
    );
  }

  async changeRetention(flow: string, change: RetentionChange): Promise<void> {
    checkRetentionChange(flow, change);
    const { keep = FOREVER, archives = false } = this.#rules.get(flow)?.rule ?? {};
    const named = Object.entries(change.keep ?? {}).filter(([, span]) => span !== undefined);
    const changed = copyOf({ ...keep, ...Object.fromEntries(named) });
    const rule = { flow, keep: changed, archives: change.archives ?? archives, isChanged: true };
    this.#rules.set(flow, { rule, dueAt: this.#state.now() });
  }

  async resetRetention(flow: string): Promise<boolean> {
    checkRetentionChange(flow, {});
    const known = this.#rules.get(flow);
    if (known !== undefined) this.#rules.set(flow, { ...known, rule: { ...known.rule, isChanged: false } });
    return known !== undefined;
  }

  async takeRetentionTurn(turn: { readonly archives: boolean; readonly restMs: number }): Promise<StoredRule | null> {
    checkTurn(turn);
    const now = this.#state.now();
    const [next] = [...this.#rules.values()]
      .filter(({ rule, dueAt }) => dueAt <= now && (turn.archives || !rule.archives))
      .filter(({ rule: { keep } }) => Object.values(keep).some((span) => span !== null))
      .sort((a, b) => a.dueAt - b.dueAt || compareCodePoints(a.rule.flow, b.rule.flow));
    if (next === undefined) return null;
    this.#rules.set(next.rule.flow, { ...next, dueAt: now + turn.restMs });
    return { ...next.rule, keep: copyOf(next.rule.keep) };
  }

  async findPrunable(request: PrunableRequest): Promise<readonly PrunableInstance[]> {
    checkPrunableRequest(request);
    const { flow, status, olderThanMs, after, limit } = request;
    const found: PrunableInstance[] = [];
    for (const instanceId of this.#state.ids.after(null)) {
      const instance = this.#state.get(instanceId);
      if (instance.record.flow !== flow || !this.#isPrunable(instance, { status, olderThanMs })) continue;
      const one = { instanceId, endedAt: BigInt(instance.record.endedAt ?? 0) * 1_000n };
      if (after === null || comparePrunable(one, after) > 0) found.push(one);
    }
    return found.sort(comparePrunable).slice(0, limit);
  }

  async pruneInstances(
    instanceIds: readonly InstanceId[],
    which: { readonly status: EndedStatus; readonly olderThanMs: number },
  ): Promise<readonly InstanceId[]> {
    checkPruning(instanceIds, which);
    const pruned: InstanceId[] = [];
    for (const instanceId of new Set(instanceIds)) {
      const instance = this.#state.find(instanceId);
      if (instance === null || !this.#isPrunable(instance, which)) continue;
      this.#state.delete(instance);
      pruned.push(instanceId);
    }
    return pruned.sort();
  }

  async listEndedFlows(): Promise<readonly string[]> {
    const flows = new Set<string>();
    for (const instanceId of this.#state.ids.after(null)) {
      const { flow, status } = this.#state.get(instanceId).record;
      if (isTerminal(status)) flows.add(flow);
    }
    return [...flows].sort(compareCodePoints);
  }

  async pruneOrphanedEvents(request: OrphanRequest): Promise<PrunedOrphans> {
    checkOrphanRequest(request);
    const { olderThanMs, after, limit, dryRun } = request;
    const sentBy = this.#state.now() - olderThanMs;
    const all = this.#state.mailboxIds().sort(compareCodePoints);
    const looked = all.filter((id) => after === null || compareCodePoints(id, after) > 0).slice(0, limit);
    const pruned = looked.filter((id) => {
      const lastSentAt = this.#state.findMailbox(id)?.lastSentAt ?? null;
      return this.#state.find(id) === null && (lastSentAt === null || lastSentAt <= sentBy);
    });
    if (!dryRun) for (const id of pruned) this.#state.deleteMailbox(id);
    return { pruned, next: looked.length === limit ? (looked.at(-1) ?? null) : null };
  }

  #isPrunable(
    { record }: StoredInstance,
    { status, olderThanMs }: { readonly status: EndedStatus; readonly olderThanMs: number },
  ): boolean {
    if (record.status !== status || record.endedAt === null || record.endedAt > this.#state.now() - olderThanMs)
      return false;
    if (record.parent === null) return true;
    const parent = this.#state.find(record.parent.instanceId)?.record ?? null;
    const mayComeBack = parent !== null && (!isTerminal(parent.status) || parent.status === "failed");
    return !(mayComeBack && parent.run === record.parent.run);
  }
}

function comparePrunable(a: PrunableInstance, b: PrunableInstance): number {
  if (a.endedAt !== b.endedAt) return a.endedAt < b.endedAt ? -1 : 1;
  return compareCodePoints(a.instanceId, b.instanceId);
}

function copyOf({ completed, failed, cancelled }: KeepTimes): KeepTimes {
  return { completed, failed, cancelled };
}
