/** What the HTTP API tells of schedules, and of how long ended instances are kept. No runtime code. */

/** `GET /api/v1/schedules`. */
export interface Schedule {
  readonly id: string;
  readonly flow: string;
  /** Either this or `everyMs`; the other one is `null`. */
  readonly cron: string | null;
  readonly everyMs: number | null;
  readonly timezone: string;
  readonly overlap: string;
  readonly catchUp: { readonly withinMs: number; readonly limit: number };
  readonly jitterMs: number;
  /** What code says of it does not count. */
  readonly isChanged: boolean;
  readonly isPaused: boolean;
  readonly pauseReason: string | null;
  readonly lastSlot: string | null;
  /** `null` if no worker has looked at it yet. */
  readonly nextSlot: string | null;
  /** Those of the last 100 instances that it has started that have not ended. */
  readonly live: readonly string[];
  readonly skipped: { readonly slot: string; readonly reason: string } | null;
  /** Why its slots can't be started at present; `null` if nothing is wrong. */
  readonly problem: string | null;
  /** Slots that were asked for by hand and are not started yet. */
  readonly requested: number;
  readonly createdAt: string;
}

/** `GET /api/v1/schedules/{id}/slots`: slots in order, as far as nobody changes the schedule. */
export interface Slots {
  readonly slots: readonly string[];
}

/** Body of `PATCH /api/v1/schedules/{id}`. */
export interface ScheduleChanges {
  readonly isPaused: boolean;
  /** With a pause. */
  readonly reason?: string;
}

/** Body of `POST /api/v1/schedules/{id}/backfill`: times in ISO 8601. */
export interface BackfillRequest {
  readonly from: string;
  /** Not in the future. */
  readonly to: string;
}

/** What is started by hand: by the next worker that looks. */
export interface StartedSlots {
  readonly instanceIds: readonly string[];
}

/** Body of `PATCH /api/v1/flows/{flow}`. */
export interface FlowChanges {
  readonly isPaused: boolean;
  /** With a pause. */
  readonly reason?: string;
}

/** `GET /api/v1/retention`: how long instances of a flow are kept after their end, in milliseconds; `null` for ever. */
export interface Retention {
  readonly flow: string;
  readonly keep: {
    readonly completed: number | null;
    readonly failed: number | null;
    readonly cancelled: number | null;
  };
  /** Whether workers archive them before. */
  readonly archives: boolean;
  readonly isChanged: boolean;
}

/** Body of `PATCH /api/v1/retention/{flow}`: spans such as "30d", milliseconds, or "forever"; what is not named stays. */
export interface RetentionChanges {
  readonly completed?: string | number;
  readonly failed?: string | number;
  readonly cancelled?: string | number;
}

/** Body of `POST /api/v1/prune`. */
export interface PruneRequest {
  /** Only of this flow. Default: of all that have a rule. */
  readonly flow?: string;
  /** Those that ended at least so long ago, as a span. Default: as long as they are kept. */
  readonly olderThan?: string | number;
  /** At most so many. Default: 10,000. */
  readonly limit?: number;
  /** Only tells how many. */
  readonly dryRun?: boolean;
  /** Also those that workers would archive before. */
  readonly withoutArchive?: boolean;
}

/** What was removed, or would be. */
export interface Pruned {
  readonly pruned: number;
  /** The first thousand. */
  readonly instanceIds: readonly string[];
  readonly dryRun: boolean;
}
