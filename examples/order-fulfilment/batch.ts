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

/** The batch to work on: the latest one while it has orders that have not ended, else a new one behind it. */
export async function chooseBatch(
  backend: PostgresBackend,
  wanted: { readonly orders: number | null; readonly seed: number | null; readonly fresh: boolean },
): Promise<{ readonly batch: Batch; readonly orders: readonly BatchOrder[]; readonly before: Batch | null }> {
  const stored = await readInstances(backend);
  const latest = [...stored.values()].map(({ batch }) => batch).reduce(later, null);
  if (latest !== null && !wanted.fresh) {
    const orders = ordersOf(latest, stored);
    if (!orders.every((order) => order.stored?.ended === true)) return { batch: latest, orders, before: null };
  }
  const first = latest === null ? FIRST_ORDER : latest.last + 1;
  const number = (latest?.number ?? 0) + 1;
  const last = first + (wanted.orders ?? DEFAULT_ORDERS) - 1;
  const batch: Batch = { number, first, last, seed: wanted.seed ?? DEFAULT_SEED };
  return { batch, orders: ordersOf(batch, stored), before: latest };
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
  const reports = new Map<string, StatusReport>();
  let checkpoints = 0;
  await Promise.all(
    orders.map(async ({ instanceId, stored }) => {
      if (stored === null) return;
      checkpoints += (await client.history(instanceId)).length;
      if (!stored.ended) reports.set(instanceId, await client.status(instanceId));
    }),
  );
  return { reports, checkpoints };
}

type StoredInBatch = StoredOrder & { readonly batch: Batch };

async function readInstances(backend: PostgresBackend): Promise<ReadonlyMap<string, StoredInBatch>> {
  const found = new Map<string, StoredInBatch>();
  for (let after = ""; ; ) {
    const page = await backend.listInstances({ flow: FLOW_NAME, after, limit: PAGE });
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
