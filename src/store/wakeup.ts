import type { InstanceId } from "../ids.ts";
import type { Lane } from "../snapshot/position.ts";
import type { Bytes } from "../snapshot/snapshot.ts";

/** An instance that has ended. */
export interface InstanceEnd {
  readonly instanceId: InstanceId;
  /** What it has completed with, where it was this process that wrote it, and the codec that it wrote it with. */
  readonly output: { readonly bytes: Bytes; readonly codec: string } | null;
}

/**
 * Is told that something may have happened. Hints get lost, come twice and come late: whoever relies on one has to
 * look all the same, only less often.
 */
export interface WakeupListener {
  /**
   * Positions may have become ready.
   *
   * @param lanes - theirs; `null` if they are not known
   * @returns how many of them the listener takes at once; if that is all of them, nobody else is told
   */
  ready?(lanes: readonly Lane[] | null): number;
  /** A position comes due after so many milliseconds. Told in this process only. */
  due?(afterMs: number): void;
  /** Instances have ended; `null` if it isn't known which. */
  ended?(ends: readonly InstanceEnd[] | null): void;
  /** A cancel or pause is pending on an instance that somebody runs. */
  interrupted?(): void;
}

export interface WakeupSubscription {
  /** Whether hints from other processes are arriving. Where they aren't, poll more often. */
  readonly isLive: boolean;
  /** Ends it. Idempotent. */
  close(): void;
}

/** Passes hints on, in this process and between processes (DESIGN §6). */
export interface WakeupStore {
  /** `listener` is told from now on, until the subscription is closed. Its methods must not throw. */
  subscribe(listener: WakeupListener): WakeupSubscription;
}
