/** What the HTTP API takes to change something, and what it answers. No runtime code. */

import type { Payload, StoredStatus } from "./api-values.ts";

/** Body of `…/cancel`, `…/terminate`, `…/pause`, `…/unpause`, `…/retry`. Who asks is known from the token. */
export interface ReasonRequest {
  /** At most 1,000 characters. */
  readonly reason?: string;
}

export interface CancelRequest extends ReasonRequest {
  /** Whether what it has done is undone before it ends. Default: `false`. */
  readonly undo?: boolean;
}

export interface RetryRequest extends ReasonRequest {
  /** Whether it comes back paused. Default: `false`. */
  readonly paused?: boolean;
  /** An ISO time, or a span like "2h". Default: it has no deadline. */
  readonly deadline?: string;
}

/** Answer of an action: "requested" takes effect when whoever runs it comes to a stop. */
export interface ActionResult {
  readonly outcome: "applied" | "requested" | "unchanged";
}

/** Body of `POST …/fork`. Needs the flow. Values are tagged JSON, as in `Payload`. */
export interface ForkRequest {
  readonly newId: string;
  /** After which entry, by its sequence as a decimal string ("0": the beginning); or `{ task }`: right before that task. */
  readonly at: string | { readonly task: string };
  readonly input?: unknown;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  readonly tags?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly deadline?: string;
}

/** Answer of `fork` and `submit`. */
export interface InstanceCreated {
  readonly instanceId: string;
}

/** Body of `POST /api/v1/instances`. Needs the flow. */
export interface SubmitRequest {
  readonly flow: string;
  /** Default: the newest that the server was given. */
  readonly definitionHash?: string;
  /** Default: one that is made. */
  readonly instanceId?: string;
  /** Tagged JSON, as in `Payload`. */
  readonly input?: unknown;
  readonly onConflict?: "fail" | "useExisting";
  readonly priority?: number;
  readonly tags?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly deadline?: string;
  /** A span like "10m". */
  readonly startAfter?: string;
}

/** Body of `POST …/events`. */
export interface EventRequest {
  readonly name: string;
  /** Tagged JSON. */
  readonly payload?: unknown;
  readonly dedupKey?: string;
}

export interface EventResult {
  readonly outcome: "delivered" | "buffered" | "duplicate";
}

/** Body of `POST …/complete-task`. */
export interface CompleteTaskRequest {
  readonly taskId: string;
  /** Tagged JSON. */
  readonly output?: unknown;
}

/** Body of `POST …/deadline`. */
export interface DeadlineRequest {
  /** An ISO time, a span from now on ("2h"), or `null` for none. */
  readonly deadline: string | null;
}

/** Body of `POST …/queries/{name}` and `POST …/updates/{name}`; the answer is a `ReplyResult`. */
export interface HandlerRequest {
  readonly input?: unknown;
  /** Only of updates: makes a repeated request harmless. */
  readonly updateId?: string;
}

export interface ReplyResult {
  readonly reply: Payload;
}

/** Which instances a bulk action means; as in `BulkFilter` of the client. */
export interface BulkFilter {
  readonly flow?: string;
  readonly status?: readonly StoredStatus[];
  readonly idPrefix?: string;
  readonly tags?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly parent?: string;
}

/** Body of `POST /api/v1/bulk`. */
export interface BulkRequest {
  readonly action: "cancel" | "terminate" | "pause" | "unpause" | "retry" | "delete";
  /** Either a filter … */
  readonly filter?: BulkFilter;
  /** … or ids, at most 1,000. */
  readonly ids?: readonly string[];
  /** Says that a filter without conditions is meant. */
  readonly all?: boolean;
  readonly dryRun?: boolean;
  /** Stops after so many; 1 to 10,000, default 1,000. `next` tells where to go on. */
  readonly limit?: number;
  readonly after?: string;
  readonly reason?: string;
  /** Only with "cancel". */
  readonly undo?: boolean;
  /** Only with "retry". */
  readonly paused?: boolean;
}

export interface BulkResult {
  readonly matched: number;
  readonly changed: number;
  readonly refusedCount: number;
  /** The first hundred of them. */
  readonly refused: readonly { readonly instanceId: string; readonly code: string; readonly message: string }[];
  readonly next: string | null;
  readonly dryRun: boolean;
}
