import type { Ports } from "../engine/ports.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { ENDED_STATUSES, type KeepTimes } from "../flow/keep.ts";
import type { Archive } from "../retention/archived-instance.ts";
import { type PrunedBatch, prune } from "../retention/prune.ts";
import { retentionRules } from "../retention/retention-rules.ts";
import type { Backend } from "../store/backend.ts";
import type { StoredRule } from "../store/retention-store.ts";
import { pause } from "../time/timers.ts";

/** In plain units. */
export interface ResolvedRetention {
  /** What is kept where a flow says nothing. */
  readonly keep: Partial<KeepTimes>;
  readonly archive: Archive | null;
  readonly intervalMs: number;
  /** Whether it removes anything; it declares what its flows say anyway. */
  readonly isOn: boolean;
}

export interface PrunerOptions extends ResolvedRetention {
  readonly backend: Backend;
  readonly ports: Ports;
  readonly flows: readonly Flow[];
}

/** So many instances of a flow at a time, so that others have their turn. */
const MOST_A_TURN = 5_000;
/** Between two batches it rests as long as the one took, but no longer than this. */
const LONGEST_REST_MS = 1_000;

/** Removes what has ended long enough ago, beside the work: for all flows that workers have ever declared. */
export class Pruner {
  readonly #options: PrunerOptions;
  readonly #end = new AbortController();
  #isDeclared = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#running = this.#run();
  }

  /** Begins nothing new. @returns resolves when what it was at is over */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { ports, isOn, intervalMs } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted && (isOn || !this.#isDeclared)) {
      try {
        if (!this.#isDeclared) await this.#declare();
        if (isOn) await this.#takeTurns();
      } catch (error) {
        ports.logger.warn({ error }, "Removing ended instances failed; trying again.");
      }
      await pause(ports.timers, intervalMs, signal);
    }
  }

  async #declare(): Promise<void> {
    const { backend, flows, keep, archive } = this.#options;
    await backend.declareRetention(retentionRules(flows, keep, archive !== null));
    this.#isDeclared = true;
  }

  /** Until it is no rule's turn. One with more to remove than a turn allows has another one behind the others. */
  async #takeTurns(): Promise<void> {
    const { backend, archive, intervalMs } = this.#options;
    const unfinished: StoredRule[] = [];
    while (!this.#end.signal.aborted) {
      const rule =
        (await backend.takeRetentionTurn({ archives: archive !== null, restMs: intervalMs })) ?? unfinished.shift();
      if (rule === undefined) return;
      if (!(await this.#pruneBy(rule))) unfinished.push(rule);
    }
  }

  /** @returns whether nothing is left */
  async #pruneBy({ flow, keep, archives }: StoredRule): Promise<boolean> {
    const { backend, archive } = this.#options;
    let left = MOST_A_TURN;
    for (const status of ENDED_STATUSES) {
      const olderThanMs = keep[status];
      if (olderThanMs === null) continue;
      const pruning = { flow, status, olderThanMs, limit: left, archive: archives ? archive : null, dryRun: false };
      let startedAtMs = this.#nowMs();
      for await (const batch of prune(backend, pruning)) {
        left -= batch.pruned.length;
        this.#tell(flow, batch);
        if (this.#end.signal.aborted) return true;
        await this.#rest(this.#nowMs() - startedAtMs);
        startedAtMs = this.#nowMs();
      }
      if (left <= 0) return false;
    }
    return true;
  }

  #tell(flow: string, { pruned, kept }: PrunedBatch): void {
    const { logger } = this.#options.ports;
    if (pruned.length > 0) logger.debug({ flow, count: pruned.length }, "Ended instances have been removed.");
    const [first] = kept;
    if (first === undefined) return;
    const fields = { flow, count: kept.length, instanceId: first.instanceId, error: first.error };
    logger.warn(fields, "Instances could not be archived; they are kept, and tried again later.");
  }

  async #rest(tookMs: number): Promise<void> {
    const { timers } = this.#options.ports;
    await pause(timers, Math.min(tookMs, LONGEST_REST_MS), this.#end.signal);
  }

  #nowMs(): number {
    return this.#options.ports.clock.monotonicMs();
  }
}
