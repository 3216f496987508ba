import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { type InstanceId, parseEventName, parseInstanceId, parseKnownId, parseTaskId, type TaskId } from "../ids.ts";
import { type Bytes, isTerminal, type NewEntry, type Snapshot } from "../snapshot/snapshot.ts";
import { parseBytes, parseControlRequest, parseSignalKind } from "../store/arguments.ts";
import { checkSendOptions } from "../store/check-instance.ts";
import type { CancelRequest, SendOptions, SendOutcome, SignalKind, SignalStore } from "../store/signal-store.ts";
import { copyOf } from "./bytes.ts";
import * as control from "./instance-control.ts";
import type { MemoryState } from "./memory-state.ts";
import type { Slot, StoredInstance } from "./stored-instance.ts";
import { copyRequest, snapshotOf } from "./stored-values.ts";

/** Control requests and events, in memory. */
export class MemorySignalStore implements SignalStore {
  readonly #state: MemoryState;

  constructor(state: MemoryState) {
    this.#state = state;
  }

  async storeSignal(instanceId: InstanceId, kind: SignalKind, request: CancelRequest): Promise<void> {
    parseKnownId(instanceId);
    const facts = parseControlRequest(parseSignalKind(kind), request);
    const instance = this.#state.get(instanceId);
    if (isAlready(instance, kind) || (kind === "cancel" && control.isCancelling(instance))) return;
    control.request(this.#state, instance, kind, facts, this.#state.now());
  }

  async getSignal(instanceId: InstanceId, kind: SignalKind): Promise<CancelRequest | null> {
    parseKnownId(instanceId);
    parseSignalKind(kind);
    const request = this.#state.find(instanceId)?.signals.get(kind);
    return request === undefined ? null : copyRequest(request);
  }

  async clearSignal(instanceId: InstanceId, kind: SignalKind): Promise<void> {
    parseKnownId(instanceId);
    parseSignalKind(kind);
    const instance = this.#state.find(instanceId);
    if (instance !== null) control.withdraw(this.#state, instance, kind, this.#state.now());
  }

  async sendEvent(
    instanceId: InstanceId,
    name: string,
    payload: Bytes,
    options: SendOptions = {},
  ): Promise<SendOutcome> {
    parseInstanceId(instanceId);
    parseEventName(name);
    parseBytes(payload, "payload");
    checkSendOptions(options);
    const instance = this.#state.find(instanceId);
    if (instance !== null) this.#requireOpen(instance);
    return this.accept(instanceId, { name, payload, codec: this.#state.codecId }, options);
  }

  /** Takes an event that is in order. */
  accept(
    instanceId: InstanceId,
    { name, payload, codec }: { readonly name: string; readonly payload: Bytes; readonly codec: string },
    options: SendOptions,
  ): SendOutcome {
    const instance = this.#state.find(instanceId);
    const mailbox = this.#state.mailbox(instanceId);
    const { dedupKey } = options;
    if (dedupKey !== undefined && mailbox.knows(dedupKey)) return "duplicate";
    if (dedupKey !== undefined) mailbox.remember(dedupKey);
    mailbox.lastSentAt = this.#state.now();
    const waiting = mailbox.has(name) ? undefined : instance?.parked.get(name)?.peek();
    if (waiting === undefined || waiting.instance.history.conflictsWith(waiting.position)) {
      mailbox.buffer(name, copyOf(payload), codec, this.#state.now());
      if (waiting !== undefined) this.#state.place(waiting.instance, waiting.position, this.#state.now());
      return "buffered";
    }
    this.#deliver(waiting, payload);
    return "delivered";
  }

  async consumeEvent(instanceId: InstanceId, name: string): Promise<Bytes | null> {
    parseKnownId(instanceId);
    parseEventName(name);
    const mailbox = this.#state.findMailbox(instanceId);
    const oldest = mailbox?.peek(name) ?? null;
    if (oldest === null) return null;
    mailbox?.take(name, oldest.sequence);
    return copyOf(oldest.payload);
  }

  async checkAndCancel(instanceId: InstanceId, interruptedAtTask?: TaskId): Promise<boolean> {
    parseKnownId(instanceId);
    if (interruptedAtTask !== undefined) parseTaskId(interruptedAtTask, "interruptedAtTask");
    const pending = this.#pending(instanceId, "cancel");
    if (pending === null || pending.request.undo === true) return false;
    control.cancel(this.#state, pending.instance, pending.request, interruptedAtTask ?? null, this.#state.now());
    return true;
  }

  async checkAndPause(instanceId: InstanceId): Promise<boolean> {
    const pending = this.#pending(parseKnownId(instanceId), "pause");
    if (pending === null) return false;
    control.pause(this.#state, pending.instance, pending.request, this.#state.now());
    return true;
  }

  async unpause(instanceId: InstanceId): Promise<Snapshot> {
    const instance = this.#state.get(parseKnownId(instanceId));
    control.unpause(this.#state, instance, this.#state.now());
    return snapshotOf(instance);
  }

  #pending(instanceId: InstanceId, kind: SignalKind): { instance: StoredInstance; request: CancelRequest } | null {
    const instance = this.#state.find(instanceId);
    const request = instance?.signals.get(kind);
    if (instance == null || request === undefined || instance.record.status !== "in_progress") return null;
    return { instance, request };
  }

  /** @throws {InvalidTransitionError | InvalidArgumentError} the instance can't take an event of this backend */
  #requireOpen({ record: { instanceId, status, codec } }: StoredInstance): void {
    if (isTerminal(status)) throw new InvalidTransitionError(instanceId, status, "an event");
    if (codec === this.#state.codecId) return;
    const problem = `is encoded with "${this.#state.codecId}", but instance "${instanceId}" uses codec "${codec}".`;
    throw new InvalidArgumentError("payload", problem);
  }

  #deliver({ instance, position }: Slot, payload: Bytes): void {
    const now = this.#state.now();
    const { taskId, attempt, path } = position;
    const nothing = { outputRef: null, failure: null, durationMs: null, decision: null };
    const entry: NewEntry = { taskId, attempt, kind: "wait", outcome: "completed", output: payload, ...nothing };
    this.#state.append(instance, entry, { path, workerId: null, at: now });
    // Its outcome is recorded: that wakes it.
    this.#state.place(instance, position, now);
  }
}

/**
 * Whether the instance is in the requested state.
 *
 * @throws {InvalidTransitionError} it can't get there any more
 */
export function isAlready(instance: StoredInstance, kind: SignalKind): boolean {
  const { status, instanceId } = instance.record;
  if (status === (kind === "cancel" ? "cancelled" : "paused")) return true;
  if (isTerminal(status)) throw new InvalidTransitionError(instanceId, status, kind);
  return false;
}
