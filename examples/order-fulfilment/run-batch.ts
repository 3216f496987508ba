import { hostname } from "node:os";
import { type Client, type Flow, Runner, type StatusReport } from "waymark";
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
 * Drives every order of the batch that has not ended, some at once, and the warehouses beside them.
 *
 * There is no code here for starting over after a crash: an order that exists goes on from its last checkpoint,
 * one that doesn't is made, and both with the same call.
 */
export async function runBatch(run: BatchRun): Promise<void> {
  const { client, orders, settings, board, view } = run;
  const pace = PACES[settings.speed];
  const runner = new Runner(run.backend, {
    // Recorded with each checkpoint, so that the history tells which process has done what.
    workerId: `${hostname()}-${process.pid}`,
    leaseTtl: settings.lease,
    pollInterval: pace.lookEveryMs,
    observer: (event) => {
      const note = board.observe(event, Date.now());
      if (note !== null) view.note(note);
    },
  });
  const flow = orderFulfilment(simulatedServices(pace, openOracle(settings.oracle, runner.workerId)), pace);
  const warehouses = new Warehouses(client, pace);
  const open = orders.filter(({ stored }) => stored?.ended !== true);
  // Before any order is driven: an answer that came in time must not be overtaken by a time limit.
  await warehouses.catchUp(open.filter(({ stored }) => stored !== null).map(({ order }) => order));

  const failed = new AbortController();
  const signal = AbortSignal.any([run.stop, failed.signal]);
  const closing = new AbortController();
  const underWay = new Map<string, Order>();
  const queue = open.values();
  const work = async (): Promise<void> => {
    for (const item of queue) {
      if (signal.aborted) return;
      underWay.set(item.instanceId, item.order);
      await driveOrder(run, runner, flow, item, signal).finally(() => underWay.delete(item.instanceId));
    }
  };
  // The first failure stops the others, which give their claims back; then it is thrown.
  const fail = (error: unknown): void => failed.abort(error);
  const delivering = warehouses.run(() => [...underWay.values()], closing.signal).catch(fail);
  const workers = Array.from({ length: ORDERS_AT_ONCE }, () => work().catch(fail));
  await Promise.all(workers);
  closing.abort();
  await delivering;
  failed.signal.throwIfAborted();
}

async function driveOrder(
  { batch, standing, board, view }: BatchRun,
  runner: Runner,
  flow: Flow<Order, Result>,
  { order, instanceId, stored }: BatchOrder,
  signal: AbortSignal,
): Promise<void> {
  const { customer } = order;
  const since = stored?.createdAt ?? Date.now();
  board.begin({ instanceId, customer, since }, standing.reports.get(instanceId) ?? null);
  const report: StatusReport<Result> = await runner.run(flow, instanceId, order, {
    onConflict: "useExisting",
    until: "ended",
    labels: labelsOf(batch),
    signal,
  });
  if (signal.aborted && !["completed", "failed", "cancelled"].includes(report.status)) return;
  board.end(instanceId);
  const { tone, text } = describeEnd(report);
  view.ended({ instanceId, customer, ms: Date.now() - since, text }, tone);
}
