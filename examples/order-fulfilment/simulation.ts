import { setTimeout as sleep } from "node:timers/promises";
import { getTaskContext } from "waymark";
import type { Payment } from "./domain.ts";
import type { Oracle } from "./oracle.ts";
import type { Pace } from "./pace.ts";
import { between } from "./seeded.ts";
import type { Services } from "./services.ts";
import * as world from "./world.ts";

/** Services that do nothing but take their time, answer as `world` has it, and tell the oracle. */
export function simulatedServices(pace: Pace, oracle: Oracle): Services {
  /** A call over the network. `getTaskContext` gives the task that it is made for, however deep below it this is. */
  async function call<T>(effect: string, answer: (attempt: number) => T): Promise<T> {
    const { instanceId, taskId, attempt, idempotencyKey, signal } = getTaskContext();
    oracle({ instance: instanceId, task: taskId, attempt, effect, key: idempotencyKey });
    // The signal aborts when the program is told to stop, when the task times out, and when its claim is lost.
    await sleep(between(...pace.latencyMs, instanceId, taskId, attempt), undefined, { signal });
    return answer(attempt);
  }

  return {
    prices: {
      quote: (lines) => call("quote", () => world.priceOf(lines)),
    },
    stock: {
      reserve: (order) =>
        call("reserve", () => ({
          reservationId: `rs_${order.number}`,
          warehouse: world.warehouseFor(order),
        })),
      release: () => call("release", () => undefined),
    },
    payments: {
      charge: (card, _cents, key) => call("charge", (attempt) => chargeCard(card, key, attempt)),
      refund: (payment, cents) => call("refund", () => (payment.status === "paid" ? cents : 0)),
    },
    fraud: {
      screen: (order) => call("screen", () => ({ score: world.fraudScore(order) })),
    },
    warehouse: {
      ask: () => call("ask", () => undefined),
    },
    carrier: {
      book: (order, shipping) =>
        call("book", () => ({ trackingNumber: world.trackingNumberOf(order, shipping), shipping })),
      handOver: () => call("hand over", () => undefined),
      isDelivered: (trackingNumber, look) => call("look", () => look >= world.looksUntilDelivered(trackingNumber)),
    },
    mail: {
      send: () => call("send mail", () => undefined),
    },
  };
}

/** The charge is named after the key: asked for twice, it is made once. */
function chargeCard(card: string, key: string, attempt: number): Payment {
  if (attempt <= world.networkFailures(card)) throw new Error("The card network did not answer.");
  if (world.isDeclined(card)) return { status: "declined", chargeId: null };
  return { status: "paid", chargeId: `ch_${key}` };
}
