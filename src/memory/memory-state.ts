import { InstanceNotFoundError } from "../errors/instance-errors.ts";
import type { DefinitionHash, InstanceId, Path, TaskId, WorkerId } from "../ids.ts";
import { NOTES } from "../snapshot/apply.ts";
import { DEADLINE_PATH, deadlinePosition } from "../snapshot/deadline.ts";
import type { Lane, Position } from "../snapshot/position.ts";
import { comeDue, giveBack, interruptOf, isPendingJoin, withInterrupt } from "../snapshot/position-rules.ts";
import { type InstanceRecord, isTerminal, type NewEntry, type Parent } from "../snapshot/snapshot.ts";
import type { PausedFlow } from "../store/flow-store.ts";
import type { Clock } from "../time/clock.ts";
import { Endings } from "./endings.ts";
import { Mailbox } from "./mailbox.ts";
import { OrderedIds } from "./ordered-ids.ts";
import { PositionTable } from "./position-table.ts";
import { StartKeys } from "./start-keys.ts";
import { isParked, type ParentLink, StoredInstance } from "./stored-instance.ts";

/**
 * All that an in-memory backend keeps, and the few ways in which it changes.
 *
 * Nothing here is asynchronous: each call of a store runs from start to end without another one in
 * between, which is what makes it atomic.
 */
interface KnownWorker {
  readonly tags: readonly string[];
  /** The lanes that it can serve, by their keys. */
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly registeredAt: number;
  readonly seenAt: number;
}

export class MemoryState {
  /** Id of the codec that writes what is sent. */
  readonly codecId: string;
  readonly ids: OrderedIds = new OrderedIds();
  readonly workers: Map<WorkerId, KnownWorker> = new Map();
  readonly table: PositionTable = new PositionTable();
  /** When each definition was first seen, by hash. */
  readonly definitions: Map<DefinitionHash, { readonly flow: string; readonly firstSeen: number }> = new Map();
  readonly #clock: Clock;
  readonly #instances = new Map<InstanceId, StoredInstance>();
  readonly #mailboxes = new Map<InstanceId, Mailbox>();
  readonly endings: Endings = new Endings();
  readonly startKeys: StartKeys = new StartKeys();
  /** By name. */
  readonly pausedFlows: Map<string, PausedFlow> = new Map();
  readonly #children = new Map<InstanceId, Set<InstanceId>>();
  #lastToken = 0n;
  #lastSequence = 0n;
  #inserted = 0;

  constructor(clock: Clock, codecId: string) {
    this.#clock = clock;
    this.codecId = codecId;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Draws a fencing token: greater than all before, also than those of instances that are gone (INV-5). */
  nextToken(): bigint {
    this.#lastToken += 1n;
    return this.#lastToken;
  }

  find(instanceId: InstanceId): StoredInstance | null {
    return this.#instances.get(instanceId) ?? null;
  }

  /** @throws {InstanceNotFoundError} */
  get(instanceId: InstanceId): StoredInstance {
    const instance = this.find(instanceId);
    if (instance === null) throw new InstanceNotFoundError(instanceId);
    return instance;
  }

  /** Whether it is there, and has not ended. */
  isLive(instanceId: InstanceId): boolean {
    const instance = this.find(instanceId);
    return instance !== null && !isTerminal(instance.record.status);
  }

  all(): IterableIterator<StoredInstance> {
    return this.#instances.values();
  }

  /** Another text after every start, checkpoint, claim and deletion. */
  mark(): string {
    return `${this.#lastSequence}:${this.#lastToken}:${this.#inserted}:${this.#instances.size}`;
  }

  insert(record: InstanceRecord): StoredInstance {
    const { flow, definitionHash } = record;
    if (!this.definitions.has(definitionHash)) this.definitions.set(definitionHash, { flow, firstSeen: this.now() });
    this.#inserted++;
    const instance = new StoredInstance(record);
    this.#instances.set(instance.id, instance);
    this.ids.add(instance.id);
    return instance;
  }

  /** The instance is another one's child. */
  adopt(instance: StoredInstance, parent: Parent, link: ParentLink): void {
    instance.record = { ...instance.record, parent };
    instance.link = link;
    const siblings = this.#children.get(parent.instanceId) ?? new Set();
    this.#children.set(parent.instanceId, siblings.add(instance.id));
  }

  /** The children of an instance, or of one that had its id. */
  childrenOf(parentId: InstanceId): StoredInstance[] {
    return Array.from(this.#children.get(parentId) ?? [], (id) => this.get(id));
  }

  /** Nothing of the instance is left. */
  delete(instance: StoredInstance): void {
    this.endings.add(instance, this.#lastToken + 1n, true);
    const { parent } = instance.record;
    if (parent !== null) this.#children.get(parent.instanceId)?.delete(instance.id);
    this.table.removeAll(instance);
    this.#instances.delete(instance.id);
    this.#mailboxes.delete(instance.id);
    this.ids.delete(instance.id);
  }

  /** Another instance comes in its place at once, with its id and its events. It has not begun. */
  makeRoom(instance: StoredInstance): void {
    this.table.removeAll(instance);
    this.#instances.delete(instance.id);
    this.ids.delete(instance.id);
  }

  findMailbox(instanceId: InstanceId): Mailbox | null {
    return this.#mailboxes.get(instanceId) ?? null;
  }

  mailbox(instanceId: InstanceId): Mailbox {
    let mailbox = this.#mailboxes.get(instanceId);
    if (mailbox === undefined) this.#mailboxes.set(instanceId, (mailbox = new Mailbox()));
    return mailbox;
  }

  /** Of all instances that were sent anything, whether they exist or not. */
  mailboxIds(): InstanceId[] {
    return [...this.#mailboxes.keys()];
  }

  deleteMailbox(instanceId: InstanceId): void {
    this.#mailboxes.delete(instanceId);
  }

  append(
    instance: StoredInstance,
    entry: NewEntry,
    origin: { path: Path; workerId: WorkerId | null; at: number },
  ): void {
    this.#lastSequence += 1n;
    instance.history.append(entry, { ...origin, sequence: this.#lastSequence });
  }

  /** Notes a change of the instance in its history. */
  note(instance: StoredInstance, what: keyof typeof NOTES, at: number, outputRef: TaskId | null = null): void {
    const taskId = NOTES[what];
    const attempt = instance.history.freeAttempt(taskId, null);
    const nothing = { output: null, failure: null, durationMs: null, decision: null };
    const entry: NewEntry = { taskId, attempt, kind: "instance", outcome: "noted", outputRef, ...nothing };
    this.append(instance, entry, { path: "", workerId: null, at });
  }

  /**
   * Writes a position, new or changed. Nothing sleeps beside what it would be woken for: a task whose
   * outcome is recorded already, or a wait with its event in the buffer, is ready instead (INV-13).
   *
   * @param turn - its place among those that become ready in the same call, counted from 1
   */
  place(instance: StoredInstance, position: Position, now: number, turn: number = 0): void {
    const woken = this.#hasNews(instance, position) ? { ...position, ready: true, availableAt: now } : position;
    this.table.place(instance, woken, now, turn);
  }

  /** The instance has this deadline from now on, or none: in its record, and as a position. */
  setDeadline(instance: StoredInstance, at: number | null, now: number): void {
    instance.record = { ...instance.record, deadlineAt: at };
    this.table.remove(instance, DEADLINE_PATH);
    if (at === null) return;
    const position = deadlinePosition(at, instance.history.freeAttempt(DEADLINE_PATH, null));
    this.place(instance, withInterrupt(position, interruptOf(instance.record.status, instance.signals), now), now);
  }

  /** The holder gives it back. */
  giveBack(instance: StoredInstance, position: Position, now: number): void {
    this.place(instance, giveBack(position, now, instance.history.outcomeOf(position.taskId) !== null), now);
  }

  /** Makes ready what has come due: timers, time limits, expired leases. */
  promoteDue(now: number): number {
    let promoted = 0;
    for (let slot = this.table.nextDue(now); slot !== null; slot = this.table.nextDue(now)) {
      promoted++;
      this.place(slot.instance, this.#comeDue(slot.instance, slot.position, now), now);
    }
    return promoted;
  }

  /** Makes ready what has come due in one instance, as far as it can be taken; leaves the rest as it is. */
  promoteDueOf(instance: StoredInstance, now: number): void {
    for (const { position } of this.table.dueOf(instance, now)) {
      const due = this.#comeDue(instance, position, now);
      if (due.ready) this.place(instance, due, now);
    }
  }

  /** The instance is in a terminal state: nothing stands any more, and no request is pending (INV-7). */
  end(instance: StoredInstance, end: Pick<InstanceRecord, "status" | "endedAt"> & Partial<InstanceRecord>): void {
    if (!isTerminal(instance.record.status)) this.endings.add(instance, this.#lastToken + 1n, false);
    instance.record = { ...instance.record, reason: null, ...end };
    instance.signals.clear();
    this.table.removeAll(instance);
  }

  #comeDue(instance: StoredInstance, position: Position, now: number): Position {
    return comeDue(position, now, instance.history.outcomeOf(position.taskId) !== null);
  }

  #hasNews(instance: StoredInstance, position: Position): boolean {
    if (position.ready || position.claim !== null || position.interrupt !== null) return false;
    if (isPendingJoin(position)) return false;
    if (instance.history.outcomeOf(position.taskId) !== null) return true;
    return (
      isParked(position) && position.event !== null && (this.findMailbox(instance.id)?.has(position.event) ?? false)
    );
  }
}
