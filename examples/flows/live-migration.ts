/**
 * A flow that is changed while instances of it are under way: those that can be moved to the new version are, those that have
 * come to the changed place are finished by the old one or, if that won't do, begun anew from before that place.
 */
import { type Client, type Flow, flow } from "waymark";

export interface Order {
  readonly id: string;
  readonly cents: number;
}

/** What both versions need. */
export interface Shop {
  price(order: Order): Promise<number>;
  /** Whether the buyer may have the goods; new in version 2. */
  check(cents: number): Promise<number>;
  ship(cents: number, version: number): Promise<string>;
}

export function orderVersion1(shop: Shop): Flow<Order, string> {
  return flow<Order>("order")
    .then("price", (order) => shop.price(order))
    .waitForEvent<number, "paid">("paid", "paid")
    .then("ship", (cents) => shop.ship(cents, 1))
    .delay("returns", "14d")
    .then("close", () => "closed by version 1")
    .build();
}

/** A step more, and other policies for one that was there: policies may change at any time. */
export function orderVersion2(shop: Shop): Flow<Order, string> {
  return flow<Order>("order")
    .then("price", (order) => shop.price(order), { retries: 5, timeout: "10s" })
    .waitForEvent<number, "paid">("paid", "paid")
    .then("check", (cents) => shop.check(cents))
    .then("ship", (cents) => shop.ship(cents, 2), { retries: 5 })
    .delay("returns", "14d")
    .then("close", () => "closed by version 2")
    .build();
}

/** What has become of the instances of version 1. */
export interface ChangeOver {
  readonly moved: number;
  /** Ids of those that version 1 has to finish, and where each stands. Its workers have to stay for so long. */
  readonly left: ReadonlyMap<string, string>;
}

/** Moves what can be moved. Can be called again at any time: what has been moved is not of version 1 any more. */
export async function changeOver(client: Client, from: Flow, to: Flow): Promise<ChangeOver> {
  const left = new Map<string, string>();
  for (let after: string | null = ""; after !== null; ) {
    const page = await client.planMigration(from, to, after === "" ? {} : { after });
    for (const { instanceId, way, obstacle, stands } of page.instances) {
      if (way === "move") continue;
      left.set(instanceId, `${stands.map(({ taskId }) => taskId).join(", ")}: ${obstacle?.message ?? ""}`);
    }
    after = page.next;
  }
  const { changed } = await client.migrateMany(from, to, {});
  return { moved: changed, left };
}

/**
 * The way out for an instance that can't be moved and must not go on by version 1: a new one that begins where the old one was
 * before the change, with all that had been recorded by then.
 *
 * @param at - the task before which to begin
 */
export async function beginAnew(client: Client, from: Flow, to: Flow, id: string, at: string): Promise<string> {
  await client.terminate(id, { reason: "goes on as another instance" });
  const handle = await client.fork(from, id, `${id}/v2`, { at, to });
  return handle.instanceId;
}
