import { parseKnownId } from "../ids.ts";
import { ENDED_STATUSES } from "../snapshot/kept.ts";
import { MAX_DURATION_MS } from "../time/duration.ts";
import { refuse, requireArray, requireBoolean, requireName, requireObject, requireOneOf } from "./argument-shapes.ts";
import { parseWhole } from "./arguments.ts";
import type { KeepTimes, OrphanRequest, PrunableRequest, RetentionChange, RetentionRule } from "./retention-store.ts";

const MOST_AT_ONCE = 1_000;

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkRules(rules: readonly RetentionRule[]): void {
  requireArray(rules, "rules");
  for (const [index, rule] of rules.entries()) {
    const field = `rules[${index}]`;
    requireObject(rule, field);
    requireName(rule.flow, `${field}.flow`);
    requireBoolean(rule.archives, `${field}.archives`);
    requireObject(rule.keep, `${field}.keep`);
    checkKeep(rule.keep, `${field}.keep`);
    for (const status of ENDED_STATUSES)
      if (rule.keep[status] === undefined) refuse(`${field}.keep.${status}`, "must be given");
  }
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkRetentionChange(flow: string, change: RetentionChange): void {
  requireName(flow, "flow");
  requireObject(change, "change");
  if (change.archives !== undefined) requireBoolean(change.archives, "change.archives");
  if (change.keep === undefined) return;
  requireObject(change.keep, "change.keep");
  checkKeep(change.keep, "change.keep");
}

function checkKeep(keep: Partial<KeepTimes>, field: string): void {
  for (const status of ENDED_STATUSES) {
    const span = keep[status];
    if (span != null) parseWhole(span, `${field}.${status}`, 0, MAX_DURATION_MS);
  }
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkTurn(turn: { readonly archives: boolean; readonly restMs: number }): void {
  requireObject(turn, "turn");
  requireBoolean(turn.archives, "turn.archives");
  parseWhole(turn.restMs, "turn.restMs", 0, MAX_DURATION_MS);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkPrunableRequest(request: PrunableRequest): void {
  requireObject(request, "request");
  requireName(request.flow, "request.flow");
  checkWhich(request, "request");
  parseWhole(request.limit, "request.limit", 1, MOST_AT_ONCE);
  if (request.after === null) return;
  requireObject(request.after, "request.after");
  parseKnownId(request.after.instanceId, "request.after.instanceId");
  if (typeof request.after.endedAt !== "bigint") refuse("request.after.endedAt", "must be a bigint");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkPruning(
  instanceIds: readonly string[],
  which: { readonly status: string; readonly olderThanMs: number },
): void {
  requireArray(instanceIds, "instanceIds");
  if (instanceIds.length > MOST_AT_ONCE)
    refuse("instanceIds", `has ${instanceIds.length} ids; the most is ${MOST_AT_ONCE}`);
  for (const [index, id] of instanceIds.entries()) parseKnownId(id, `instanceIds[${index}]`);
  requireObject(which, "which");
  checkWhich(which, "which");
}

function checkWhich(which: { readonly status: string; readonly olderThanMs: number }, field: string): void {
  requireOneOf(which.status, `${field}.status`, ENDED_STATUSES);
  parseWhole(which.olderThanMs, `${field}.olderThanMs`, 0, MAX_DURATION_MS);
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkOrphanRequest(request: OrphanRequest): void {
  requireObject(request, "request");
  parseWhole(request.olderThanMs, "request.olderThanMs", 0, MAX_DURATION_MS);
  if (request.after !== null) parseKnownId(request.after, "request.after");
  parseWhole(request.limit, "request.limit", 1, 10_000);
  requireBoolean(request.dryRun, "request.dryRun");
}
