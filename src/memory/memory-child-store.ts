import {
  CHILD_EVENT,
  CHILDREN_EVENT,
  CHILDREN_ID,
  type InstanceId,
  type Path,
  parseKnownId,
  type TaskId,
} from "../ids.ts";
import { type InstanceRecord, isTerminal } from "../snapshot/snapshot.ts";
import { startingPosition } from "../snapshot/starting-position.ts";
import { checkInstanceIds, checkNewChildren } from "../store/check-instance.ts";
import { type ChildFate, type ChildStore, CLOSED_BY_PARENT, type NewChild } from "../store/child-store.ts";
import { type HintSink, hintChildren, hintControlled } from "../store/hints.ts";
import type { Closing, Ending } from "./endings.ts";
import * as control from "./instance-control.ts";
import type { MemoryState } from "./memory-state.ts";
import type { StoredInstance } from "./stored-instance.ts";
import { copyRecord, recordFrom } from "./stored-values.ts";

const ENCODER = new TextEncoder();

/** Makes children, and does what ends have left to be done, in memory. */
export class MemoryChildStore implements ChildStore {
  readonly #state: MemoryState;
  readonly #hints: HintSink;

  constructor(state: MemoryState, hints: HintSink) {
    this.#state = state;
    this.#hints = hints;
  }

  async createChildren(children: readonly NewChild[]): Promise<readonly ChildFate[]> {
    checkNewChildren(children);
    const now = this.#state.now();
    const fates = children.map((child) => this.#create(child, now));
    hintChildren(this.#hints, children, fates);
    return fates;
  }

  async findChildren(instanceIds: readonly InstanceId[]): Promise<readonly (InstanceRecord | null)[]> {
    checkInstanceIds(instanceIds);
    return instanceIds.map((id) => {
      const instance = this.#state.find(id);
      return instance === null ? null : copyRecord(instance.record);
    });
  }

  async hasOpenChildren(parentId: InstanceId): Promise<boolean> {
    return this.#hasOpenChildren(parseKnownId(parentId));
  }

  async settleEndings(): Promise<boolean> {
    const { endings } = this.#state;
    while (!endings.isEmpty) {
      for (const ending of endings.takeEndings()) this.#tell(ending);
      for (const closing of endings.takeClosings()) this.#close(closing);
    }
    return false;
  }

  #create({ instance: start, claim, taskId, isAwaited, onClose }: NewChild, now: number): ChildFate {
    const parent = this.#state.find(claim.instanceId);
    if (parent?.positions.get(claim.path)?.claim?.token !== claim.token) return "fenced";
    if (this.#state.find(start.instanceId) !== null) return "taken";
    const child = this.#state.insert(recordFrom(start, now));
    child.traceContext = start.traceContext ?? null;
    const link = { token: claim.token, awaitedAt: isAwaited ? claim.path : null };
    this.#state.adopt(child, { instanceId: claim.instanceId, taskId, run: parent.record.run, onClose }, link);
    for (const [index, position] of start.positions.entries())
      this.#state.place(child, startingPosition(position, now), now, index + 1);
    const { deadlineAt } = child.record;
    if (deadlineAt !== null) this.#state.setDeadline(child, deadlineAt, now);
    return "created";
  }

  #tell({ parentId, taskId, childId, awaitedAt, isWaitedFor }: Ending): void {
    const parent = this.#state.find(parentId);
    if (parent === null) return;
    const payload = ENCODER.encode(JSON.stringify(childId));
    // Its row may still stand where the child's start was worked out.
    if (awaitedAt !== null) this.#send(parent, awaitedAt, [taskId, `${taskId}~start`], CHILD_EVENT + taskId, payload);
    if (isWaitedFor && !this.#hasOpenChildren(parentId)) this.#send(parent, "", [CHILDREN_ID], CHILDREN_EVENT, payload);
  }

  #send(parent: StoredInstance, path: Path, taskIds: readonly TaskId[], event: string, payload: Uint8Array): void {
    const position = parent.positions.get(path);
    if (position === undefined || !taskIds.includes(position.taskId)) return;
    this.#state.mailbox(parent.id).buffer(event, payload, "json", this.#state.now());
    // It is there now: that wakes who waits for it.
    if (position.claim !== null) return;
    this.#state.place(parent, position, this.#state.now());
    this.#hints.ready(null);
  }

  #hasOpenChildren(parentId: InstanceId): boolean {
    return this.#state
      .childrenOf(parentId)
      .some(({ record }) => record.parent?.onClose === "wait" && !isTerminal(record.status));
  }

  #close({ parentId, token, isDeleted }: Closing): void {
    for (const child of this.#state.childrenOf(parentId)) {
      const { parent, status } = child.record;
      if (parent === null || parent.onClose === "closed" || child.link === null || child.link.token >= token) continue;
      const ends = parent.onClose !== "abandon" && !isTerminal(status);
      if (!ends && !isDeleted) continue;
      child.record = { ...child.record, parent: { ...parent, onClose: "closed" } };
      if (ends) this.#cancel(child);
    }
  }

  #cancel(child: StoredInstance): void {
    const now = this.#state.now();
    const isHeld = child.isHeld(now);
    if (isHeld) control.request(this.#state, child, "cancel", CLOSED_BY_PARENT, now);
    else control.cancel(this.#state, child, CLOSED_BY_PARENT, null, now);
    hintControlled(this.#hints, child.id, "cancel", isHeld ? "requested" : "applied");
  }
}
