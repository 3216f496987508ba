import type { Lane } from "../snapshot/position.ts";
import type { HeldPosition } from "./held-position.ts";
import type { Lease } from "./lease-keeper.ts";

/** What a host's positions have come to. */
export interface Tally {
  completedTasks: number;
  failedAttempts: number;
  /** Checkpoints that were refused, because the claim did not hold any more. */
  fenced: number;
}

/** Whoever has the engine drive positions: a runner, a worker. */
export interface Host {
  /**
   * Keeps slots free for positions that are about to be granted, as far as there are any.
   *
   * @param wanted - how many; at least one of them is always given: its slot is that of the position that is given up
   * @returns how many; they have to be given back by `unreserve`
   */
  reserveSlots(wanted: number): number;
  unreserve(slots: number): void;
  /** Whether it may drive positions of this lane. */
  serves(lane: Lane): boolean;
  /** Positions that the driver of another one has been granted besides; to be driven, too. */
  take(held: HeldPosition): void;
  /** Of all positions that are driven for it. On shutdown it ends them: bodies are told to stop. */
  readonly leases: Set<Lease>;
  /** Counts what becomes of them. */
  readonly tally: Tally;
  /** A position was parked that comes due after `ms`; `hasFailed`: for another attempt. */
  expect(ms: number, hasFailed: boolean): void;
  /** A place of a limit is free again: something that waits may be claimed. */
  placeFreed(): void;
  /** Whether no further task is to be started: each position is given back at its next boundary. */
  readonly givesBack: boolean;
  /**
   * Leases that may be lost in a row at one task. Whoever takes more processes with it than this fails its instance.
   */
  readonly mostLost: number;
}
