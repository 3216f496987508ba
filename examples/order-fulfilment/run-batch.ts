import { hostname } from "node:os";
import {
  type Client,
  type Flow,
  InstanceCancelledError,
  InstanceFailedError,
  type InstanceHandle,
  type StatusReport,
  Worker,
} from "waymark";
import type { PostgresBackend } from "waymark/postgres";
import { type Batch, type BatchOrder, labelsOf, type Standing } from "./batch.ts";
import type { Board } from "./board.ts";
import type { Order, Result } from "./domain.ts";
import { orderFulfilment } from "./flow.ts";
import { openOracle } from "./oracle.ts";
import { PACES, type Speed } from "./pace.ts";
import { simulatedServices } from "./simulation.ts";
import type { View } from "./view.ts";
import { Warehouses } from "./warehouse.ts";
import { describeEnd } from "./wording.ts";

const ORDERS_AT_ONCE = 8;

export interface BatchRun {
  readonly backend: PostgresBackend;
  readonly client: Client;
  readonly batch: Batch;
  readonly orders: readonly BatchOrder[];
  readonly standing: Standing;
  readonly settings: { readonly speed: Speed; readonly lease: string; readonly oracle: string | null };
  readonly board: Board;
  readonly view: View;
  /** Aborts when the program is asked to stop. */
  readonly stop: AbortSignal;
}

/**
 * Submits every order of the batch that has not ended, some at once, and runs a worker and the warehouses beside them.
 *
 * There is no code here for starting over after a crash: the worker goes on with every order from its last checkpoint,
 * and submitting one that exists changes nothing.
 */
export async function runBatch(run: BatchRun): Promise<void> {
  const { backend, client, orders, settings, board, view } = run;
  const pace = PACES[settings.speed];
  // Recorded with each checkpoint, so that the history tells which process has done what.
  const workerId = `${hostname()}-${process.pid}`;
  const flow = orderFulfilment(simulatedServices(pace, openOracle(settings.oracle, workerId)), pace);
  const worker = new Worker(backend, {
    flows: [flow],
    workerId,
    leaseTtl: settings.lease,
    pollInterval: pace.lookEveryMs,
    // This program has its own way to stop.
    ownsProcess: false,
    // It is made to be killed: a task that is there each time is not to blame for it.
    maxLostLeases: 1_000,
    observer: (event) => {
      const note = board.observe(event, Date.now());
      if (note !== null) view.note(note);
    },
  });
  const warehouses = new Warehouses(client, pace);
  const open = orders.filter(({ stored }) => stored?.ended !== true);
  // Before the worker starts: an answer that came in time must not be overtaken by a time limit.
  await warehouses.catchUp(open.filter(({ stored }) => stored !== null).map(({ order }) => order));

  const failed = new AbortController();
  const signal = AbortSignal.any([run.stop, failed.signal]);
  const closing = new AbortController();
  const underWay = new Map<string, Order>();
  const queue = open.values();
  const follow = async (): Promise<void> => {
    for (const item of queue) {
      if (signal.aborted) return;
      underWay.set(item.instanceId, item.order);
      await followOrder(run, flow, item, signal).finally(() => underWay.delete(item.instanceId));
    }
  };
  // The first failure ends the others; then it is thrown.
  const fail = (error: unknown): void => failed.abort(error);
  const running = worker.start();
  const delivering = warehouses.run(() => [...underWay.values()], closing.signal).catch(fail);
  await Promise.all(Array.from({ length: ORDERS_AT_ONCE }, () => follow().catch(fail)));
  closing.abort();
  await delivering;
  // Claims are given back, so that the next run can go on at once.
  await running.stop();
  failed.signal.throwIfAborted();
}

async function followOrder(
  { client, batch, standing, board, view }: BatchRun,
  flow: Flow<Order, Result>,
  { order, instanceId, stored }: BatchOrder,
  signal: AbortSignal,
): Promise<void> {
  const { customer } = order;
  const since = stored?.createdAt ?? Date.now();
  board.begin({ instanceId, customer, since }, standing.reports.get(instanceId) ?? null);
  const labels = labelsOf(batch);
  const handle = await client.submit(flow, instanceId, order, { onConflict: "useExisting", labels });
  const report = await endOf(handle, signal);
  if (report === null) return;
  board.end(instanceId);
  const { tone, text } = describeEnd(report);
  view.ended({ instanceId, customer, ms: Date.now() - since, text }, tone);
}

/** How an order has ended; `null` if the program is to stop before. */
async function endOf(handle: InstanceHandle<Result>, signal: AbortSignal): Promise<StatusReport<Result> | null> {
  try {
    await handle.result({ signal });
  } catch (error) {
    if (signal.aborted) return null;
    // That is an end, too.
    if (!(error instanceof InstanceFailedError || error instanceof InstanceCancelledError)) throw error;
  }
  return await handle.status();
}
