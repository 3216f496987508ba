import type { InstanceId } from "../ids.ts";
import type { EndedStatus, KeepTimes } from "../snapshot/kept.ts";

export type { EndedStatus, KeepTimes } from "../snapshot/kept.ts";

/** How long instances of a flow are kept after their end. */
export interface RetentionRule {
  readonly flow: string;
  readonly keep: KeepTimes;
  /** Whether they are archived before they are removed: then only who does that removes them by itself. */
  readonly archives: boolean;
}

/** A rule as it stands in the store. */
export interface StoredRule extends RetentionRule {
  /** Somebody has changed it by hand: what code says of it does not count. */
  readonly isChanged: boolean;
}

/** What is changed by hand; what is not named stays. */
export interface RetentionChange {
  readonly keep?: Partial<KeepTimes>;
  readonly archives?: boolean;
}

/** Which ended instances are meant. */
export interface PrunableRequest {
  readonly flow: string;
  readonly status: EndedStatus;
  /** Those that ended at least so long ago. */
  readonly olderThanMs: number;
  /** Only those behind this one. */
  readonly after: PrunableInstance | null;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface PrunableInstance {
  readonly instanceId: InstanceId;
  /** Microseconds since the epoch. */
  readonly endedAt: bigint;
}

/** Events that were sent to instances that don't exist. */
export interface OrphanRequest {
  /** Those of which the last was sent at least so long ago. */
  readonly olderThanMs: number;
  /** Only ids behind this. */
  readonly after: InstanceId | null;
  /** How many mailboxes are looked at. 1 to 10,000. */
  readonly limit: number;
  /** Changes nothing. */
  readonly dryRun: boolean;
}

export interface PrunedOrphans {
  readonly pruned: readonly InstanceId[];
  /** Where to go on; `null` if nothing is left. */
  readonly next: InstanceId | null;
}

/**
 * Removes what has ended and nobody needs any more. Needed is a child whose parent is live or could be retried, in the run that has
 * started it; and what others have yet to be told of, or whose children have yet to be closed.
 */
export interface RetentionStore {
  /** The rules are there, as code says, except those that somebody has changed by hand. That one archives stays. */
  declareRetention(rules: readonly RetentionRule[]): Promise<void>;

  /** All rules, by flow. */
  listRetention(): Promise<readonly StoredRule[]>;

  /** The rule is as somebody says by hand. Where there is none, it keeps for ever what is not named. */
  changeRetention(flow: string, change: RetentionChange): Promise<void>;

  /** What the next `declareRetention` says of it counts again. @returns whether there is such a rule */
  resetRetention(flow: string): Promise<boolean>;

  /**
   * Gives the rule whose turn it is, and puts its next turn off: of those who ask at the same time, each gets another one.
   *
   * @param turn - `archives`: whether the caller archives; else it gets no rule that wants that. `restMs`: for how long nobody else gets it
   * @returns `null` if it is no rule's turn
   */
  takeRetentionTurn(turn: { readonly archives: boolean; readonly restMs: number }): Promise<StoredRule | null>;

  /** Ended instances that could be removed, those that ended first first. Nothing is locked. */
  findPrunable(request: PrunableRequest): Promise<readonly PrunableInstance[]>;

  /**
   * Removes these instances and everything that belongs to them, in one transaction, as far as they (still) have this status since so long
   * and nobody needs them. Waits for nobody: one that somebody has locked is left.
   *
   * @param instanceIds - at most 1,000
   * @returns those that are gone
   */
  pruneInstances(
    instanceIds: readonly InstanceId[],
    which: { readonly status: EndedStatus; readonly olderThanMs: number },
  ): Promise<readonly InstanceId[]>;

  /** Names of the flows of which anything has ended. */
  listEndedFlows(): Promise<readonly string[]>;

  /** Removes events that were sent to ids of instances that don't exist, with their dedup keys. */
  pruneOrphanedEvents(request: OrphanRequest): Promise<PrunedOrphans>;
}
