import type { InstanceId, TaskId } from "../ids.ts";
import type { ClaimRef } from "../snapshot/checkpoint.ts";
import type { InstanceRecord, Parent } from "../snapshot/snapshot.ts";
import type { NewInstance } from "./instance-store.ts";
import type { SignalRequest } from "./signal-store.ts";

/** An instance to be made as another one's child. */
export interface NewChild {
  /** None of its positions is claimed. */
  readonly instance: NewInstance;
  /** Of the parent's position that starts it: it has to hold. */
  readonly claim: ClaimRef;
  /** At which that position stands, or will when its row follows. */
  readonly taskId: TaskId;
  /** Whether that task is to be told of the child's end. */
  readonly isAwaited: boolean;
  readonly onClose: Exclude<Parent["onClose"], "closed">;
}

/** Why a child is cancelled whose parent has ended. */
export const CLOSED_BY_PARENT: SignalRequest = { reason: "its parent has ended" };

/** What became of a child to be made. */
export type ChildFate =
  | "created"
  /** The id is taken, perhaps by what an earlier call has made. Nothing was changed. */
  | "taken"
  /** The claim does not hold any more: the parent may have ended. Nothing was made. */
  | "fenced"
  /** A row was locked by somebody else. Nothing was made; try again. */
  | "busy";

/**
 * Makes children, and sees to what the end of an instance means for others.
 *
 * Whatever ends or deletes an instance leaves in the same write what is due then: that its parent is told, if the child is
 * awaited, by an event `$child:<task id>` in the parent's mailbox; that its parent is told by `$children` when it stands at its
 * end and this was the last child for which it waits; and that its own children are closed. `settleEndings` does it.
 */
export interface ChildStore {
  /** Each fate is its own. @returns in the order of `children` */
  createChildren(children: readonly NewChild[]): Promise<readonly ChildFate[]>;

  /**
   * What is known of some instances.
   *
   * @param instanceIds - at most 10,000
   * @returns in their order; `null` for what does not exist
   */
  findChildren(instanceIds: readonly InstanceId[]): Promise<readonly (InstanceRecord | null)[]>;

  /** Whether a child of the instance is live for which it waits at its end. */
  hasOpenChildren(parentId: InstanceId): Promise<boolean>;

  /**
   * Does what ends have left to be done: tells parents, and closes children: those that are idle are
   * cancelled at once, and what this leaves is done, too; those that somebody runs are requested to be, and are done for in
   * another call. May be called at any time, by any number of processes. A part of it that somebody else is just doing, or
   * that a lock is in the way of, is left.
   *
   * @returns whether something was left
   */
  settleEndings(): Promise<boolean>;
}
