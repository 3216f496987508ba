import { expect } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { HistoryItem } from "../../src/engine/history-item.ts";
import type { StatusReport } from "../../src/engine/instance-status.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { Runner } from "../../src/runner/runner.ts";
import type { InstanceOutline } from "../../src/snapshot/snapshot.ts";
import type { Backend } from "../../src/store/backend.ts";
import { pause, systemTimers } from "../../src/time/timers.ts";
import { withChanges } from "./both-backends.ts";
import { CrashingStore, type CrashMode, mortal, nullIfUnavailable } from "./crash-plan.ts";
import type { World } from "./crash-run.ts";
import { fresh } from "./instance-ids.ts";

/** A flow around one kind of node. Each run has one of its own, so that bodies can count. */
export interface NodeFlow {
  readonly make: () => Flow;
  readonly input: unknown;
  /** Sent before it starts. */
  readonly event?: string;
  /** How often; default once. */
  readonly times?: number;
}

/** What happens to a run just before, at or just after a call of the store, counted from 1. */
export interface Disturbance {
  readonly call: number;
  readonly kind: CrashMode | "cancel" | "undo" | "pause";
}

/** How it has ended, and what is left of it. */
export interface NodeOutcome {
  readonly report: StatusReport;
  readonly history: readonly HistoryItem[];
  /** Whether the run came as far as the call at which it was to be disturbed. */
  readonly disturbed: boolean;
}

const MOST_LIVES = 20;
const STALL_IN_LEASES = 1.5;
const MOST_SWEEPS = 200;

/**
 * Runs an instance to its end, one process after the other, and checks what holds of every run: no second outcome, no body
 * started behind its outcome, nothing left standing.
 */
export async function runNode(node: NodeFlow, world: World, disturbance: Disturbance | null): Promise<NodeOutcome> {
  const client = new Client(world.backend);
  const id = fresh("node");
  const definition = node.make();
  const { event, times = 1 } = node;
  for (let sent = 0; event !== undefined && sent < times; sent++) await client.sendEvent(id, event, "payload");
  const completed = new Set<string>();
  const late: string[] = [];
  const watched = withChanges(world.backend, {
    commitCheckpoints: async (checkpoints, holder) => {
      // Before it is written: whoever claims the next run may be faster than the answer.
      if (checkpoints.some(({ move }) => move.kind === "restart")) completed.clear();
      const fates = await world.backend.commitCheckpoints(checkpoints, holder);
      for (const [index, { entries, move }] of checkpoints.entries()) {
        // What ends a run is no outcome in the next one.
        if (fates[index]?.kind !== "accepted" || move.kind === "restart") continue;
        for (const entry of entries) if (entry.outcome !== "failed") completed.add(entry.taskId);
      }
      return fates;
    },
  });
  const { call = 0, kind = null } = disturbance ?? {};
  const request = kind === "cancel" || kind === "undo" || kind === "pause" ? kind : null;
  const plan = new Map(kind === null || request !== null ? [] : [[call, kind as CrashMode]]);
  const store = new CrashingStore(watched, plan, {
    beforeCall: async (number) => {
      if (request === null || number !== call) return;
      const asked = request === "undo" ? client.cancel(id, { undo: true }) : client[request](id);
      await asked.catch(ignoreTooEarlyOrLate);
    },
    stall: async () => await pause(world.ports.timers ?? systemTimers, STALL_IN_LEASES * world.leaseTtl),
  });
  const process = async (): Promise<void> => {
    for (let number = 1; number <= MOST_LIVES; number++) {
      const life = store.life();
      const runner = new Runner(life.backend, {
        workerId: `process-${number}`,
        leaseTtl: world.leaseTtl,
        pollInterval: 10,
        ports: { ...world.ports, timers: mortal(world.ports.timers ?? systemTimers, life) },
        observer: (event) => {
          if (event.kind === "task_started" && completed.has(event.taskId)) late.push(event.taskId);
        },
      });
      const ended = runner.run(definition, id, node.input, { until: "ended", onConflict: "useExisting" });
      const report = await Promise.race([ended.catch(nullIfUnavailable), life.died.then(() => null)]);
      if (report?.status === "paused") await client.unpause(id);
      else if (report !== null) return;
    }
    throw new Error(`Not ended after ${MOST_LIVES} lives.`);
  };
  const done = process();
  await world.passUntil(done);
  await done;

  const history = await client.history(id, { limit: 10_000 });
  const outcomes = history.filter((item) => item.outcome !== "failed" && item.outcome !== "noted");
  expect(new Set(outcomes.map((item) => item.taskId)).size).toBe(outcomes.length);
  expect(late).toEqual([]);
  expect((await world.backend.findInstance(id))?.positions).toEqual([]);
  await expectNoneLeft(id, world.backend);
  return { report: await client.status(id), history, disturbed: store.calls >= call };
}

/** One child for a task at most, and none left that is not to end: what a dead process holds is cancelled by who holds it next. */
async function expectNoneLeft(id: string, backend: Backend): Promise<void> {
  const children = async (): Promise<readonly InstanceOutline[]> => await backend.listInstances({ parent: id });
  expect(new Set((await children()).map(({ parent }) => parent?.taskId)).size).toBe((await children()).length);
  const left = async (): Promise<string[]> => {
    // As a worker does now and then: the process that ended the instance may have died before it did so.
    await backend.settleEndings();
    const states = await Promise.all(
      (await children()).map(async (child) => await backend.findInstance(child.instanceId)),
    );
    return states.flatMap((state) =>
      state === null || state.positions.length === 0 || state.signals.length > 0 ? [] : [state.instance.instanceId],
    );
  };
  // Another sweep, of another test on this database, may be at it.
  let ids = await left();
  for (let tries = 0; ids.length > 0 && tries < MOST_SWEEPS; tries++) ids = await left();
  expect(ids).toEqual([]);
}

/**
 * Disturbs one run after the other, each at another call, until a run ends before that call; on a server, where it takes long, at every
 * second call: the odd or the even ones, by the kind.
 */
export async function disturbEverywhere(
  node: NodeFlow,
  world: World,
  kind: Disturbance["kind"],
  check: (outcome: NodeOutcome) => void,
): Promise<void> {
  const isWhole = process.env["WAYMARK_EVERY_CALL"] === "1";
  const stride = isWhole ? 1 : 2;
  const first = isWhole || !["killedAfter", "pause"].includes(kind) ? 1 : 2;
  for (let call = first; ; call += stride) {
    const outcome = await runNode(node, world, { call, kind });
    if (!outcome.disturbed) return;
    check(outcome);
  }
}

function ignoreTooEarlyOrLate(error: unknown): void {
  expect(["INSTANCE_NOT_FOUND", "INVALID_TRANSITION"]).toContain((error as { code: unknown }).code);
}
