import type { Client, StatusReport } from "waymark";
import type { PostgresBackend } from "waymark/postgres";
import { instanceIdOf, type Order } from "./domain.ts";
import { FLOW_NAME } from "./flow.ts";
import { makeOrder } from "./orders.ts";

const FIRST_ORDER = 1_001;
const DEFAULT_ORDERS = 24;
const DEFAULT_SEED = 1;
const PAGE = 500;

/** Orders that are worked through together. Stored as labels of its orders' instances, and read back from them. */
export interface Batch {
  readonly number: number;
  readonly first: number;
  readonly last: number;
  readonly seed: number;
}

/** An order of a batch, and what the database has of it. */
export interface BatchOrder {
  readonly order: Order;
  readonly instanceId: string;
  /** `null` if the order is new. */
  readonly stored: StoredOrder | null;
}

export interface StoredOrder {
  readonly ended: boolean;
  readonly createdAt: number;
  /** `null` unless it has ended. */
  readonly endedAt: number | null;
}

export function labelsOf({ number, first, last, seed }: Batch): Record<string, string> {
  return { batch: `${number}`, first: `${first}`, last: `${last}`, seed: `${seed}` };
}

export interface Choice {
  readonly batch: Batch;
  readonly orders: readonly BatchOrder[];
  /** The one before, if the batch is new and not the first. */
  readonly before: { readonly number: number; readonly complete: boolean } | null;
}

/** The batch to work on: the latest one while it has orders that have not ended, else a new one behind it. */
export async function chooseBatch(
  backend: PostgresBackend,
  wanted: { readonly orders: number | null; readonly seed: number | null; readonly fresh: boolean },
): Promise<Choice> {
  const stored = await readInstances(backend);
  const latest = [...stored.values()].map(({ batch }) => batch).reduce(later, null);
  const orders = latest === null ? [] : ordersOf(latest, stored);
  const complete = orders.every((order) => order.stored?.ended === true);
  if (latest !== null && !complete && !wanted.fresh) return { batch: latest, orders, before: null };
  const first = latest === null ? FIRST_ORDER : latest.last + 1;
  const number = (latest?.number ?? 0) + 1;
  const last = first + (wanted.orders ?? DEFAULT_ORDERS) - 1;
  const batch: Batch = { number, first, last, seed: wanted.seed ?? DEFAULT_SEED };
  const before = latest === null ? null : { number: latest.number, complete };
  return { batch, orders: ordersOf(batch, stored), before };
}

/** What the database has of a batch now. */
export async function readBatch(backend: PostgresBackend, batch: Batch): Promise<readonly BatchOrder[]> {
  return ordersOf(batch, await readInstances(backend));
}

/** What is known of a set of stored orders before anybody works on them. */
export interface Standing {
  readonly reports: ReadonlyMap<string, StatusReport>;
  readonly checkpoints: number;
}

export async function readStanding(client: Client, orders: readonly BatchOrder[]): Promise<Standing> {
  const stored = orders.filter((order) => order.stored !== null);
  const open = stored.filter((order) => order.stored?.ended !== true);
  const histories = await Promise.all(stored.map(({ instanceId }) => client.history(instanceId)));
  const reports = await Promise.all(
    open.map(async ({ instanceId }) => [instanceId, await client.status(instanceId)] as const),
  );
  return { reports: new Map(reports), checkpoints: histories.flat().length };
}

type StoredInBatch = StoredOrder & { readonly batch: Batch };

async function readInstances(backend: PostgresBackend): Promise<ReadonlyMap<string, StoredInBatch>> {
  const found = new Map<string, StoredInBatch>();
  for (let after: string | null = null; ; ) {
    const page = await backend.listInstances({ flow: FLOW_NAME, limit: PAGE, ...(after === null ? {} : { after }) });
    for (const { instanceId, labels, createdAt, endedAt } of page) {
      found.set(instanceId, { ended: endedAt !== null, createdAt, endedAt, batch: batchFrom(labels) });
      after = instanceId;
    }
    if (page.length < PAGE) return found;
  }
}

function batchFrom(labels: Readonly<Record<string, string>>): Batch {
  const { batch, first, last, seed } = labels as Partial<Record<string, string>>;
  return { number: Number(batch), first: Number(first), last: Number(last), seed: Number(seed) };
}

function ordersOf({ first, last, seed }: Batch, stored: ReadonlyMap<string, StoredOrder>): readonly BatchOrder[] {
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const instanceId = instanceIdOf(first + index);
    return { order: makeOrder(first + index, seed), instanceId, stored: stored.get(instanceId) ?? null };
  });
}

function later(one: Batch | null, other: Batch): Batch {
  return one !== null && one.number > other.number ? one : other;
}
