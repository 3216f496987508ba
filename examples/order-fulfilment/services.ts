import type { Booking, OrderLine, Payment, PricedOrder, Reservation, Result, Screening, Shipping } from "./domain.ts";

/**
 * The world outside, as the flow sees it. What changes something there takes a key by which the other side
 * knows a request that it has had before: a task may run twice if the process dies before its checkpoint.
 */
export interface Services {
  readonly prices: {
    quote(lines: readonly OrderLine[]): Promise<{ readonly cents: number; readonly unavailable: readonly string[] }>;
  };
  readonly stock: {
    reserve(order: PricedOrder, key: string): Promise<Reservation>;
    release(reservationId: string, key: string): Promise<void>;
  };
  readonly payments: {
    /** @throws the card network doesn't answer */
    charge(card: string, cents: number, key: string): Promise<Payment>;
    /** @returns how many cents went back */
    refund(payment: Payment, cents: number, key: string): Promise<number>;
  };
  readonly fraud: {
    screen(order: PricedOrder): Promise<Screening>;
  };
  readonly warehouse: {
    /** Asks for the parcel to be packed. The answer comes as an event, in its own time. */
    ask(reservation: Reservation, key: string): Promise<void>;
  };
  readonly carrier: {
    book(order: PricedOrder, shipping: Shipping, key: string): Promise<Booking>;
    handOver(booking: Booking, packedBy: string, key: string): Promise<void>;
    /** @param look - the how-manieth look at this parcel this is */
    isDelivered(trackingNumber: string, look: number): Promise<boolean>;
  };
  readonly mail: {
    send(result: Result, key: string): Promise<void>;
  };
}
