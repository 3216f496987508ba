/** A trip that is booked as a whole or not at all: what has been booked is cancelled when another booking fails. */
import { branch, type Flow, flow, type Task, task } from "waymark";

export interface Trip {
  readonly traveller: string;
  readonly city: string;
}

export interface Booking {
  readonly what: string;
  readonly number: string;
}

/** Somewhere to book things. Asked twice with one key, it books once. */
export interface Bookings {
  book(what: string, trip: Trip, key: string): Promise<Booking>;
  cancel(booking: Booking): Promise<void>;
}

export function tripFlow(bookings: Bookings): Flow<Trip, readonly string[]> {
  const book = <const Id extends string>(id: Id, what: string): Task<Id, Trip, Booking> =>
    task(id, (trip: Trip, { idempotencyKey }) => bookings.book(what, trip, idempotencyKey), {
      retries: 2,
      // Tried for long: a booking that is left behind costs money.
      undo: task("cancel", (booking: Booking) => bookings.cancel(booking), { retries: 1_000 }),
    });
  return flow<Trip>("trip")
    .fork([branch("train", book("train", "a train")), branch("hotel", book("hotel", "a hotel"))])
    .join("booked", ({ train, hotel }) => [train, hotel])
    .then("confirm", (booked) => booked.map(({ what, number }) => `${what}: ${number}`))
    .build();
}
