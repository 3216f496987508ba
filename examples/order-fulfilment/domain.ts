/** What a customer sends. An instance is started with it, so it is stored as JSON and can be read from SQL. */
export interface Order {
  readonly number: number;
  readonly customer: string;
  readonly city: string;
  readonly lines: readonly OrderLine[];
  readonly shipping: Shipping;
  /** Stands for a card, as payment providers hand such tokens out: nothing secret is stored. */
  readonly card: string;
}

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
}

export type Shipping = "express" | "standard";
export type Warehouse = "north" | "south" | "old-mill";
/** What speaks against sending an order. */
export type Objection = "none" | "card declined" | "suspected fraud";

/** An order of which everything is on sale. */
export interface PricedOrder extends Order {
  readonly cents: number;
}

export interface Reservation {
  readonly reservationId: string;
  readonly warehouse: Warehouse;
}

/** That a card is declined is an answer, not an error: nothing would be gained by asking again. */
export type Payment =
  | { readonly status: "paid"; readonly chargeId: string }
  | { readonly status: "declined"; readonly chargeId: null };

export interface Screening {
  /** 0 (harmless) to 100 (surely fraud). */
  readonly score: number;
}

/** What the join makes of its three branches. */
export interface Review {
  readonly order: PricedOrder;
  readonly reservation: Reservation;
  readonly payment: Payment;
  readonly objection: Objection;
}

export interface Booking {
  readonly trackingNumber: string;
  readonly shipping: Shipping;
}

/** What the warehouse's event says. */
export interface Packed {
  readonly packedBy: Warehouse;
  readonly parcels: number;
}

/** A parcel on its way. Handed from one look at the carrier's page to the next. */
export interface Parcel extends Booking {
  readonly packedBy: Warehouse | "reserve depot";
  /** How often the carrier has been asked. */
  readonly looks: number;
}

/** How an order ends, unless it fails. */
export type Result =
  | {
      readonly outcome: "delivered";
      readonly number: number;
      readonly cents: number;
      readonly shipping: Shipping;
      readonly packedBy: Parcel["packedBy"];
      readonly looks: number;
    }
  | {
      readonly outcome: "refused";
      readonly number: number;
      readonly reason: Objection;
      readonly refundedCents: number;
    };

/** An instance is named after the order, so that an order that is sent twice is still one order. */
export function instanceIdOf(orderNumber: number): string {
  return `order-${orderNumber}`;
}
