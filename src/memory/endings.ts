import type { InstanceId, Path, TaskId } from "../ids.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** A parent that has yet to be told of a child's end. */
export interface Ending {
  readonly childId: InstanceId;
  readonly parentId: InstanceId;
  readonly taskId: TaskId;
  /** Where it is waited for; `null` if it is not. */
  readonly awaitedAt: Path | null;
  /** Whether the parent may be waiting for it at its end. */
  readonly isWaitedFor: boolean;
}

/** An instance that has ended, or is gone, whose children have yet to be closed. */
export interface Closing {
  readonly parentId: InstanceId;
  /** Greater than the tokens under which its children were made, and smaller than those of one that has its id later. */
  readonly token: bigint;
  readonly isDeleted: boolean;
}

/** What ends of instances mean for others, and has yet to be done. */
export class Endings {
  #told: Ending[] = [];
  #closed: Closing[] = [];

  get isEmpty(): boolean {
    return this.#told.length === 0 && this.#closed.length === 0;
  }

  /**
   * Notes what is due when an instance ends or is deleted.
   *
   * @param token - the next one to be drawn
   */
  add(instance: StoredInstance, token: bigint, isDeleted: boolean): void {
    const { record, link, id } = instance;
    const { parent, status, spawns } = record;
    if (spawns) this.#closed.push({ parentId: id, token, isDeleted });
    if (parent === null || link === null || isTerminal(status)) return;
    const { instanceId: parentId, taskId, onClose } = parent;
    const isWaitedFor = onClose === "wait";
    const { awaitedAt } = link;
    if (awaitedAt === null && !isWaitedFor) return;
    this.#told.push({ childId: id, parentId, taskId, awaitedAt, isWaitedFor });
  }

  takeEndings(): readonly Ending[] {
    const taken = this.#told;
    this.#told = [];
    return taken;
  }

  takeClosings(): readonly Closing[] {
    const taken = this.#closed;
    this.#closed = [];
    return taken;
  }
}
