import { checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { type KeepOptions, resolveKeep } from "../flow/keep.ts";
import type { InstanceId } from "../ids.ts";
import { requireBoolean, requireName } from "../store/argument-shapes.ts";
import type { Backend } from "../store/backend.ts";
import type { StoredRule } from "../store/retention-store.ts";
import { type Duration, parseDuration } from "../time/duration.ts";

export interface OrphanOptions {
  /** Those of which the last was sent at least so long ago. */
  readonly olderThan: Duration;
  /** Only counts them. Default: `false`. */
  readonly dryRun?: boolean;
}

export interface OrphanResult {
  /** How many ids had events, or would have. */
  readonly pruned: number;
  /** The first thousand of them. */
  readonly instanceIds: readonly InstanceId[];
  readonly dryRun: boolean;
}

const MOST_LOOKED_AT = 1_000;
const MOST_SHOWN = 1_000;

/** Shows how long ended instances are kept, and changes it, in the database: for all workers at once. `client.retention`. */
export class RetentionControl {
  readonly #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** How long instances of each flow are kept, as far as workers or people have said so, by flow. */
  async list(): Promise<readonly StoredRule[]> {
    return await this.#backend.listRetention();
  }

  /**
   * Changes how long ended instances of a flow are kept: what is not named stays. From then on, what code says of it does not count,
   * until `reset`. Also for flows that no worker has declared; these keep for ever what is not named.
   *
   * @param options - `archives`: whether only workers with an archive hook remove them
   * @throws {InvalidArgumentError} saying all that is wrong; nothing was changed
   */
  async change(flow: string, keep: KeepOptions, options: { readonly archives?: boolean } = {}): Promise<void> {
    requireName(flow, "flow");
    checkOptions(options, ["archives"]);
    if (options.archives !== undefined) requireBoolean(options.archives, "options.archives");
    const issues: string[] = [];
    const times = resolveKeep(keep, "keep", issues);
    if (issues.length > 0) throw new InvalidArgumentError("keep", `${issues.join("; ")}.`);
    await this.#backend.changeRetention(flow, { keep: times, ...options });
  }

  /** What code says of a flow counts again, from the next start of a worker. @returns whether anything was known of it */
  async reset(flow: string): Promise<boolean> {
    return await this.#backend.resetRetention(flow);
  }

  /**
   * Removes events that were sent to ids of instances that don't exist, with their dedup keys. Workers don't: such an instance may be yet
   * to come. It looks at all mailboxes, some at a time.
   *
   * @throws {InvalidArgumentError} an argument is not acceptable; nothing was removed
   * @throws {BackendError} the database failed; what was removed by then is gone
   */
  async pruneOrphanedEvents(options: OrphanOptions): Promise<OrphanResult> {
    checkOptions(options, ["olderThan", "dryRun"]);
    const { dryRun = false } = options;
    requireBoolean(dryRun, "options.dryRun");
    const olderThanMs = parseDuration(options.olderThan, "options.olderThan");
    let pruned = 0;
    const instanceIds: InstanceId[] = [];
    for (let after: InstanceId | null = null, isOver = false; !isOver; ) {
      const batch = await this.#backend.pruneOrphanedEvents({ olderThanMs, after, limit: MOST_LOOKED_AT, dryRun });
      pruned += batch.pruned.length;
      instanceIds.push(...batch.pruned.slice(0, MOST_SHOWN - instanceIds.length));
      after = batch.next;
      isOver = batch.next === null;
    }
    return { pruned, instanceIds, dryRun };
  }
}
