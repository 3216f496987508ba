import { setTimeout as sleep } from "node:timers/promises";
import { type Client, WaymarkError } from "waymark";
import { instanceIdOf, type Order, type Packed } from "./domain.ts";
import { PACKED_EVENT, PACKED_WAIT } from "./flow.ts";
import type { Pace } from "./pace.ts";
import { between } from "./seeded.ts";
import { answers, warehouseFor } from "./world.ts";

/**
 * The warehouses' own system, which would be somewhere else: sees which orders wait for it, packs them in its
 * own time, and says so with an event. Knows of the engine nothing but `Client`.
 */
export class Warehouses {
  readonly #client: Client;
  readonly #pace: Pace;
  readonly #askedAt = new Map<number, number>();
  readonly #packed = new Set<number>();

  constructor(client: Client, pace: Pace) {
    this.#client = client;
    this.#pace = pace;
  }

  /** Packs what has been asked for: the warehouses did not stand still while this process was away. */
  async catchUp(orders: readonly Order[]): Promise<void> {
    await Promise.all(orders.map((order) => this.#visit(order, 0)));
  }

  /** Goes through the orders that `underWay` gives, again and again, until the signal aborts. */
  async run(underWay: () => readonly Order[], signal: AbortSignal): Promise<void> {
    const { lookEveryMs, packingMs } = this.#pace;
    while (!signal.aborted) {
      await Promise.all(underWay().map((order) => this.#visit(order, between(...packingMs, order.number, "packing"))));
      await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #visit(order: Order, packingMs: number): Promise<void> {
    const warehouse = warehouseFor(order);
    if (!answers(warehouse) || this.#packed.has(order.number)) return;
    try {
      if (!(await this.#isAsked(order))) return;
      const askedAt = this.#askedAt.get(order.number) ?? performance.now();
      this.#askedAt.set(order.number, askedAt);
      if (performance.now() - askedAt < packingMs) return;
      const packed: Packed = { packedBy: warehouse, parcels: order.lines.length };
      // With a dedup key it doesn't matter that a restarted warehouse has forgotten what it sent before.
      await this.#client.sendEvent(instanceIdOf(order.number), PACKED_EVENT, packed, { dedupKey: "packed" });
      this.#packed.add(order.number);
    } catch (error) {
      // The order has ended meanwhile, or the database is away: the next round will show.
      if (!WaymarkError.is(error)) throw error;
    }
  }

  async #isAsked(order: Order): Promise<boolean> {
    const report = await this.#client.status(instanceIdOf(order.number));
    if (report.status === "awaiting_event") return true;
    // Its time limit has passed, and somebody is about to look whether the event is there.
    return report.status === "in_progress" && report.tasks.some(({ taskId }) => taskId === PACKED_WAIT);
  }
}
