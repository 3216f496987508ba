import { checkAbortSignal, checkFunction, checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { type ErrorCode, WaymarkError } from "../errors/waymark-error.ts";
import type { InstanceId } from "../ids.ts";
import type { InstanceStatus } from "../snapshot/snapshot.ts";
import { requireBoolean } from "../store/argument-shapes.ts";
import { parseControlRequest, parseRetryRequest, parseWhole } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import { checkFilter } from "../store/check-instance.ts";
import type { InstanceFilter } from "../store/instance-store.ts";
import type { CancelRequest, RetryRequest } from "../store/signal-store.ts";
import { retryInstance } from "./retry.ts";

/** Which instances are meant. All parts must fit; where no status is named, those in which the call makes sense. */
export type BulkFilter = Omit<InstanceFilter, "limit">;

/** How far a call for many instances goes, and whom it tells. */
export interface BulkOptions {
  /** Counts what fits, and changes nothing. Default: `false`. */
  readonly dryRun?: boolean;
  /** How many instances are looked up at a time, 1 to 1,000. Default: 100. */
  readonly batchSize?: number;
  /** Stops after so many instances. Default: all that fit. */
  readonly limit?: number;
  /** Says that a filter without conditions is meant as it stands: every instance. Default: `false`, which refuses it. */
  readonly all?: boolean;
  /** Stops between two instances when it aborts; the call rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Is told after each batch how far it has come, and waited for. What it throws ends the call. */
  readonly onProgress?: (progress: BulkResult) => unknown;
}

/** What became of a call for many instances, or has become of it so far. */
export interface BulkResult {
  /** How many instances fitted the filter when they were looked up. */
  readonly matched: number;
  /** How many have been changed, those included whose workers have to stop first. 0 in a dry run. */
  readonly changed: number;
  /** How many could not be changed. Whatever is left of `matched` was in the wanted state by then. */
  readonly refusedCount: number;
  /** The first hundred of them. */
  readonly refused: readonly RefusedInstance[];
  /** Where to go on, as `filter.after`, if `limit` ended it, or if it has not ended; `null` if nothing is left. */
  readonly next: InstanceId | null;
  readonly dryRun: boolean;
}

/** An instance that could not be changed, and why. */
export interface RefusedInstance {
  readonly instanceId: InstanceId;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What can be done to many instances, each in its own transaction. */
export type BulkAction = "cancel" | "terminate" | "pause" | "unpause" | "retry" | "delete";

/** What is done to each of many instances, and to which. */
export interface Deed {
  /** How it is called in messages. */
  readonly name: string;
  /** The states that are meant where the filter names none. */
  readonly usual: readonly InstanceStatus[];
  /** The states that a filter may name. */
  readonly possible: readonly InstanceStatus[];
  /** Options of its own. */
  readonly keys: readonly string[];
  /** Resolves to "unchanged" where there was nothing to do. */
  act(backend: Backend, instanceId: InstanceId, request: CancelRequest & RetryRequest): Promise<unknown>;
  /** Tells without a change, by what it rejects with, whether it can be done; where a dry run is to know that. */
  readonly tryOut?: (instanceId: InstanceId) => Promise<unknown>;
}

const LIVE: readonly InstanceStatus[] = ["in_progress", "paused"];
const ENDED: readonly InstanceStatus[] = ["completed", "failed", "cancelled"];
const REASON_KEYS = ["reason", "requestedBy"];

const DEEDS: Readonly<Record<BulkAction, Deed>> = {
  cancel: {
    name: "cancel",
    usual: LIVE,
    possible: LIVE,
    keys: [...REASON_KEYS, "undo"],
    act: (backend, id, request) => backend.requestControl(id, "cancel", request),
  },
  terminate: {
    name: "terminate",
    usual: LIVE,
    possible: LIVE,
    keys: REASON_KEYS,
    act: (backend, id, request) => backend.terminateInstance(id, request),
  },
  pause: {
    name: "pause",
    usual: ["in_progress"],
    possible: ["in_progress"],
    keys: REASON_KEYS,
    act: (backend, id, request) => backend.requestControl(id, "pause", request),
  },
  unpause: {
    name: "unpause",
    usual: ["paused"],
    possible: ["paused"],
    keys: [],
    act: (backend, id) => backend.unpauseInstance(id),
  },
  retry: {
    name: "retry",
    usual: ["failed"],
    possible: ["failed"],
    keys: [...REASON_KEYS, "paused", "deadline"],
    act: (backend, id, request) => retryInstance(backend, id, request),
  },
  delete: {
    name: "delete",
    usual: ENDED,
    possible: [...LIVE, ...ENDED],
    keys: [],
    act: (backend, id) => backend.deleteSnapshot(id),
  },
};

const FILTER_KEYS = ["flow", "status", "idPrefix", "tags", "labels", "parent", "after"];
const OPTION_KEYS = ["dryRun", "batchSize", "limit", "all", "signal", "onProgress"];
const DEFAULT_BATCH = 100;
/** How many are changed at the same time: a pool has connections left for others then. */
const AT_ONCE = 4;
const MOST_REFUSED = 100;
/** What stands in the way of one stands in the way of all: the call ends. */
const ENDS_ALL: ReadonlySet<ErrorCode> = new Set(["BACKEND_UNAVAILABLE", "BACKEND_REFUSED", "BACKEND_CLOSED"]);

/**
 * Does `action` to all instances that fit, batch by batch in the order of their ids. Each is looked at again in its own
 * transaction, so whatever others change meanwhile is respected, and one that can't be changed harms only itself. Nothing
 * but a batch of ids is held in memory; after a crash, the same call goes on, because what is done does not fit any more.
 *
 * @throws {InvalidArgumentError} an argument is not acceptable, or the filter has no conditions; nothing was changed
 * @throws {BackendError} the database failed; what was done by then stays done
 */
export async function forMany(
  backend: Backend,
  action: BulkAction | Deed,
  filter: BulkFilter,
  options: BulkOptions & CancelRequest & RetryRequest,
): Promise<BulkResult> {
  const deed = typeof action === "string" ? DEEDS[action] : action;
  checkOptions(filter, FILTER_KEYS, "filter");
  checkFilter(filter);
  checkOptions(options, [...OPTION_KEYS, ...deed.keys]);
  const { batchSize, limit } = checkBulkOptions(options);
  const request = { ...parseRetryRequest(options, "options"), ...parseControlRequest("cancel", options, "options") };
  requireCondition(filter, options.all === true);
  const wanted = { ...filter, status: statusesOf(deed, filter) };
  const tally = new Tally(options.dryRun === true);
  for (let after = filter.after; ; ) {
    options.signal?.throwIfAborted();
    const most = Math.min(batchSize, limit - tally.matched);
    const ids = await backend.listInstanceIds({ ...wanted, limit: most, ...(after === undefined ? {} : { after }) });
    const act = options.dryRun === true ? deed.tryOut : (id: InstanceId) => deed.act(backend, id, request);
    if (act !== undefined) await doAll(ids, options.signal, (id) => tally.note(id, act(id)));
    after = ids.at(-1);
    tally.matched += ids.length;
    tally.next = ids.length < most ? null : (after ?? null);
    await options.onProgress?.(tally.result());
    if (tally.next === null || tally.matched >= limit) return tally.result();
  }
}

/** A few at a time. Those that have begun end before the call does. */
async function doAll(
  ids: readonly InstanceId[],
  signal: AbortSignal | undefined,
  act: (id: InstanceId) => Promise<void>,
): Promise<void> {
  const waiting = ids.values();
  let isOver = false;
  const line = async (): Promise<void> => {
    try {
      for (const id of waiting) {
        if (isOver) return;
        signal?.throwIfAborted();
        await act(id);
      }
    } catch (error) {
      isOver = true;
      throw error;
    }
  };
  const lines = await Promise.allSettled(Array.from({ length: AT_ONCE }, line));
  for (const one of lines) if (one.status === "rejected") throw one.reason;
}

/** What has become of the instances so far. */
class Tally {
  matched: number = 0;
  next: InstanceId | null = null;
  readonly #dryRun: boolean;
  readonly #refused: RefusedInstance[] = [];
  #changed = 0;
  #refusedCount = 0;

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  async note(instanceId: InstanceId, done: Promise<unknown>): Promise<void> {
    try {
      if ((await done) !== "unchanged") this.#changed++;
    } catch (error) {
      if (!WaymarkError.is(error) || ENDS_ALL.has(error.code)) throw error;
      this.#refusedCount++;
      if (this.#refused.length === MOST_REFUSED) return;
      this.#refused.push({ instanceId, code: error.code, message: error.message });
    }
  }

  result(): BulkResult {
    const { matched, next } = this;
    const refused = [...this.#refused];
    return { matched, changed: this.#changed, refusedCount: this.#refusedCount, refused, next, dryRun: this.#dryRun };
  }
}

function checkBulkOptions(options: BulkOptions): { readonly batchSize: number; readonly limit: number } {
  const { batchSize = DEFAULT_BATCH, limit = Number.MAX_SAFE_INTEGER, dryRun, all, signal, onProgress } = options;
  if (dryRun !== undefined) requireBoolean(dryRun, "options.dryRun");
  if (all !== undefined) requireBoolean(all, "options.all");
  checkAbortSignal(signal, "options.signal");
  if (onProgress !== undefined) checkFunction(onProgress, "options.onProgress");
  parseWhole(batchSize, "options.batchSize", 1, 1_000);
  parseWhole(limit, "options.limit", 1, Number.MAX_SAFE_INTEGER);
  return { batchSize, limit };
}

/** A filter that was left empty by mistake, say by a variable that is undefined, must not hit everything. */
function requireCondition(filter: BulkFilter, all: boolean): void {
  const { flow, status, idPrefix = "", tags = [], labels = {}, parent } = filter;
  const isEmpty =
    flow === undefined &&
    status === undefined &&
    parent === undefined &&
    idPrefix === "" &&
    tags.length === 0 &&
    Object.values(labels).length === 0;
  if (isEmpty && !all)
    throw new InvalidArgumentError("filter", "fits every instance. If that is meant, pass options.all: true.");
  if (!isEmpty && all)
    throw new InvalidArgumentError("options.all", "goes with a filter without conditions; leave one of the two out.");
}

function statusesOf(deed: Deed, { status }: BulkFilter): readonly InstanceStatus[] {
  if (status === undefined) return deed.usual;
  const wrong = status.find((one) => !deed.possible.includes(one));
  if (wrong === undefined) return status;
  const allowed = deed.possible.map((one) => `"${one}"`).join(" or ");
  throw new InvalidArgumentError("filter.status", `must be ${allowed} for ${deed.name}; "${wrong}" can't be.`);
}
