import type { FlowName } from "../engine.ts";
import type { Opened } from "../workload.ts";
import { pause } from "./parallel.ts";

const LOOK_MS = 2;

/** Ids that no other batch of the process has. */
export function idsOf(label: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${label}-${index}`);
}

export function secondsSince(started: number): number {
  return (performance.now() - started) / 1_000;
}

/** Waits until `count` more instances than `before` have run their last step, and the database knows it of all. */
export async function untilEnded({ session, hooks }: Opened, flow: FlowName, target: number): Promise<void> {
  while (hooks.ended < target) await pause(LOOK_MS);
  while ((await session.unfinished(flow)) > 0) await pause(LOOK_MS);
}

/** Starts the worker on what has been submitted, and gives the seconds until all of it has ended. Stops the worker. */
export async function workOff(opened: Opened, flow: FlowName, instances: number): Promise<number> {
  const target = opened.hooks.ended + instances;
  const started = performance.now();
  await opened.session.startWorker([flow]);
  await untilEnded(opened, flow, target);
  const seconds = secondsSince(started);
  await opened.session.stopWorker();
  return seconds;
}

/**
 * Submits and works off batches for so many seconds, at least one: code is compiled then, and plans and catalogue are cached.
 * A time and not a number, so that every engine gets as warm as the others.
 */
export async function warmUp(opened: Opened, flow: FlowName, instances: number, seconds: number): Promise<void> {
  const started = performance.now();
  for (let batch = 0; batch === 0 || secondsSince(started) < seconds; batch++) {
    await runBatch(opened, flow, `warm-${flow}-${batch}`, instances);
  }
}

/** Submits a batch and works it off. */
export async function runBatch(opened: Opened, flow: FlowName, label: string, instances: number): Promise<void> {
  await opened.session.submit(flow, idsOf(label, instances));
  await workOff(opened, flow, instances);
}
