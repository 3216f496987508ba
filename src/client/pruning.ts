import { checkFunction, checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { InstanceId } from "../ids.ts";
import type { Archive } from "../retention/archived-instance.ts";
import { type KeptInstance, prune } from "../retention/prune.ts";
import { ENDED_STATUSES } from "../snapshot/kept.ts";
import { requireArray, requireBoolean, requireName, requireOneOf } from "../store/argument-shapes.ts";
import { parseWhole } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import type { EndedStatus, StoredRule } from "../store/retention-store.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

/** Which ended instances are to be removed. */
export interface PruneOptions {
  /** Only those of this flow. Default: of all flows. */
  readonly flow?: string;
  /** Only those that ended so. Default: all. */
  readonly status?: readonly EndedStatus[];
  /** Those that ended at least so long ago. Default: what the rules say; flows without one are left alone. */
  readonly olderThan?: Duration;
  /** Most instances. Default: any number. */
  readonly limit?: number;
  /** Only tells which would be. Default: `false`. */
  readonly dryRun?: boolean;
  /** Is given each instance before; what it throws keeps it. Must be given, or `false`, where workers archive a flow. */
  readonly archive?: Archive | false;
}

export interface PruneResult {
  /** How many were removed, or would be. */
  readonly pruned: number;
  /** The first thousand of them. */
  readonly instanceIds: readonly InstanceId[];
  /** Those that could not be archived: the first hundred. */
  readonly kept: readonly KeptInstance[];
  readonly dryRun: boolean;
}

const KEYS = ["flow", "status", "olderThan", "limit", "dryRun", "archive"];
const MOST_SHOWN = 1_000;
const MOST_KEPT_SHOWN = 100;

/** @throws {InvalidArgumentError} an argument is not acceptable; nothing was removed */
export async function pruneNow(backend: Backend, options: PruneOptions): Promise<PruneResult> {
  checkOptions(options, KEYS);
  const { status = ENDED_STATUSES, limit = Number.MAX_SAFE_INTEGER, dryRun = false, archive } = options;
  requireArray(status, "options.status");
  for (const [index, one] of status.entries()) requireOneOf(one, `options.status[${index}]`, ENDED_STATUSES);
  parseWhole(limit, "options.limit", 1, Number.MAX_SAFE_INTEGER);
  requireBoolean(dryRun, "options.dryRun");
  if (options.flow !== undefined) requireName(options.flow, "options.flow");
  if (archive !== undefined && archive !== false) checkFunction(archive, "options.archive");
  const olderThanMs = options.olderThan === undefined ? null : parseDuration(options.olderThan, "options.olderThan");
  const rules = new Map((await backend.listRetention()).map((rule) => [rule.flow, rule]));
  const flows = await flowsFor(backend, options.flow, olderThanMs === null ? rules : null);
  for (const flow of flows) requireArchive(rules.get(flow), archive, dryRun);

  let pruned = 0;
  const instanceIds: InstanceId[] = [];
  const kept: KeptInstance[] = [];
  for (const flow of flows)
    for (const one of ENDED_STATUSES.filter((ended) => status.includes(ended))) {
      const spanMs = olderThanMs ?? rules.get(flow)?.keep[one] ?? null;
      if (spanMs === null || pruned >= limit) continue;
      const what = {
        flow,
        status: one,
        olderThanMs: spanMs,
        limit: limit - pruned,
        dryRun,
        archive: archive === undefined || archive === false ? null : archive,
      };
      for await (const batch of prune(backend, what)) {
        pruned += batch.pruned.length;
        instanceIds.push(...batch.pruned.slice(0, MOST_SHOWN - instanceIds.length));
        kept.push(...batch.kept.slice(0, MOST_KEPT_SHOWN - kept.length));
      }
    }
  return { pruned, instanceIds, kept, dryRun };
}

async function flowsFor(
  backend: Backend,
  flow: string | undefined,
  rules: ReadonlyMap<string, StoredRule> | null,
): Promise<readonly string[]> {
  if (flow !== undefined) return [flow];
  return rules === null ? await backend.listEndedFlows() : [...rules.keys()];
}

/** What workers would archive is not removed without it by mistake. */
function requireArchive(rule: StoredRule | undefined, archive: PruneOptions["archive"], dryRun: boolean): void {
  if (rule?.archives !== true || archive !== undefined || dryRun) return;
  const problem = `must be given, because workers archive flow "${rule.flow}"; or false, if it is not to be archived.`;
  throw new InvalidArgumentError("options.archive", problem);
}
