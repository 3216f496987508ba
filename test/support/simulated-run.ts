import * as fc from "fast-check";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { update } from "../../src/flow/state-handlers.ts";
import {
  type SimulatedWorld,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from "../../src/testing/index.ts";
import { checkCourse } from "./course-check.ts";
import type { FlowDescription } from "./flow-description.ts";
import { eventsOf, flowFrom, randomDescription, trail } from "./random-flow.ts";

/** Where faults meet what they may break. */
export const RARE_PATHS: readonly string[] = [
  "called again",
  "checkpoint busy",
  "checkpoint eventGone",
  "checkpoint fenced",
  "checkpoint recorded",
  "claim taken over",
  "ended cancelled",
  "ended completed",
  "ended failed",
  "move collapse",
  "move leaveBranch",
  "move restart",
  "outcome found recorded",
];

/** An instance of a simulated run, and what people do to it. */
interface Planned {
  readonly instanceId: string;
  readonly description: FlowDescription;
  readonly flow: Flow;
  readonly input: number;
  /** When its events are sent, in milliseconds; `null`: never, so that its waits run into their time limits. */
  readonly sendsAt: number | null;
  readonly request: "cancel" | "undo" | "pause" | null;
  readonly requestAt: number;
  /** When its state is changed from outside. */
  readonly touchesAt: readonly number[];
}

const touch = update("touch", trail, () => ({ change: { outside: 1 } }));
const payloadOf = (event: string): unknown => `payload of ${event}`;
/** Well before the time limits of waits. */
const FAULTS_FOR_MS = 60_000;
const LATEST_MS = 20_000;
const AGAIN_AFTER_MS = 200;

/** Runs random flows in a simulated world, and compares the course of each instance with the one that it should have taken. */
export async function simulateRandomFlows(
  seed: number,
  options: Partial<Pick<SimulationOptions, "faults" | "keepsLog" | "workers" | "calmFor">> = {},
): Promise<SimulationReport> {
  const planned = fc.sample(fc.array(plans(), { minLength: 1, maxLength: 4 }), { seed, numRuns: 1 })[0] ?? [];
  // Flows whose tasks fail more or less often are the same to a worker.
  const named = planned.map((plan, index): Planned => {
    const { flow, description } = planned.find((other) => other.flow.hash === plan.flow.hash) ?? plan;
    return { ...plan, flow, description, instanceId: `instance-${index}` };
  });
  const touched = new Map<string, number>();
  return await simulate({
    ...options,
    seed,
    flows: [...new Map(named.map(({ flow }) => [flow.hash, flow])).values()],
    faultsFor: FAULTS_FOR_MS,
    // The model knows of no tasks that are given up because they end their workers.
    workerOptions: { maxLostLeases: 1_000 },
    async scenario(world) {
      await Promise.all(named.map(async (one) => touched.set(one.instanceId, await live(one, world))));
    },
    async check({ client, reach }) {
      for (const { instanceId, description, input, sendsAt, request } of named) {
        const payloads = sendsAt === null ? (): undefined => undefined : payloadOf;
        const cancel = request === "pause" ? null : request;
        const course = { client, instanceId, description, input, payloads, cancel };
        reach(`ended ${await checkCourse({ ...course, touched: touched.get(instanceId) ?? 0 })}`);
      }
    },
  });
}

function plans(): fc.Arbitrary<Omit<Planned, "instanceId">> {
  return fc.boolean().chain((sends) =>
    fc
      .record({
        description: randomDescription({
          maxDepth: 3,
          maxFailures: 2,
          delaysMs: [0, 1, 20, 5_000],
          timeoutsMs: sends ? [null, 3_600_000] : [3],
        }),
        hasState: fc.boolean(),
        ending: fc.constantFrom("plain", "plain", "isUndone", "restarts"),
        input: fc.nat(1_000),
        sendsAt: sends ? fc.nat(LATEST_MS) : fc.constant(null),
        request: fc.constantFrom(null, null, "cancel" as const, "undo" as const, "pause" as const),
        requestAt: fc.nat(LATEST_MS),
        touchesAt: fc.array(fc.nat(LATEST_MS), { maxLength: 3 }),
      })
      .map(({ description, hasState, ending, ...rest }) => {
        const isUndone = ending === "isUndone";
        const made: FlowDescription = {
          ...description,
          ...(isUndone ? { isUndone } : { hasState }),
          ...(ending === "restarts" ? { restarts: 2 } : {}),
        };
        const touchesAt = made.hasState === true ? rest.touchesAt : [];
        // Of an instance that was cancelled, the model knows the last run only.
        const request = ending === "restarts" && rest.request !== "pause" ? null : rest.request;
        return { ...rest, request, touchesAt, description: made, flow: flowFrom(made) };
      }),
  );
}

/** @returns how often its state was changed from outside */
async function live(plan: Planned, world: SimulatedWorld): Promise<number> {
  const { instanceId, flow, input, sendsAt, request, requestAt } = plan;
  const { client, shakyClient, sleep } = world;
  await insist(world, async () => await shakyClient.submit(flow, instanceId, input, { onConflict: "useExisting" }));
  const doings = [sendEvents(), ask(), ...plan.touchesAt.map(async (at, index) => await touchAt(at, index))];
  const [, , ...touches] = await Promise.all(doings);
  for (;;) {
    const { status } = await client.status(instanceId);
    if (status === "completed" || status === "failed" || status === "cancelled") break;
    if (status === "paused") await unlessItIsOver(async () => await client.unpause(instanceId));
    await sleep(1_000);
  }
  return touches.filter((isDone) => isDone === true).length;

  async function sendEvents(): Promise<void> {
    if (sendsAt === null) return;
    await sleep(sendsAt);
    const { restarts = 0, steps } = plan.description;
    const inEachRun = eventsOf(steps);
    const all = Array.from({ length: restarts + 1 }, () => inEachRun).flat();
    for (const [index, event] of all.entries()) {
      const dedupKey = `${event} ${index}`;
      const send = async (): Promise<unknown> =>
        await shakyClient.sendEvent(instanceId, event, payloadOf(event), { dedupKey });
      await unlessItIsOver(async () => await insist(world, send));
    }
  }

  async function ask(): Promise<void> {
    if (request === null) return;
    await sleep(requestAt);
    const make = async (): Promise<unknown> =>
      request === "pause"
        ? await shakyClient.pause(instanceId)
        : await shakyClient.cancel(instanceId, request === "undo" ? { undo: true } : {});
    await unlessItIsOver(async () => await insist(world, make));
  }

  async function touchAt(at: number, index: number): Promise<boolean> {
    await sleep(at);
    const updateId = `${instanceId} ${index}`;
    const change = async (): Promise<unknown> => await shakyClient.update(instanceId, touch, undefined, { updateId });
    return await unlessItIsOver(async () => await insist(world, change));
  }
}

/** Calls again for as long as the database can't be reached. */
async function insist<T>(world: SimulatedWorld, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if ((error as { code?: unknown }).code !== "BACKEND_UNAVAILABLE") throw error;
      world.reach("called again");
      await world.sleep(AGAIN_AFTER_MS);
    }
  }
}

/** @returns whether it was done: an instance that has ended takes nothing more */
async function unlessItIsOver(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "INVALID_TRANSITION") throw error;
    return false;
  }
}
