/** What the HTTP API tells of workers, flows, limits and failures. No runtime code. */

import type { InstanceSummary } from "./api-instances.ts";
import type { Failure, StoredStatus } from "./api-values.ts";

/** `GET /api/v1/workers`. */
export interface Worker {
  readonly workerId: string;
  readonly tags: readonly string[];
  readonly registeredAt: string;
  /** Its last heartbeat. */
  readonly seenAt: string;
  /** Seen within the last minute. */
  readonly alive: boolean;
  /** What it can run, as far as it has said so. */
  readonly lanes: readonly {
    readonly flow: string;
    readonly definitionHash: string;
    readonly codec: string;
    readonly tags: readonly string[];
    readonly limit: string | null;
  }[];
  /** How many positions it holds. */
  readonly running: number;
  /** When the first of its leases ends; `null` if it has none. */
  readonly nextLeaseEnd: string | null;
}

/** `GET /api/v1/flows`. */
export interface Flow {
  readonly flow: string;
  /** Newest first. */
  readonly versions: readonly {
    readonly definitionHash: string;
    /** When it was published, or first had an instance; `null` if neither is known. */
    readonly firstSeen: string | null;
    /** Whether the server was given it, so that it can be started, forked and looked back at here. */
    readonly given: boolean;
    /** Whether its graph is known. */
    readonly hasGraph: boolean;
    readonly live: number;
    /** How many workers can run it. */
    readonly workers: number;
  }[];
  readonly byStatus: Readonly<Record<StoredStatus, number>>;
  readonly capped: boolean;
  /** Set while workers take nothing of it. */
  readonly paused: { readonly reason: string | null; readonly by: string | null; readonly since: string } | null;
}

/** Query of `GET /api/v1/series`. */
export interface SeriesQuery {
  readonly flow?: string;
  /** How far back, as a span: "1h", "24h", "7d"; at most "90d". Default: "1h". */
  readonly range?: string;
  /** How many buckets, 1 to 200; default 60. */
  readonly buckets?: number;
}

/** `GET /api/v1/series`: what began and ended by time, oldest first. */
export interface Series {
  readonly from: string;
  readonly bucketMs: number;
  readonly buckets: readonly SeriesBucket[];
  /** Whether there was more than is looked at: then the oldest buckets count too little. */
  readonly capped: boolean;
}

export interface SeriesBucket {
  readonly at: string;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Duration from start to end of what completed in it, in milliseconds; `null` if nothing did. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
}

/** What a limit allows; `null`: any number. */
export interface Allowance {
  readonly concurrency: number | null;
  readonly rate: { readonly count: number; readonly perMs: number; readonly burst: number } | null;
}

/** `GET /api/v1/limits`. */
export interface Limit extends Allowance {
  readonly name: string;
  readonly perKey: Allowance;
  readonly isChanged: boolean;
  readonly isPaused: boolean;
  readonly running: number;
  readonly waiting: number;
  readonly oldestWaitMs: number | null;
}

/** `GET /api/v1/limits/{name}/keys`. */
export interface LimitKey {
  readonly key: string;
  readonly running: number;
  readonly waiting: number;
  readonly oldestWaitMs: number | null;
  readonly weight: number;
  readonly isPaused: boolean;
}

/** Body of `PATCH /api/v1/limits/{name}`: what is not named stays. */
export interface LimitChanges {
  readonly concurrency?: number | null;
  readonly rate?: { readonly count: number; readonly per: string | number; readonly burst?: number } | null;
  readonly perKey?: {
    readonly concurrency?: number | null;
    readonly rate?: { readonly count: number; readonly per: string | number; readonly burst?: number } | null;
  };
  readonly isPaused?: boolean;
}

/** Body of `PATCH /api/v1/limits/{name}/keys/{key}`. */
export interface LimitKeyChanges {
  readonly weight?: number;
  readonly isPaused?: boolean;
}

/** `GET /api/v1/failures`: failed instances, those that failed last first. */
export interface FailedInstance extends InstanceSummary {
  /** `null` where it can't be read here. */
  readonly failure: Failure | null;
}

/** `GET /api/v1/failures/groups?flow=`: what failed lately, most frequent first. */
export interface FailureGroups {
  readonly groups: readonly FailureGroup[];
  /** How many failed instances were looked at, from the last one on. */
  readonly lookedAt: number;
  /** Whether there are more than were looked at. */
  readonly capped: boolean;
}

export interface FailureGroup {
  readonly flow: string;
  readonly taskId: string | null;
  readonly name: string;
  readonly code: string | null;
  /** Of the last one. */
  readonly message: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** Up to five, the last one first. */
  readonly instanceIds: readonly string[];
}

/** `GET /api/v1/audit`: what was done through the API, the last first. */
export interface AuditEntry {
  readonly sequence: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly detail: string | null;
  /** "begun": nobody has said how it ended; it may have been done. "refused": it was not done. "failed": it may have been. */
  readonly outcome: "begun" | "done" | "refused" | "failed";
  /** The error's code. */
  readonly code: string | null;
}
