import { isLimit, type Limit, type Rate } from "../snapshot/allowance.ts";
import { refuse, requireArray, requireBoolean, requireName, requireObject } from "./argument-shapes.ts";
import { parseWhole } from "./arguments.ts";
import type { LimitChange, LimitKeyChange } from "./limit-store.ts";

const MOST = 1_000_000;
const MOST_WEIGHT = 1_000;
const MOST_PAGE = 10_000;
const MOST_PER_MS = Number.MAX_SAFE_INTEGER;

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkLimits(limits: readonly Limit[]): void {
  requireArray(limits, "limits");
  for (const [index, limit] of limits.entries())
    if (!isLimit(limit)) refuse(`limits[${index}]`, "must be what limit() has made");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkLimitChange(name: string, change: LimitChange): void {
  requireName(name, "name");
  requireObject(change, "change");
  checkAllowance(change, "change");
  if (change.perKey !== undefined) {
    requireObject(change.perKey, "change.perKey");
    checkAllowance(change.perKey, "change.perKey");
  }
  if (change.isPaused !== undefined) requireBoolean(change.isPaused, "change.isPaused");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkLimitKeyChange(name: string, key: string, change: LimitKeyChange): void {
  requireName(name, "name");
  requireName(key, "key");
  requireObject(change, "change");
  if (change.weight !== undefined) parseWhole(change.weight, "change.weight", 1, MOST_WEIGHT);
  if (change.isPaused !== undefined) requireBoolean(change.isPaused, "change.isPaused");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkLimitPage(name: string, page: { readonly after?: string; readonly limit: number }): void {
  requireName(name, "name");
  requireObject(page, "page");
  if (page.after !== undefined) requireName(page.after, "page.after");
  parseWhole(page.limit, "page.limit", 1, MOST_PAGE);
}

function checkAllowance({ concurrency, rate }: Pick<LimitChange, "concurrency" | "rate">, field: string): void {
  if (concurrency != null) parseWhole(concurrency, `${field}.concurrency`, 1, MOST);
  if (rate != null) checkRate(rate, `${field}.rate`);
}

function checkRate(rate: Rate, field: string): void {
  requireObject(rate, field);
  parseWhole(rate.count, `${field}.count`, 1, MOST);
  parseWhole(rate.perMs, `${field}.perMs`, 1, MOST_PER_MS);
  parseWhole(rate.burst, `${field}.burst`, 1, rate.count);
}
