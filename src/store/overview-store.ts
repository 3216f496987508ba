import type { DefinitionHash, InstanceId, WorkerId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Bytes, InstanceOutline, InstanceStatus } from "../snapshot/snapshot.ts";
import type { InstanceFilter } from "./instance-store.ts";

/** Which instances to list, those first that were made last. */
export interface NewestFilter extends Omit<InstanceFilter, "after"> {
  /** `next` of the page before. */
  readonly before?: string;
}

/** One page of a list whose order is no id's. */
export interface CursorPage<Item> {
  readonly items: readonly Item[];
  /** Where the next page begins: opaque; `null` at the end. */
  readonly next: string | null;
}

/** How many instances of a definition have a status. */
export interface StatusCount {
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  readonly status: InstanceStatus;
  readonly count: number;
}

export interface InstanceCounts {
  readonly counts: readonly StatusCount[];
  /** Whether there are more than are counted: then the counts of what has ended are "at least". What is live is all there. */
  readonly isCapped: boolean;
}

/** A worker as the store knows it. Times are milliseconds since the epoch, store's clock. */
export interface KnownWorker {
  readonly workerId: WorkerId;
  readonly tags: readonly string[];
  readonly registeredAt: number;
  /** When it has last said that it lives. */
  readonly seenAt: number;
  /** What it can run, as far as it has said so. */
  readonly lanes: readonly Lane[];
  /** How many positions it holds. */
  readonly running: number;
  /** When the first of its leases ends; `null` if it has none. */
  readonly nextLeaseEnd: number | null;
}

export interface WorkerPage {
  /** By id. */
  readonly workers: readonly KnownWorker[];
  /** The store's clock. */
  readonly now: number;
}

/** An event that was sent and not consumed yet. */
export interface BufferedPayload {
  readonly name: string;
  /** Its place in the order of sending, among all of its instance's events. */
  readonly sequence: bigint;
  readonly payload: Bytes;
  readonly codec: string;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** An instance that has failed, with its failure as it was stored. */
export interface FailedOutline extends InstanceOutline {
  readonly failure: Bytes;
}

export interface FailedFilter {
  readonly flow?: string;
  /** `next` of the page before. */
  readonly before?: string;
  /** 1 to 1,000; default 100. */
  readonly limit?: number;
}

/** Which stretch of time to look at: up to now, in buckets of one length. */
export interface SeriesRequest {
  readonly flow?: string;
  /** At least 1,000. */
  readonly bucketMs: number;
  /** 1 to 500. */
  readonly buckets: number;
}

/** What began and ended within a bucket. */
export interface SeriesBucket {
  /** Where it begins, in milliseconds since the epoch. */
  readonly at: number;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** How long what completed in it has taken, from start to end: the median, and what one of twenty exceeds; `null` if nothing did. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

export interface Series {
  /** Oldest first, none left out. */
  readonly buckets: readonly SeriesBucket[];
  /** Whether there was more than is looked at: then the oldest buckets tell of too little. */
  readonly isCapped: boolean;
}

/** A definition of which there is, or has been, an instance, or which has been published. */
export interface KnownDefinition {
  readonly flow: string;
  readonly definitionHash: DefinitionHash;
  /** Milliseconds since the epoch. */
  readonly firstSeen: number;
  /** Whether `findGraph` finds it. */
  readonly hasGraph: boolean;
  /** How many workers can run something of it that have been seen within the last minute. */
  readonly workers: number;
}

/** Marks by which it can be told whether something has changed: each is another one after that. */
export interface Activity {
  /** Of all instances: starts, ends, checkpoints, claims. */
  readonly instances: string;
  /** Which workers there are, and what they have. */
  readonly workers: string;
  /** What limits allow. */
  readonly limits: string;
  /** Of the instances asked for, as far as they exist. Steps inside a task leave theirs as it is. */
  readonly byInstance: ReadonlyMap<InstanceId, string>;
}

/** What people look at. Nothing that runs instances needs it; its calls read, and are bounded. */
export interface OverviewStore {
  /** Instances that fit a filter, those first that were made last; of those made at once, by id, backwards. Payloads are not read. */
  listNewest(filter: NewestFilter): Promise<CursorPage<InstanceOutline>>;

  /** How many instances there are, by definition and status. */
  countInstances(filter: { readonly flow?: string }): Promise<InstanceCounts>;

  /**
   * The workers that are known, by id.
   *
   * @param page - those behind `after`; `limit`: 1 to 1,000
   */
  listWorkers(page: { readonly after?: WorkerId; readonly limit: number }): Promise<WorkerPage>;

  /**
   * Events that nobody has consumed yet, in the order in which they were sent. `[]` also for an unknown instance.
   *
   * @param page - those behind the sequence `after`; `limit`: 1 to 1,000
   */
  listEvents(
    instanceId: InstanceId,
    page: { readonly after?: bigint; readonly limit: number },
  ): Promise<readonly BufferedPayload[]>;

  /** Instances that have failed, those first that failed last. */
  listFailed(filter: FailedFilter): Promise<CursorPage<FailedOutline>>;

  /** What began and ended, by time. */
  readSeries(request: SeriesRequest): Promise<Series>;

  /** Definitions, those first that were seen last; at most 1,000. */
  listDefinitions(): Promise<readonly KnownDefinition[]>;

  /** The graph that was published with a definition; `null` if none was. */
  findGraph(definitionHash: DefinitionHash): Promise<string | null>;

  /** The store's clock, in milliseconds since the epoch: what takes least to find out whether it answers. */
  readClock(): Promise<number>;

  /** @param instanceIds - at most 1,000 */
  readActivity(instanceIds: readonly InstanceId[]): Promise<Activity>;
}
