import { parseKnownId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import type { InstanceOutline } from "../snapshot/snapshot.ts";
import { requireName } from "../store/argument-shapes.ts";
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
  SeriesRequest,
  WorkerPage,
} from "../store/overview-store.ts";
import { listParams } from "./list-params.ts";
import { countInstances } from "./queries/count-instances.ts";
import { findGraph, listDefinitions } from "./queries/known-definitions.ts";
import { listEvents } from "./queries/list-events.ts";
import { listFailed } from "./queries/list-failed.ts";
import { type CursorParams, listNewest } from "./queries/list-newest.ts";
import { listWorkers, readClock, type WorkerRow } from "./queries/list-workers.ts";
import { readActivity, readInstanceMarks } from "./queries/read-activity.ts";
import { readSeries } from "./queries/read-series.ts";
import { type OutlineRow, outlineFromRow, wholeMs } from "./rows.ts";
import type { StoreContext } from "./store-context.ts";

const DEFAULT_PAGE = 100;
/** Most instances that are counted, or looked at for a series. */
const MOST_COUNTED = 100_000;
const MOST_DEFINITIONS = 1_000;
/** A worker that has said nothing for so long is not counted on. */
const ALIVE_MS = 60_000;

/** What people look at, in PostgreSQL. */
export class PostgresOverviewStore implements OverviewStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async listNewest(filter: NewestFilter): Promise<CursorPage<InstanceOutline>> {
    const before = checkNewest(filter);
    const { limit = DEFAULT_PAGE } = filter;
    const { db, tables } = this.#context;
    const params = { ...listParams(filter), ...cursorParams(before), limit: limit + 1 };
    const rows = await db.run("list-newest", listNewest(tables, params));
    return pageOf(rows, limit, outlineFromRow);
  }

  async countInstances(filter: { readonly flow?: string }): Promise<InstanceCounts> {
    checkCounted(filter);
    const { db, tables } = this.#context;
    const params = { flow: filter.flow ?? null, most: MOST_COUNTED };
    const rows = await db.run("count-instances", countInstances(tables, params));
    const counts = rows.map(({ flow, definition_hash: definitionHash, status, count }) => ({
      ...{ flow, definitionHash, status, count },
    }));
    return { counts, isCapped: rows[0]?.capped ?? false };
  }

  async listWorkers(page: { readonly after?: string; readonly limit: number }): Promise<WorkerPage> {
    checkWorkerPage(page);
    const { db, tables } = this.#context;
    const now = this.#context.now();
    const rows = await db.run(
      "list-workers",
      listWorkers(tables, { after: page.after ?? null, limit: page.limit, now }),
    );
    const [first] = rows;
    return {
      workers: rows.map(workerFromRow),
      now: first === undefined ? await this.readClock() : wholeMs(first.now_ms),
    };
  }

  async listEvents(
    instanceId: string,
    page: { readonly after?: bigint; readonly limit: number },
  ): Promise<readonly BufferedPayload[]> {
    checkEventPage(page);
    const params = { instanceId: parseKnownId(instanceId), after: page.after ?? 0n, limit: page.limit };
    const rows = await this.#context.db.run("list-events", listEvents(this.#context.tables, params));
    return rows.map(({ sent_ms, ...row }) => ({ ...row, sentAt: wholeMs(sent_ms) }));
  }

  async listFailed(filter: FailedFilter): Promise<CursorPage<FailedOutline>> {
    const before = checkFailed(filter);
    const { limit = DEFAULT_PAGE, flow = null } = filter;
    const params = { flow, ...cursorParams(before), limit: limit + 1 };
    const rows = await this.#context.db.run("list-failed", listFailed(this.#context.tables, params));
    return pageOf(rows, limit, (row) => ({ ...outlineFromRow(row), failure: row.failure }));
  }

  async readSeries(request: SeriesRequest): Promise<Series> {
    checkSeries(request);
    const { flow = null, bucketMs, buckets } = request;
    const params = { flow, bucketMs, buckets, most: MOST_COUNTED, now: this.#context.now() };
    const rows = await this.#context.db.run("read-series", readSeries(this.#context.tables, params));
    const from = rows[0]?.from_ms ?? 0;
    const byBucket = new Map(rows.map((row) => [row.bucket, row]));
    return {
      isCapped: rows[0]?.capped ?? false,
      buckets: Array.from({ length: buckets }, (_, index) => {
        const { started = 0, completed = 0, failed = 0, cancelled = 0 } = byBucket.get(index) ?? {};
        const { p50_ms: p50Ms = null, p95_ms: p95Ms = null } = byBucket.get(index) ?? {};
        return { at: wholeMs(from + index * bucketMs), started, completed, failed, cancelled, p50Ms, p95Ms };
      }),
    };
  }

  async listDefinitions(): Promise<readonly KnownDefinition[]> {
    const params = { most: MOST_DEFINITIONS, aliveMs: ALIVE_MS, now: this.#context.now() };
    const rows = await this.#context.db.run("list-definitions", listDefinitions(this.#context.tables, params));
    return rows.map((row) => ({
      ...{ flow: row.flow, definitionHash: row.definition_hash, firstSeen: wholeMs(row.first_ms) },
      ...{ hasGraph: row.has_graph, workers: row.workers },
    }));
  }

  async findGraph(definitionHash: string): Promise<string | null> {
    requireName(definitionHash, "definitionHash");
    const [row] = await this.#context.db.run("find-graph", findGraph(this.#context.tables, definitionHash));
    return row?.graph ?? null;
  }

  async readClock(): Promise<number> {
    const [row] = await this.#context.db.run("read-clock", readClock(this.#context.now()));
    return wholeMs(row?.now_ms ?? 0);
  }

  async readActivity(instanceIds: readonly string[]): Promise<Activity> {
    checkWatched(instanceIds);
    const { db, tables } = this.#context;
    const [row] = await db.run("read-activity", readActivity(tables));
    const marks =
      instanceIds.length === 0 ? [] : await db.run("read-instance-marks", readInstanceMarks(tables, instanceIds));
    return {
      ...{ instances: row?.instances ?? "", workers: row?.workers ?? "", limits: row?.limits ?? "" },
      byInstance: new Map(marks.map(({ instance_id, mark }) => [instance_id, mark] as const)),
    };
  }
}

function cursorParams(before: Cursor | null): CursorParams {
  return { beforeTime: before?.time ?? null, beforeId: before?.id ?? null };
}

/** The rows of a page, of which one more was read than it holds. */
function pageOf<Row extends Pick<OutlineRow, "instance_id"> & { readonly cursor_us: bigint }, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
): CursorPage<Item> {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  const next = last === undefined ? null : cursorText({ time: last.cursor_us, id: last.instance_id });
  return { items: rows.slice(0, limit).map(itemOf), next };
}

function workerFromRow(row: WorkerRow): KnownWorker {
  return {
    workerId: row.worker_id,
    tags: row.tags,
    registeredAt: wholeMs(row.registered_ms),
    seenAt: wholeMs(row.seen_ms),
    lanes: row.lanes.map(laneFrom),
    running: row.running,
    nextLeaseEnd: row.lease_ms === null ? null : wholeMs(row.lease_ms),
  };
}

function laneFrom(lane: WorkerRow["lanes"][number]): Lane {
  const { flow, definition_hash: definitionHash, codec, tags, limit_name: limit, limit_scope: scope } = lane;
  return { flow, definitionHash, codec, tags, ...(scope === "" ? {} : { gate: { limit, scope } }) };
}
