import { cleanText } from "../errors/failure.ts";
import { refuse, requireBigint, requireObject, requireOneOf } from "./argument-shapes.ts";
import { parseWhole } from "./arguments.ts";
import type { ActionOutcome, NewAction } from "./audit-store.ts";

const MOST_ITEMS = 1_000;
const LONGEST = { actor: 255, action: 100, target: 1_000, detail: 2_000, code: 100 } as const;
const OUTCOMES = ["done", "refused", "failed"];

/** How long actions are kept. */
export const KEPT_FOR_MS: number = 90 * 86_400_000;
/** How many that are older are forgotten at once. */
export const FORGOTTEN_AT_ONCE = 100;

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkAction(action: NewAction): NewAction {
  requireObject(action, "action");
  const { actor, action: name, target, detail } = action;
  return {
    actor: text(actor, "actor"),
    action: text(name, "action"),
    target: target === null ? null : text(target, "target"),
    detail: detail === null ? null : text(detail, "detail"),
  };
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkSettled(
  sequence: bigint,
  outcome: Exclude<ActionOutcome, "begun">,
  code: string | null,
): string | null {
  requireBigint(sequence, "sequence");
  requireOneOf(outcome, "outcome", OUTCOMES);
  return code === null ? null : text(code, "code");
}

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkAuditFilter(filter: {
  readonly target?: string;
  readonly before?: bigint;
  readonly limit?: number;
}): void {
  requireObject(filter, "filter");
  if (filter.target !== undefined) text(filter.target, "target", "filter.target");
  if (filter.before !== undefined) requireBigint(filter.before, "filter.before");
  if (filter.limit !== undefined) parseWhole(filter.limit, "filter.limit", 1, MOST_ITEMS);
}

function text(value: unknown, name: keyof typeof LONGEST, field: string = `action.${name}`): string {
  const most = LONGEST[name];
  if (typeof value !== "string" || value === "" || value.length > most)
    return refuse(field, `must be a text of 1 to ${most} characters`);
  return cleanText(value, most);
}
