/** What the HTTP API tells of instances. No runtime code. */

import type { Failure, Payload, StoredStatus } from "./api-values.ts";

/** As told from where it stands. */
export type LiveStatus = StoredStatus | "waiting" | "awaiting_event" | "awaiting_child";

export interface ParentLink {
  readonly instanceId: string;
  readonly taskId: string;
  readonly run: number;
  readonly onClose: "cancel" | "abandon" | "wait" | "closed";
}

export interface InstanceSummary {
  readonly instanceId: string;
  readonly flow: string;
  readonly definitionHash: string;
  readonly status: StoredStatus;
  readonly reason: string | null;
  /** 1 (first) to 5 (last). */
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly run: number;
  readonly parent: ParentLink | null;
  readonly forkedFrom: { readonly instanceId: string; readonly sequence: string } | null;
  readonly createdAt: string;
  readonly deadline: string | null;
  readonly endedAt: string | null;
}

/** Query of `GET /api/v1/instances`. All conditions must fit. `status`, `tag` and `label` may be repeated. */
export interface InstanceQuery {
  readonly flow?: string;
  readonly status?: readonly StoredStatus[];
  /** Ids that start with this. */
  readonly idPrefix?: string;
  readonly tag?: readonly string[];
  /** Each `name=value`. */
  readonly label?: readonly string[];
  /** Children of this instance. */
  readonly parent?: string;
  /** Default: "newest". */
  readonly order?: "newest" | "id";
  readonly after?: string;
  /** 1 to 200; default 50. */
  readonly limit?: number;
}

/** `GET /api/v1/counts`. */
export interface Counts {
  /** Only what fits the filter of the request (`flow`). */
  readonly byStatus: Readonly<Record<StoredStatus, number>>;
  readonly byFlow: readonly { readonly flow: string; readonly byStatus: Readonly<Record<StoredStatus, number>> }[];
  /**
   * Whether what has ended is counted up to a bound only: the numbers are "at least" then. What is live is always exact.
   */
  readonly capped: boolean;
}

/** A task that can run, runs, or will be tried again. */
export interface RunningTask {
  readonly taskId: string;
  readonly attempt: number;
  readonly state: "ready" | "running" | "retrying";
  readonly workerId: string | null;
  readonly retryAt: string | null;
  readonly limit: { readonly name: string; readonly key: string } | null;
  readonly progress: { readonly value: Payload; readonly at: string } | null;
}

/** Where an instance is, in words and in data. */
export interface Status {
  readonly status: LiveStatus;
  /** A sentence, e.g. `waiting for the event "paid" at "payment"`. */
  readonly words: string;
  /** Why it is paused, or was cancelled. */
  readonly reason: string | null;
  readonly tasks: readonly RunningTask[];
  readonly wakeAt: string | null;
  readonly events: readonly { readonly taskId: string; readonly name: string; readonly timeoutAt: string | null }[];
  readonly children: readonly { readonly taskId: string; readonly instanceId: string | null }[];
  readonly cancelRequested: { readonly reason: string | null; readonly undo: boolean } | null;
}

/** A point at which an instance stands. */
export interface Position {
  /** `""` for the trunk. */
  readonly path: string;
  readonly taskId: string;
  /** Id of the node of the graph at which it stands. */
  readonly nodeId: string;
  readonly kind: "task" | "delay" | "wait" | "join";
  readonly attempt: number;
  readonly ready: boolean;
  readonly claim: { readonly workerId: string; readonly expiresAt: string | null } | null;
  readonly availableAt: string | null;
  readonly wakeAt: string | null;
  readonly event: string | null;
  /** How many branches or items have yet to end, of a join. */
  readonly pending: number;
  readonly items: { readonly total: number; readonly started: number; readonly failed: number } | null;
  readonly interrupt: "pause" | "cancel" | "undo" | "paused" | null;
  readonly limit: { readonly name: string; readonly key: string } | null;
  readonly tags: readonly string[];
  readonly priority: number;
  /** How many leases were lost here in a row. */
  readonly lost: number;
}

/** `GET /api/v1/instances/{instanceId}`. */
export interface InstanceDetail extends InstanceSummary {
  readonly codec: string;
  /** Whether its flow is among those that the server was given: then state, fork and updates are available. */
  readonly flowKnown: boolean;
  readonly state: Status;
  readonly positions: readonly Position[];
  readonly pending: readonly {
    readonly kind: "cancel" | "pause";
    readonly reason: string | null;
    readonly requestedBy: string | null;
    readonly undo: boolean;
  }[];
  readonly input: Payload;
  /** `null` unless completed. */
  readonly output: Payload | null;
  /** `null` unless failed. */
  readonly failure: Failure | null;
  /** Names that the flow's state has handlers for, as far as the server was given them. */
  readonly queries: readonly string[];
  readonly updates: readonly string[];
  /** The database's clock when this was read. */
  readonly now: string;
}

/** `GET /api/v1/instances/{instanceId}/history?after=&limit=`; and `…/diff?from=&to=`. */
export interface HistoryEntry {
  readonly sequence: string;
  readonly taskId: string;
  readonly nodeId: string;
  readonly attempt: number;
  readonly kind: string;
  readonly outcome: "completed" | "failed" | "timed_out" | "tolerated" | "noted";
  readonly at: string;
  readonly durationMs: number | null;
  readonly workerId: string | null;
  readonly decision: string | null;
  /** The task whose output this entry passes on. */
  readonly outputRef: string | null;
  readonly output: Payload | null;
  readonly failure: Failure | null;
}

/** `GET /api/v1/instances/{instanceId}/state?at=`: where it stood after an entry. Needs the flow (409 `FLOW_UNKNOWN`). */
export interface PastState {
  readonly sequence: string;
  readonly at: string;
  readonly ended: "completed" | "failed" | "cancelled" | null;
  readonly positions: readonly {
    readonly path: string;
    readonly taskId: string;
    readonly nodeId: string;
    readonly attempt: number;
    readonly kind: "task" | "delay" | "wait" | "join";
  }[];
  /** The last thousand of them. */
  readonly outputs: readonly { readonly taskId: string; readonly value: Payload }[];
  /** How many outputs before those are not shown. */
  readonly outputsOmitted: number;
  /** What the tasks shared by then; `null` if nothing. */
  readonly state: Payload | null;
}

/** `GET /api/v1/instances/{instanceId}/events`: sent, and not consumed yet; oldest first. */
export interface BufferedEvent {
  readonly name: string;
  readonly sequence: string;
  readonly sentAt: string;
  readonly payload: Payload;
}
