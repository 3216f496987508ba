import type { InstanceId } from "../ids.ts";
import type { Bytes } from "../snapshot/snapshot.ts";
import type { NewInstance } from "./instance-store.ts";

/** What was started last under a key of a flow. Nobody else starts something under it meanwhile. */
export interface LastStart {
  readonly instanceId: InstanceId;
  /** It is there, and has not ended. */
  readonly isLive: boolean;
  /** It has yet to begin: its time has not come, nobody has held it, nothing is recorded. `null` if it has begun. */
  readonly pending: {
    readonly input: Bytes;
    readonly codec: string;
    /** In so many milliseconds. */
    readonly startsInMs: number;
  } | null;
  /** How many milliseconds from now the mark is that the last start has left; negative if it is past; `null` if it left none. */
  readonly markInMs: number | null;
}

/** What is to become of a submission. */
export type StartDecision =
  /** Nothing is written. */
  | { readonly kind: "refuse" }
  /** An instance begins. */
  | {
      readonly kind: "start";
      readonly instance: NewInstance;
      /** When it begins: as its positions say. */
      readonly startsInMs: number;
      /** A time that is kept for the next decision; `null` for none. */
      readonly markInMs: number | null;
      /** The last one is cancelled at once, with this reason, if it lives; `null`: it goes on. */
      readonly cancels: string | null;
      /** No other one with its key may live beside it: it can't be retried as long as one does. */
      readonly isSingle: boolean;
    }
  /** The last one, which is pending, is this one instead; it keeps its id and the events that were sent to it. */
  | {
      readonly kind: "gather";
      readonly instance: NewInstance;
      readonly startsInMs: number;
      readonly markInMs: number | null;
    };

/** What has become of it. */
export type StartOutcome =
  | { readonly kind: "started" | "gathered"; readonly instanceId: InstanceId }
  | { readonly kind: "refused"; readonly last: LastStart | null }
  /** There is an instance of that id already; nothing was written. */
  | { readonly kind: "idTaken"; readonly instanceId: InstanceId };

/** A submission that the last one of the same flow and key may concern. */
export interface KeyedStart {
  /** Of the candidate's flow; 1 to 255 characters. */
  readonly key: string;
  /**
   * What it would start: what is decided has its flow, definition and codec, stands in its lanes, and has its id, unless it is gathered into the last
   * one. None of its positions is claimed.
   */
  readonly candidate: NewInstance;
  /**
   * Says what becomes of it. May be asked again, where what it was told has changed meanwhile; so it does nothing else. What it throws, the call
   * throws, and nothing is written.
   */
  decide(last: LastStart | null): Promise<StartDecision> | StartDecision;
}

/** Starts one instance for what several submissions have in common. */
export interface StartKeyStore {
  /** Decides and writes in one: of those who start under one key, one after the other does. */
  startKeyed(start: KeyedStart): Promise<StartOutcome>;
}
