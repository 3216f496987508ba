import { checkOptions } from "../engine/call-options.ts";
import type { Ports } from "../engine/ports.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { ScheduleNotFoundError } from "../errors/schedule-errors.ts";
import { type InstanceId, isA, kindOf } from "../ids.ts";
import { declaredSchedule } from "../schedule/declared-schedule.ts";
import { isSchedule, type Schedule } from "../schedule/schedule.ts";
import { resolveTermChanges, type TermChanges } from "../schedule/schedule-terms.ts";
import { parseScheduleId, slotInstanceId, triggeredInstanceId } from "../schedule/slot-id.ts";
import { slotsAfter, slotsUpTo } from "../schedule/slots.ts";
import { parseWhole } from "../store/arguments.ts";
import type { Backend } from "../store/backend.ts";
import type { StoredSchedule } from "../store/schedule-store.ts";
import { type SchedulePage, type ScheduleReport, scheduleReport } from "./schedule-report.ts";

export interface ScheduleListFilter {
  /** Only those of this flow. */
  readonly flow?: string;
  /** Only ids behind this. */
  readonly after?: string;
  /** 1 to 1,000; default 100. */
  readonly limit?: number;
}

/** Slots that are to be started afterwards. */
export interface BackfillRange {
  /** The first slot may be at this time. */
  readonly from: Date;
  /** And the last one at this; not in the future. */
  readonly to: Date;
}

const DEFAULT_PAGE = 100;
const MOST_SHOWN = 1_000;
const MOST_BACKFILLED = 1_000;
const MARK_LENGTH = 8;

/** Shows schedules and changes them, in the database: for all workers at once, without a deployment. `client.schedules`. */
export class ScheduleControl {
  readonly #backend: Backend;
  readonly #ports: Ports;

  constructor(backend: Backend, ports: Ports) {
    this.#backend = backend;
    this.#ports = ports;
  }

  /**
   * The schedule is there, as `schedule()` says. What code says of one with its id does not count from then on, until `reset`. Whether
   * one that is there is paused, and which slots are behind, stays. Other slots begin now.
   *
   * @throws {InvalidArgumentError} it is not what `schedule()` makes
   * @throws {ValidationError} the input doesn't fit the flow's schema
   * @throws {CodecEncodeError} the input can't be stored
   * @throws {PayloadTooLargeError} the input is too large
   */
  async put(schedule: Schedule): Promise<void> {
    if (!isSchedule(schedule)) throw new InvalidArgumentError("schedule", "must be what schedule() has made.");
    await this.#backend.putSchedule(await declaredSchedule(schedule, this.#backend));
  }

  /** @throws {ScheduleNotFoundError} */
  async get(id: string): Promise<ScheduleReport> {
    return scheduleReport(await this.#find(id));
  }

  /** Schedules, by id, page by page. */
  async list(filter: ScheduleListFilter = {}): Promise<SchedulePage> {
    checkOptions(filter, ["flow", "after", "limit"], "filter");
    const { limit = DEFAULT_PAGE } = filter;
    const schedules = await this.#backend.listSchedules({ ...filter, limit });
    const next = schedules.length === limit ? (schedules.at(-1)?.scheduleId ?? null) : null;
    return { schedules: schedules.map(scheduleReport), next };
  }

  /**
   * The slots that come next, as far as nobody changes the schedule: also of one that is paused.
   *
   * @param options - `count`: 1 to 1,000, default 10; `after`: default now, by the store's clock
   * @returns fewer if there are no more
   * @throws {ScheduleNotFoundError}
   */
  async next(id: string, options: { readonly count?: number; readonly after?: Date } = {}): Promise<readonly Date[]> {
    checkOptions(options, ["count", "after"]);
    const count = parseWhole(options.count ?? 10, "options.count", 1, MOST_SHOWN);
    const given = options.after === undefined ? null : parseTime(options.after, "options.after");
    const { terms, lastSlot, now } = await this.#find(id);
    return slotsAfter(terms, given ?? Math.max(now, lastSlot ?? now), count).map((slot) => new Date(slot));
  }

  /**
   * Changes when it has slots, or what becomes of them. From then on, what code says of the schedule does not count, until `reset`.
   * Other slots begin now.
   *
   * @throws {ScheduleNotFoundError}
   * @throws {InvalidArgumentError} saying all that is wrong; nothing was changed
   */
  async change(id: string, changes: TermChanges): Promise<void> {
    const terms = resolveTermChanges(changes);
    this.#found(id, await this.#backend.changeSchedule(parseScheduleId(id), { terms }));
  }

  /** What code says of it counts again: from the next start of a worker that declares it. @throws {ScheduleNotFoundError} */
  async reset(id: string): Promise<void> {
    this.#found(id, await this.#backend.resetSchedule(parseScheduleId(id)));
  }

  /**
   * Starts no slots from now on. Those that come meanwhile are passed over for good; `backfill` starts them.
   *
   * @param options - `reason`: for people, at most 1,000 characters
   * @throws {ScheduleNotFoundError}
   */
  async pause(id: string, options: { readonly reason?: string } = {}): Promise<void> {
    checkOptions(options, ["reason"]);
    const { reason = null } = options;
    if (reason !== null && typeof reason !== "string")
      throw new InvalidArgumentError("options.reason", `must be a string, not ${kindOf(reason)}.`);
    const change = { isPaused: true, pauseReason: reason };
    this.#found(id, await this.#backend.changeSchedule(parseScheduleId(id), change));
  }

  /** Starts slots again, from now on. @throws {ScheduleNotFoundError} */
  async unpause(id: string): Promise<void> {
    this.#found(id, await this.#backend.changeSchedule(parseScheduleId(id), { isPaused: false }));
  }

  /**
   * Has an instance started now, besides the slots, also while the schedule is paused and whatever is live: by the next worker that
   * looks.
   *
   * @returns the id that it will have
   * @throws {ScheduleNotFoundError}
   */
  async trigger(id: string): Promise<InstanceId> {
    const { scheduleId, now: at } = await this.#find(id);
    const instanceId = triggeredInstanceId(scheduleId, at, this.#ports.random.uuid().slice(0, MARK_LENGTH));
    this.#found(id, await this.#backend.requestSlots(scheduleId, [{ instanceId, slot: at }]));
    return instanceId;
  }

  /**
   * Has the slots of a range started whose instances don't exist, whatever is live and whether they were passed over or pruned: by the
   * next worker that looks. It may be called again.
   *
   * @param range - with at most 1,000 slots
   * @returns the ids of all instances of the range, in order
   * @throws {ScheduleNotFoundError}
   * @throws {InvalidArgumentError} the range is empty, ends in the future, or has too many slots; nothing is started
   */
  async backfill(id: string, range: BackfillRange): Promise<readonly InstanceId[]> {
    const { scheduleId, terms, now } = await this.#find(id);
    checkOptions(range, ["from", "to"], "range");
    const [from, to] = [parseTime(range.from, "range.from"), parseTime(range.to, "range.to")];
    if (from > to) throw new InvalidArgumentError("range", "must not end before it begins.");
    if (to > now) throw new InvalidArgumentError("range.to", "must not be in the future.");
    const slots = slotsUpTo(terms, to, from - 1, MOST_BACKFILLED + 1);
    if (slots.length > MOST_BACKFILLED)
      throw new InvalidArgumentError("range", `has more than ${MOST_BACKFILLED} slots. Backfill it in parts.`);
    const requested = slots.map((slot) => ({ instanceId: slotInstanceId(scheduleId, slot), slot }));
    this.#found(id, await this.#backend.requestSlots(scheduleId, requested));
    return requested.map(({ instanceId }) => instanceId);
  }

  /**
   * Removes the schedule. What it has started goes on. A worker that declares it makes it anew when it starts: take it out of the code,
   * too, or pause it instead.
   *
   * @throws {ScheduleNotFoundError}
   */
  async delete(id: string): Promise<void> {
    this.#found(id, await this.#backend.deleteSchedule(parseScheduleId(id)));
  }

  async #find(id: string): Promise<StoredSchedule> {
    const found = await this.#backend.findSchedule(parseScheduleId(id));
    if (found === null) throw new ScheduleNotFoundError(id);
    return found;
  }

  #found(id: string, isFound: boolean): void {
    if (!isFound) throw new ScheduleNotFoundError(id);
  }
}

function parseTime(value: unknown, field: string): number {
  const at = isA(value, Date) ? value.getTime() : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError(field, `must be a valid Date, not ${kindOf(value)}.`);
  return at;
}
