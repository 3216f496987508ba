import { declareLimits } from "../engine/declare-limits.ts";
import { codecOf } from "../engine/instance-status.ts";
import { newInstance } from "../engine/start-instance.ts";
import { failureFrom } from "../errors/failure.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { Backend } from "../store/backend.ts";
import type { NewInstance } from "../store/instance-store.ts";
import type { DueSchedule, Firing, RequestedSlot, StoredSchedule } from "../store/schedule-store.ts";
import { scheduledInput } from "./declared-schedule.ts";
import { planSlots, type SlotPlan } from "./due-slots.ts";
import { SCHEDULE_LABEL, SLOT_LABEL } from "./schedule.ts";
import { slotInstanceId } from "./slot-id.ts";

/** What came of looking at a schedule. */
export interface FiringOutcome {
  /** Instances that were made; 0 also where somebody else was faster. */
  readonly started: number;
  /** Why its slots can't be started at present. */
  readonly problem: unknown;
}

const MOST_LIVE = 100;
/** After this long, what could not be started is tried again. */
const RETRY_MS = 60_000;
const LONGEST_PROBLEM = 500;
/** Why an instance was cancelled, for people. */
const MADE_ROOM = "The next slot of its schedule has come.";

/**
 * Does what a schedule asks for now: of any number of processes that look at it at once, one starts its slots. Where one of them dies at
 * whatever point, the next one that looks goes on from what was written.
 *
 * @param flow - by whose definition its instances are started
 * @throws {BackendError} the database failed; look again
 */
export async function fireDue(
  backend: Backend,
  flow: Flow,
  { schedule, requests }: DueSchedule,
): Promise<FiringOutcome> {
  const plan = planSlots(schedule);
  if (plan.ends !== null) await endPrevious(backend, schedule, plan.ends);
  const slots = [
    ...requests,
    ...plan.fire.map((slot) => ({ instanceId: slotInstanceId(schedule.scheduleId, slot), slot })),
  ];
  let instances: readonly NewInstance[];
  try {
    instances = await instancesFor(backend, flow, schedule, slots);
  } catch (error) {
    // What the database has to do with passes; all else stays until somebody changes it.
    if (WaymarkError.is(error) && error.retryable) throw error;
    await backend.fireSchedule({
      ...unchanged(schedule, flow),
      dueAt: schedule.now + RETRY_MS,
      problem: problemOf(error),
    });
    return { started: 0, problem: error };
  }
  const isWritten = await backend.fireSchedule(firingOf(flow, schedule, plan, { requests, instances }));
  return { started: isWritten ? instances.length : 0, problem: null };
}

function firingOf(
  flow: Flow,
  schedule: StoredSchedule,
  plan: SlotPlan,
  made: {
    readonly requests: readonly RequestedSlot[];
    readonly instances: readonly NewInstance[];
  },
): Firing {
  const { lastSlot, nextSlot, skipped } = plan;
  const done = made.requests.map(({ instanceId }) => instanceId);
  const left = schedule.requested > done.length;
  const started = made.instances.map(({ instanceId }) => instanceId);
  return {
    ...unchanged(schedule, flow),
    ...{ instances: made.instances, done, lastSlot, nextSlot, skipped, problem: null },
    // What was asked for and did not fit goes on at once.
    dueAt: left ? schedule.now : plan.dueAt,
    live: [...schedule.live.filter((id) => !started.includes(id)), ...started].slice(-MOST_LIVE),
  };
}

function unchanged(schedule: StoredSchedule, { hash }: Flow): Firing {
  const { scheduleId, version, lastSlot, nextSlot, dueAt, live, skipped, problem } = schedule;
  return {
    scheduleId,
    version,
    instances: [],
    done: [],
    definitionHash: hash,
    lastSlot,
    nextSlot,
    dueAt,
    live,
    skipped,
    problem,
  };
}

async function instancesFor(
  backend: Backend,
  flow: Flow,
  { scheduleId, start }: StoredSchedule,
  slots: readonly RequestedSlot[],
): Promise<readonly NewInstance[]> {
  if (slots.length === 0) return [];
  await declareLimits(backend, flow);
  const input = await codecOf(backend, start.codec).decode(start.input, scheduledInput(scheduleId));
  const { priority, tags } = start;
  const instances: NewInstance[] = [];
  for (const { instanceId, slot } of slots) {
    const own = { [SCHEDULE_LABEL]: scheduleId, [SLOT_LABEL]: new Date(slot).toISOString() };
    const options = { priority, tags, labels: { ...start.labels, ...own } };
    instances.push(await newInstance(flow, instanceId, input, options, backend));
  }
  return instances;
}

/** Those that have ended meanwhile, or are gone, are none of its concern any more. */
async function endPrevious(backend: Backend, { live }: StoredSchedule, how: "cancel" | "terminate"): Promise<void> {
  for (const instanceId of live) {
    try {
      if (how === "cancel") await backend.requestControl(instanceId, "cancel", { reason: MADE_ROOM });
      else await backend.terminateInstance(instanceId, { reason: MADE_ROOM });
    } catch (error) {
      const isGone = WaymarkError.is(error) && ["INSTANCE_NOT_FOUND", "INVALID_TRANSITION"].includes(error.code);
      if (!isGone) throw error;
    }
  }
}

function problemOf(error: unknown): string {
  const { name, message } = failureFrom(error);
  return `${name}: ${message}`.slice(0, LONGEST_PROBLEM).toWellFormed().replaceAll("\0", "");
}
