import { type InstanceId, parseKnownId, parseWorkerId, type WorkerId } from "../ids.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";
import { refuse, requireArray, requireBigint, requireName, requireObject } from "./argument-shapes.ts";
import { parseWhole } from "./arguments.ts";
import { checkFilter } from "./check-instance.ts";
import type { FailedFilter, NewestFilter, SeriesRequest } from "./overview-store.ts";

const MOST_ITEMS = 1_000;
const MOST_BUCKETS = 500;
const CURSOR = /^(\d{1,17}):/;

/** Where a page begins: behind what has this time, in a unit of the store's choice, and this id. */
export interface Cursor {
  readonly time: bigint;
  readonly id: InstanceId;
}

/** A cursor as callers see it. */
export function cursorText({ time, id }: Cursor): string {
  return `${time}:${id}`;
}

/** @throws {InvalidArgumentError} naming `field` */
export function parseCursor(cursor: unknown, field: string): Cursor | null {
  if (cursor === undefined) return null;
  const [, time] = (typeof cursor === "string" ? CURSOR.exec(cursor) : null) ?? [];
  if (time === undefined) return refuse(field, 'must be "next" of another page');
  return { time: BigInt(time), id: parseKnownId((cursor as string).slice(time.length + 1), field) };
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkNewest(filter: NewestFilter): Cursor | null {
  checkFilter(filter);
  return parseCursor(filter.before, "filter.before");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkFailed(filter: FailedFilter): Cursor | null {
  requireObject(filter, "filter");
  checkFlowName(filter.flow);
  if (filter.limit !== undefined) parseWhole(filter.limit, "filter.limit", 1, MOST_ITEMS);
  return parseCursor(filter.before, "filter.before");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkCounted(filter: { readonly flow?: string }): void {
  requireObject(filter, "filter");
  checkFlowName(filter.flow);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkWorkerPage(page: { readonly after?: WorkerId; readonly limit: number }): void {
  requireObject(page, "page");
  if (page.after !== undefined) parseWorkerId(page.after, "page.after");
  parseWhole(page.limit, "page.limit", 1, MOST_ITEMS);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkEventPage(page: { readonly after?: bigint; readonly limit: number }): void {
  requireObject(page, "page");
  if (page.after !== undefined) requireBigint(page.after, "page.after");
  parseWhole(page.limit, "page.limit", 1, MOST_ITEMS);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkSeries(request: SeriesRequest): void {
  requireObject(request, "request");
  checkFlowName(request.flow, "request.flow");
  parseWhole(request.buckets, "request.buckets", 1, MOST_BUCKETS);
  parseWhole(request.bucketMs, "request.bucketMs", 1_000, MAX_DURATION_MS / MOST_BUCKETS);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkWatched(instanceIds: readonly InstanceId[]): void {
  requireArray(instanceIds, "instanceIds");
  if (instanceIds.length > MOST_ITEMS)
    refuse("instanceIds", `has ${instanceIds.length} ids; the most is ${MOST_ITEMS}`);
  for (const [index, id] of instanceIds.entries()) parseKnownId(id, `instanceIds[${index}]`);
}

function checkFlowName(flow: unknown, field: string = "filter.flow"): void {
  if (flow !== undefined) requireName(flow, field);
}
