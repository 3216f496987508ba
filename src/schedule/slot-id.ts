import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { type InstanceId, idIssue } from "../ids.ts";

/** Longest id of a schedule: with a slot behind it, it is an instance id. */
export const MAX_SCHEDULE_ID_LENGTH = 200;

const TIME = String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z`;
const SLOT_ID = new RegExp(`^(.+)@(${TIME})(~[0-9a-f]{8})?$`, "s");

/** @throws {InvalidArgumentError} naming `field` */
export function parseScheduleId(value: unknown, field: string = "id"): string {
  const issue = idIssue(value);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`);
  const id = value as string;
  if (id.length > MAX_SCHEDULE_ID_LENGTH)
    throw new InvalidArgumentError(
      field,
      `has ${id.length} characters; the limit is ${MAX_SCHEDULE_ID_LENGTH}, because a slot comes behind it.`,
    );
  return id;
}

/** The id of the instance that a slot starts. @param slot - milliseconds since the epoch */
export function slotInstanceId(scheduleId: string, slot: number): InstanceId {
  return `${scheduleId}@${new Date(slot).toISOString()}`;
}

/** The id of an instance that is started by hand: no slot's. @param mark - eight hexadecimal digits */
export function triggeredInstanceId(scheduleId: string, at: number, mark: string): InstanceId {
  return `${slotInstanceId(scheduleId, at)}~${mark}`;
}

/** Of which schedule an instance was started, and for which slot. */
export interface ScheduledSlot {
  readonly scheduleId: string;
  /** Of one that was started by hand: when that was asked for. */
  readonly slot: Date;
  readonly isTriggered: boolean;
}

/**
 * Which schedule has started an instance, and for which slot: told from its id. `null` if none has.
 *
 * @example
 * ```ts run
 * import { slotOf } from "waymark";
 *
 * const started = slotOf("nightly@2026-03-29T01:00:00.000Z");
 * if (started?.scheduleId !== "nightly" || started.slot.getUTCHours() !== 1) throw new Error("unexpected");
 * ```
 */
export function slotOf(instanceId: string): ScheduledSlot | null {
  const [, scheduleId, time = "", mark] = SLOT_ID.exec(instanceId) ?? [];
  const slot = new Date(time);
  if (scheduleId === undefined || Number.isNaN(slot.getTime())) return null;
  return { scheduleId, slot, isTriggered: mark !== undefined };
}
