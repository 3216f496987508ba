import { branch, type Flow, flow, LoopResult, NonRetryableError } from "waymark";
import type { Order, Packed, Parcel, PricedOrder, Result, Review } from "./domain.ts";
import type { Pace } from "./pace.ts";
import type { Services } from "./services.ts";

export const FLOW_NAME = "order-fulfilment";
/** The event with which a warehouse says that an order is packed, and the step that waits for it. */
export const PACKED_EVENT = "warehouse.packed";
export const PACKED_WAIT = "packed";

const FRAUD_FROM_SCORE = 90;

/**
 * From the basket to the doorstep. After each step its outcome is in the database, and whoever goes on with the
 * order, in this process or another, begins with the step after it.
 */
export function orderFulfilment(services: Services, pace: Pace): Flow<Order, Result> {
  const { stock, payments, warehouse, carrier, mail } = services;

  return reviewedOrder(services, pace)
    .route("verdict", (review) => (review.objection === "none" ? "send" : "refuse"), ["send", "refuse"])

    .branch("refuse", (b) =>
      b
        .then("release", ({ reservation }, context) => stock.release(reservation.reservationId, context.idempotencyKey))
        .then("refund", async (_, context): Promise<Result> => {
          const { order, payment, objection } = await context.output("review");
          const refundedCents = await payments.refund(payment, order.cents, context.idempotencyKey);
          return { outcome: "refused", number: order.number, reason: objection, refundedCents };
        }),
    )

    .branch("send", (b) =>
      b
        .route("service", (review) => review.order.shipping, ["express", "standard"])
        .branch("express", (b) =>
          b.then("book-courier", ({ order }, context) => carrier.book(order, "express", context.idempotencyKey)),
        )
        .branch("standard", (b) =>
          b.then("book-parcel", ({ order }, context) => carrier.book(order, "standard", context.idempotencyKey)),
        )
        .done()
        // Whoever thinks better of it calls in this time. No process has to be there for it to pass.
        .delay("change-of-mind", pace.changeOfMind)
        .then("ask-warehouse", async (booking, context) => {
          const { reservation } = await context.output("review");
          await warehouse.ask(reservation, context.idempotencyKey);
          return booking;
        })
        .waitForEvent<Packed>(PACKED_WAIT, PACKED_EVENT, { timeout: pace.warehouseTimeout, onTimeout: "continue" })
        .then("hand-over", async (answer, context): Promise<Parcel> => {
          const booking = await context.output("ask-warehouse");
          // No answer must not mean no parcel: another depot has the same things.
          const packedBy = answer.timedOut ? "reserve depot" : answer.payload.packedBy;
          await carrier.handOver(booking, packedBy, context.idempotencyKey);
          return { ...booking, packedBy, looks: 0 };
        })
        .loop("track", async (parcel, context) => {
          const looks = parcel.looks + 1;
          const delivered = await carrier.isDelivered(parcel.trackingNumber, looks);
          if (!delivered) return LoopResult.again({ ...parcel, looks });
          const { number, cents } = await context.output("validate");
          const { shipping, packedBy } = parcel;
          return LoopResult.done<Result>({ outcome: "delivered", number, cents, shipping, packedBy, looks });
        }),
    )
    .done()

    .then("notify", async (result, context) => {
      await mail.send(result, context.idempotencyKey);
      return result;
    })
    .build();
}

/** The first half: what there is to find out about an order, most of it side by side. */
function reviewedOrder({ prices, stock, payments, fraud }: Services, pace: Pace) {
  return (
    flow<Order>(FLOW_NAME, { description: "From the basket to the doorstep" })
      .then("validate", async (order): Promise<PricedOrder> => {
        const { cents, unavailable } = await prices.quote(order.lines);
        // No other attempt would find it on sale, so there is none: the order fails here and now.
        if (unavailable.length > 0) throw new NonRetryableError(`Not sold any more: ${unavailable.join(", ")}.`);
        return { ...order, cents };
      })

      // Each branch is checkpointed, tried again and resumed on its own.
      .fork([
        branch("stock", (b) => b.then("reserve", (order, context) => stock.reserve(order, context.idempotencyKey))),
        branch("payment", (b) =>
          b.then("charge", (order, context) => payments.charge(order.card, order.cents, context.idempotencyKey), {
            retry: { attempts: 5, initialDelay: pace.retryDelay },
            timeout: "10s",
          }),
        ),
        branch("fraud", (b) => b.then("screen", (order) => fraud.screen(order))),
      ])

      .join("review", async (found, context): Promise<Review> => {
        const order = await context.output("validate");
        const suspicious = found.fraud.score >= FRAUD_FROM_SCORE;
        const declined = found.payment.status === "declined";
        const objection = declined ? "card declined" : suspicious ? "suspected fraud" : "none";
        return { order, reservation: found.stock, payment: found.payment, objection };
      })
  );
}
