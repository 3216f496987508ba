import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { Flow } from "../flow/flow-definition.ts";
import { readOptions } from "../flow/known-options.ts";
import { isA, kindOf } from "../ids.ts";
import { parseLabels, parsePriority, parseTags } from "../store/arguments.ts";
import type { ScheduleTerms } from "../store/schedule-store.ts";
import { resolveTerms, type ScheduleTiming, type SlotOptions, TERM_KEYS } from "./schedule-terms.ts";
import { parseScheduleId } from "./slot-id.ts";

/** What a schedule starts its instances with, besides their input. */
export interface ScheduledOptions {
  /** 1 (first) to 5 (last); default 3. */
  readonly priority?: number;
  /** At most 32. */
  readonly tags?: readonly string[];
  /** At most 62; `schedule` and `slot` are added, and are not for others. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** The same for each slot. */
export type ScheduledInput<Input> = undefined extends Input ? { readonly input?: Input } : { readonly input: Input };

export type ScheduleOptions<Input = unknown> = ScheduleTiming & SlotOptions & ScheduledOptions & ScheduledInput<Input>;

/** Made by `schedule()`. */
export interface Schedule {
  readonly id: string;
  readonly flow: Flow;
  readonly input: unknown;
  readonly terms: ScheduleTerms;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** Labels of what a schedule has started. */
export const SCHEDULE_LABEL = "schedule";
export const SLOT_LABEL = "slot";

const BRAND: unique symbol = Symbol.for("waymark.schedule") as never;
const MOST_OWN_LABELS = 62;

/**
 * Starts an instance of a flow at each of its slots: once, however many workers there are, whenever one of them dies. Give it to workers
 * that have the flow (`new Worker(backend, { flows, schedules })`), or to `client.schedules.put`. Its instances are called
 * `<id>@<slot>`, as in `nightly@2026-03-29T01:00:00.000Z`; `slotOf(context.instanceId)` tells a task its slot.
 *
 * @param id - 1 to 200 characters, unique in the backend
 * @throws {InvalidArgumentError} saying all that is wrong
 *
 * @example
 * ```ts
 * import { flow, schedule } from "waymark";
 *
 * const report = flow<{ region: string }>("report").then("write", ({ region }) => `report for ${region}`).build();
 * export const nightly = schedule("nightly", report, {
 *   cron: "30 2 * * *",
 *   timezone: "Europe/Berlin",
 *   overlap: "skip",
 *   input: { region: "north" },
 * });
 * ```
 */
export function schedule<Input, Output>(
  id: string,
  flow: Flow<Input, Output>,
  options: ScheduleOptions<NoInfer<Input>>,
): Schedule {
  parseScheduleId(id);
  if (!isA(flow, Flow))
    throw new InvalidArgumentError("flow", `must be a built flow, not ${kindOf(flow)}. Did you call .build()?`);
  const issues: string[] = [];
  const given = readOptions(options, "options", [...TERM_KEYS, "input", "priority", "tags", "labels"], issues);
  const terms = resolveTerms(given, issues);
  if (issues.length > 0) throw new InvalidArgumentError("options", `of schedule "${id}": ${issues.join("; ")}.`);
  const { input, priority = 3, tags = [], labels = {} } = given;
  if (input instanceof Promise) throw new InvalidArgumentError("options.input", "is a Promise. Await it first.");
  if (typeof input === "function")
    throw new InvalidArgumentError(
      "options.input",
      "is the same for each slot, so it can't be a function. See slotOf.",
    );
  const made: Schedule = {
    ...{ id, flow, input, terms },
    priority: parsePriority(priority, "options.priority"),
    tags: Object.freeze(parseTags(tags, "options.tags")),
    labels: Object.freeze(parseOwnLabels(labels)),
  };
  Object.defineProperty(made, BRAND, { value: true });
  return Object.freeze(made);
}

/** Whether `schedule()` has made it, of whatever installed copy of this package. */
export function isSchedule(value: unknown): value is Schedule {
  return typeof value === "object" && value !== null && BRAND in value;
}

function parseOwnLabels(given: unknown): Readonly<Record<string, string>> {
  const labels = parseLabels(given, "options.labels");
  for (const own of [SCHEDULE_LABEL, SLOT_LABEL])
    if (Object.hasOwn(labels, own))
      throw new InvalidArgumentError(`options.labels.${own}`, "is what the schedule sets itself; use another name.");
  const count = Object.keys(labels).length;
  if (count > MOST_OWN_LABELS)
    throw new InvalidArgumentError("options.labels", `has ${count} labels; the limit is ${MOST_OWN_LABELS}.`);
  return labels;
}
