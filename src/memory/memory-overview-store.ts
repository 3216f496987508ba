import { type DefinitionHash, type InstanceId, parseKnownId, type WorkerId } from "../ids.ts";
import { type InstanceOutline, type InstanceRecord, type InstanceStatus, isTerminal } from "../snapshot/snapshot.ts";
import {
  type Cursor,
  checkCounted,
  checkEventPage,
  checkFailed,
  checkNewest,
  checkSeries,
  checkWatched,
  checkWorkerPage,
  cursorText,
} from "../store/check-overview.ts";
import type {
  Activity,
  BufferedPayload,
  CursorPage,
  FailedFilter,
  FailedOutline,
  InstanceCounts,
  KnownDefinition,
  KnownWorker,
  NewestFilter,
  OverviewStore,
  Series,
  SeriesBucket,
  SeriesRequest,
  WorkerPage,
} from "../store/overview-store.ts";
import { copyOf } from "./bytes.ts";
import { compareCodePoints } from "./code-points.ts";
import { fits } from "./instance-filter.ts";
import type { MemoryState } from "./memory-state.ts";
import type { StoredInstance } from "./stored-instance.ts";
import { copyOutline } from "./stored-values.ts";

const DEFAULT_PAGE = 100;
/** A worker that has said nothing for so long is not counted on. */
const ALIVE_MS = 60_000;

/** What people look at, in memory. */
export class MemoryOverviewStore implements OverviewStore {
  readonly #open: (method: string) => MemoryState;
  readonly #limitsMark: () => string;

  /**
   * @param open - the state, if the backend has not been closed
   * @param limitsMark - another text after every change of what limits allow
   */
  constructor(open: (method: string) => MemoryState, limitsMark: () => string) {
    this.#open = open;
    this.#limitsMark = limitsMark;
  }

  async listNewest(filter: NewestFilter): Promise<CursorPage<InstanceOutline>> {
    const state = this.#open("listNewest");
    const before = checkNewest(filter);
    const found = [...state.all()].map(({ record }) => record).filter((record) => fits(record, filter));
    const page = latest(found, ({ createdAt }) => createdAt, before, filter.limit);
    return { ...page, items: page.items.map(copyOutline) };
  }

  async countInstances(filter: { readonly flow?: string }): Promise<InstanceCounts> {
    const state = this.#open("countInstances");
    checkCounted(filter);
    const counts = new Map<string, InstanceCounts["counts"][number]>();
    for (const { record } of state.all()) {
      const { flow, definitionHash, status } = record;
      if (filter.flow !== undefined && flow !== filter.flow) continue;
      const key = `${definitionHash} ${status} ${flow}`;
      counts.set(key, { flow, definitionHash, status, count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return { counts: [...counts.values()], isCapped: false };
  }

  async listWorkers(page: { readonly after?: WorkerId; readonly limit: number }): Promise<WorkerPage> {
    const state = this.#open("listWorkers");
    checkWorkerPage(page);
    const { after = "", limit } = page;
    const held = heldBy(state);
    const workers = [...state.workers]
      .filter(([id]) => compareCodePoints(id, after) > 0)
      .sort(([a], [b]) => compareCodePoints(a, b))
      .slice(0, limit)
      .map(([workerId, { tags, lanes, registeredAt, seenAt }]): KnownWorker => {
        const { running, nextLeaseEnd } = held.get(workerId) ?? { running: 0, nextLeaseEnd: null };
        return { workerId, tags, registeredAt, seenAt, lanes: [...lanes.values()], running, nextLeaseEnd };
      });
    return { workers, now: state.now() };
  }

  async listEvents(
    instanceId: InstanceId,
    page: { readonly after?: bigint; readonly limit: number },
  ): Promise<readonly BufferedPayload[]> {
    const state = this.#open("listEvents");
    parseKnownId(instanceId);
    checkEventPage(page);
    const { after = 0n, limit } = page;
    const events = state.findMailbox(instanceId)?.list() ?? [];
    return events
      .filter(({ sequence }) => sequence > after)
      .slice(0, limit)
      .map((event) => ({ ...event, payload: copyOf(event.payload) }));
  }

  async listFailed(filter: FailedFilter): Promise<CursorPage<FailedOutline>> {
    const state = this.#open("listFailed");
    const before = checkFailed(filter);
    const found = [...state.all()].flatMap(({ record }): FailedOutline[] => {
      const isMeant = filter.flow === undefined || record.flow === filter.flow;
      return !isMeant || record.failure === null ? [] : [{ ...copyOutline(record), failure: copyOf(record.failure) }];
    });
    return latest(found, ({ endedAt }) => endedAt ?? 0, before, filter.limit);
  }

  async readSeries(request: SeriesRequest): Promise<Series> {
    const state = this.#open("readSeries");
    checkSeries(request);
    const { flow, bucketMs, buckets: length } = request;
    const now = state.now();
    const from = now - bucketMs * length;
    const indexOf = (time: number | null): number =>
      time === null || time < from || time >= now ? -1 : Math.floor((time - from) / bucketMs);
    const records = [...state.all()].map(({ record }) => record);
    const meant = records.filter((record) => flow === undefined || record.flow === flow);
    const buckets = Array.from({ length }, (_, index) =>
      bucketOf(
        from + index * bucketMs,
        meant.filter(({ createdAt }) => indexOf(createdAt) === index).length,
        meant.filter(({ endedAt }) => indexOf(endedAt) === index),
      ),
    );
    return { buckets, isCapped: false };
  }

  async listDefinitions(): Promise<readonly KnownDefinition[]> {
    const state = this.#open("listDefinitions");
    const alive = [...state.workers.values()].filter(({ seenAt }) => seenAt > state.now() - ALIVE_MS);
    return [...state.definitions]
      .map(([definitionHash, { flow, firstSeen }]) => ({
        flow,
        definitionHash,
        firstSeen,
        hasGraph: false,
        workers: alive.filter(({ lanes }) => [...lanes.values()].some((lane) => lane.definitionHash === definitionHash))
          .length,
      }))
      .sort((a, b) => b.firstSeen - a.firstSeen || compareCodePoints(a.definitionHash, b.definitionHash))
      .slice(0, 1_000);
  }

  async findGraph(_definitionHash: DefinitionHash): Promise<string | null> {
    this.#open("findGraph");
    return null;
  }

  async readClock(): Promise<number> {
    return this.#open("readClock").now();
  }

  async readActivity(instanceIds: readonly InstanceId[]): Promise<Activity> {
    const state = this.#open("readActivity");
    checkWatched(instanceIds);
    const workers = [...state.workers].map(([id, { tags, lanes }]) => [id, tags, [...lanes.keys()]]);
    const byInstance = new Map<InstanceId, string>();
    for (const id of instanceIds) {
      const instance = state.find(id);
      if (instance !== null) byInstance.set(id, markOf(state, instance));
    }
    return { instances: state.mark(), workers: JSON.stringify(workers), limits: this.#limitsMark(), byInstance };
  }
}

/** The latest of these behind a cursor. */
function latest<Item extends Pick<InstanceRecord, "instanceId">>(
  items: readonly Item[],
  timeOf: (item: Item) => number,
  before: Cursor | null,
  limit: number = DEFAULT_PAGE,
): CursorPage<Item> {
  const ordered = items
    .map((item) => ({ item, time: BigInt(Math.floor(timeOf(item))) }))
    .filter(({ item, time }) => {
      if (before === null || time < before.time) return true;
      return time === before.time && compareCodePoints(item.instanceId, before.id) < 0;
    })
    .sort((a, b) =>
      a.time === b.time ? compareCodePoints(b.item.instanceId, a.item.instanceId) : a.time < b.time ? 1 : -1,
    );
  const last = ordered.length > limit ? ordered[limit - 1] : undefined;
  const next = last === undefined ? null : cursorText({ time: last.time, id: last.item.instanceId });
  return { items: ordered.slice(0, limit).map(({ item }) => item), next };
}

type Holding = Pick<KnownWorker, "running" | "nextLeaseEnd">;

function heldBy(state: MemoryState): ReadonlyMap<WorkerId, Holding> {
  const held = new Map<WorkerId, Holding>();
  for (const instance of state.all()) {
    for (const path of instance.held) {
      const claim = instance.positions.get(path)?.claim;
      if (claim == null) continue;
      const { running, nextLeaseEnd } = held.get(claim.workerId) ?? { running: 0, nextLeaseEnd: null };
      const ends = [nextLeaseEnd, claim.expiresAt].filter((end) => end !== null);
      held.set(claim.workerId, {
        running: running + 1,
        nextLeaseEnd: ends.length === 0 ? null : Math.min(...ends),
      });
    }
  }
  return held;
}

function bucketOf(at: number, started: number, ended: readonly InstanceRecord[]): SeriesBucket {
  const count = (status: InstanceStatus): number => ended.filter((record) => record.status === status).length;
  const took = ended
    .filter(({ status }) => status === "completed")
    .map(({ createdAt, endedAt }) => (endedAt ?? createdAt) - createdAt)
    .sort((a, b) => a - b);
  const share = (part: number): number | null => took[Math.max(Math.ceil(part * took.length) - 1, 0)] ?? null;
  return {
    ...{ at, started, completed: count("completed"), failed: count("failed"), cancelled: count("cancelled") },
    ...{ p50Ms: share(0.5), p95Ms: share(0.95) },
  };
}

function markOf(state: MemoryState, instance: StoredInstance): string {
  const { status, run, reason, endedAt, deadlineAt } = instance.record;
  const positions = isTerminal(status) ? [] : [...instance.positions.values()];
  return JSON.stringify([
    ...[status, run, reason, endedAt, deadlineAt, String(state.findMailbox(instance.id)?.lastSequence ?? 0)],
    ...[instance.history.highestAttemptOf("$state"), [...instance.signals.keys()]],
    positions.map(({ path, taskId, attempt, claim, interrupt, pending, ready }) =>
      [path, taskId, attempt, String(claim?.token), interrupt, pending, ready].join(" "),
    ),
    [...instance.progress.values()].map(({ taskId, at }) => `${taskId} ${at}`),
  ]);
}
