import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { errorFrom } from "../errors/failure.ts";
import { InstanceConflictError } from "../errors/instance-errors.ts";
import { ChildFailedError } from "../errors/task-errors.ts";
import { childInstanceId } from "../flow/child-id.ts";
import type { ChildStart, SpawnNode } from "../flow/definition.ts";
import { CHILD_EVENT, CHILDREN_EVENT, type InstanceId } from "../ids.ts";
import type { InstanceRecord } from "../snapshot/snapshot.ts";
import { isTerminal } from "../snapshot/snapshot.ts";
import type { Backend } from "../store/backend.ts";
import type { NewInstance } from "../store/instance-store.ts";
import type { Children } from "./children.ts";
import type { Happening } from "./happening.ts";
import type { HeldPosition } from "./held-position.ts";
import { codecOf, decodeOutput } from "./instance-status.ts";
import { decodeFailure, decodeOwned, encodePayload } from "./payloads.ts";
import { newInstance } from "./start-instance.ts";

/**
 * Starts the child of a task, if that has not been done, and says what has come of it.
 *
 * What is known of it is what its own row says; the event only tells that it is worth a look, and is taken with what it has led to.
 *
 * @throws {ChildFailedError} it has ended without an output
 * @throws {InstanceConflictError} its id is taken
 * @throws {ValidationError} its input doesn't fit its flow's schema
 */
export async function lookAtChild(children: Children, held: HeldPosition, node: SpawnNode): Promise<Happening> {
  const search = new ChildSearch(children, held, node, await readStart(children.store, held));
  return await search.look();
}

/** Whether the children have ended for which an instance waits at its end. */
export async function lookForOpenChildren(store: Backend, { claim }: HeldPosition): Promise<Happening> {
  const { instanceId } = claim;
  if (!(await store.hasOpenChildren(instanceId))) return { kind: "closed" };
  // After the look: what tells of a change since then leads to another one.
  const event = await store.peekEvent(instanceId, CHILDREN_EVENT);
  return event === null ? { kind: "nothingYet", armed: true } : { kind: "stale", sequence: event.sequence };
}

/** What the task before has worked out. */
async function readStart(store: Backend, { flow, codec, claim, stand }: HeldPosition): Promise<ChildStart> {
  const owner = `${stand.taskId}~start`;
  const [result] = await store.loadResults(claim.instanceId, [owner]);
  const bytes = result?.output ?? null;
  const start = bytes === null ? null : await decodeOwned(flow, codec, claim.instanceId, { owner, bytes });
  if (isStart(start)) return start;
  throw new InvalidArgumentError(`"${owner}"`, "has recorded nothing that a child could be started with.");
}

/** It may have been recorded by hand. */
function isStart(value: unknown): value is ChildStart {
  if (typeof value !== "object" || value === null || !("instanceId" in value)) return false;
  return value.instanceId === null || typeof value.instanceId === "string";
}

class ChildSearch {
  readonly #children: Children;
  readonly #held: HeldPosition;
  readonly #node: SpawnNode;
  readonly #start: ChildStart;

  constructor(children: Children, held: HeldPosition, node: SpawnNode, start: ChildStart) {
    this.#children = children;
    this.#held = held;
    this.#node = node;
    this.#start = start;
  }

  /**
   * Of the children of one task, by number, the one that counts: those that were closed with their parent, which was retried
   * since, don't; nor do as many that have failed as there were attempts before. One of those that somebody has retried does again.
   */
  async look(): Promise<Happening> {
    const { attempt } = this.#held.stand;
    let failures = 0;
    for (let number = 1; ; number++) {
      const id = this.#idOf(number);
      // Where this process has just come here, there can be none yet.
      const found = number === 1 && this.#held.isFresh ? null : await this.#children.find(id);
      if (found === null && number < attempt) continue;
      const child = found ?? (await this.#create(id));
      if (child === "fenced") return { kind: "giveUp", settle: false };
      if (child === "created") return await this.#begun(id);
      this.#requireOwn(child);
      if (child.parent?.onClose === "closed") continue;
      if (!this.#node.isAwaited) return await this.#begun(id);
      if (child.status === "failed" || child.status === "cancelled") failures++;
      if (failures >= attempt || child.status === "completed" || !isTerminal(child.status))
        return await this.#outcome(child);
    }
  }

  #idOf(number: number): InstanceId {
    const { claim, stand, run } = this.#held;
    return childInstanceId(this.#start, { instanceId: claim.instanceId, taskId: stand.taskId, run }, number);
  }

  /** @throws {InstanceConflictError} */
  #requireOwn({ instanceId, parent }: InstanceRecord): void {
    const { claim, stand, run } = this.#held;
    const isOfTask = parent?.instanceId === claim.instanceId && parent.taskId === stand.taskId;
    if (isOfTask && parent.run === run) return;
    const remedy = `It is no child of ${isOfTask ? "this run of " : ""}task "${stand.taskId}" of "${claim.instanceId}". Give another one with options.instanceId, or delete it.`;
    throw new InstanceConflictError(instanceId, { remedy });
  }

  /** @returns the instance that has the id already, if there is one */
  async #create(id: InstanceId): Promise<InstanceRecord | "created" | "fenced"> {
    const { claim, stand, isFresh, traceContext } = this.#held;
    const { store } = this.#children;
    const { child, given, isAwaited, onParentClose: onClose } = this.#node;
    if (isAwaited && !isFresh && (await this.#tellsOf(id)))
      throw new ChildFailedError(stand.taskId, id, "deleted", null);
    const priority = given.priority ?? stand.instancePriority;
    const { input } = this.#start;
    const options = { priority, tags: given.tags, labels: given.labels };
    const made = this.#withDeadline(await newInstance(child, id, input, options, store));
    const instance = traceContext === null ? made : { ...made, traceContext };
    for (;;) {
      const fate = await this.#children.create({ instance, claim, taskId: stand.taskId, isAwaited, onClose });
      if (fate !== "taken") return fate;
      const found = await this.#children.find(id);
      // It may have been deleted meanwhile.
      if (found !== null) return found;
    }
  }

  /** A child that is closed with its parent has to have ended when that has to, if not before. */
  #withDeadline(instance: NewInstance): NewInstance {
    const { deadline } = this.#held;
    if (deadline === null || this.#node.onParentClose === "abandon") return instance;
    return { ...instance, deadline: { afterMs: instance.deadline?.afterMs ?? null, at: deadline.at } };
  }

  /** Whether the event that is there is of this child. */
  async #tellsOf(id: InstanceId): Promise<boolean> {
    const event = await this.#event();
    return event !== null && new TextDecoder().decode(event.payload) === JSON.stringify(id);
  }

  async #event(): Promise<{ readonly sequence: bigint; readonly payload: Uint8Array } | null> {
    const { claim, stand } = this.#held;
    return await this.#children.store.peekEvent(claim.instanceId, CHILD_EVENT + stand.taskId);
  }

  async #begun(id: InstanceId): Promise<Happening> {
    if (this.#node.isAwaited) return { kind: "nothingYet", armed: true };
    return { kind: "succeeded", output: await this.#encode(id), decision: null, durationMs: 0 };
  }

  async #outcome(child: InstanceRecord): Promise<Happening> {
    const event = await this.#event();
    if (child.status === "completed") {
      const { instanceId, output: bytes, codec } = child;
      const stored = { bytes: bytes ?? new Uint8Array(), codec };
      const output = await decodeOutput(this.#children.store, instanceId, stored);
      return { kind: "received", payload: await this.#encode(output), sequence: event?.sequence ?? null };
    }
    if (event !== null) {
      // It has ended since, or is gone: look again before the event is.
      const isNews = !isTerminal(child.status) && (await this.#tellsOf(child.instanceId));
      const now = isNews ? await this.#children.find(child.instanceId) : child;
      return now?.status === child.status ? { kind: "stale", sequence: event.sequence } : { kind: "again" };
    }
    if (!isTerminal(child.status)) return { kind: "nothingYet", armed: true };
    throw await this.#failureOf(child);
  }

  async #failureOf({ instanceId, status, failure, reason, codec }: InstanceRecord): Promise<ChildFailedError> {
    const { taskId } = this.#held.stand;
    if (status === "cancelled") return new ChildFailedError(taskId, instanceId, "cancelled", reason);
    const { store } = this.#children;
    const why = await decodeFailure(codecOf(store, codec), failure ?? new Uint8Array(), instanceId);
    const details = `${why.name}: ${why.message}`;
    return new ChildFailedError(taskId, instanceId, "failed", details, { cause: errorFrom(why) });
  }

  async #encode(value: unknown): Promise<Uint8Array> {
    const { claim, stand, codec } = this.#held;
    const context = { instanceId: claim.instanceId, taskId: stand.taskId, kind: "output" } as const;
    return await encodePayload(codec, value, context, this.#children.store.maxPayloadBytes);
  }
}
