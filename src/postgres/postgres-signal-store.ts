import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { BackendError } from "../errors/backend-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { parseEventName, parseInstanceId, parseTaskId } from "../ids.ts";
import { type Bytes, isTerminal, type Snapshot } from "../snapshot/snapshot.ts";
import { parseBytes, parseSignalKind, parseSignalRequest } from "../store/arguments.ts";
import type { SendOptions, SendOutcome, SignalKind, SignalRequest, SignalStore } from "../store/signal-store.ts";
import { applyCancel, applyPause, applyUnpause, lockAllPositions, lockExisting } from "./instance-control.ts";
import { isInState, requestFromRow, storePending } from "./postgres-instance-store.ts";
import { readSnapshot } from "./postgres-snapshot-store.ts";
import { interruptPositions, resumePositions } from "./queries/change-positions.ts";
import { lockMailbox, sendEvent, takeEvent } from "./queries/events.ts";
import { lockInstance } from "./queries/find-instances.ts";
import { deleteSignal, findSignals } from "./queries/signals.ts";
import type { StoreContext } from "./store-context.ts";

/** Control requests, and events from outside. */
export class PostgresSignalStore implements SignalStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async storeSignal(instanceId: string, kind: SignalKind, request: SignalRequest): Promise<void> {
    const id = parseInstanceId(instanceId);
    parseSignalKind(kind);
    const parsed = parseSignalRequest(request);
    await this.#context.db.transaction("store-signal", async (tx) => {
      const instance = await lockExisting(this.#context, tx, id);
      if (isInState(instance.status, kind)) return;
      if (isTerminal(instance.status)) throw new InvalidTransitionError(id, instance.status, kind);
      await lockAllPositions(this.#context, tx, id);
      await storePending(this.#context, tx, id, kind, parsed);
    });
  }

  async getSignal(instanceId: string, kind: SignalKind): Promise<SignalRequest | null> {
    const id = parseInstanceId(instanceId);
    parseSignalKind(kind);
    const rows = await this.#context.db.run("find-signals", findSignals(this.#context.tables, id));
    const row = rows.find((candidate) => candidate.kind === kind);
    return row === undefined ? null : requestFromRow(row);
  }

  async clearSignal(instanceId: string, kind: SignalKind): Promise<void> {
    const id = parseInstanceId(instanceId);
    parseSignalKind(kind);
    const { db, tables } = this.#context;
    await db.transaction("clear-signal", async (tx) => {
      const [instance] = await tx.run("lock-instance", lockInstance(tables, id));
      if (instance === undefined) return;
      await lockAllPositions(this.#context, tx, id);
      const cleared = await tx.run("delete-signal", deleteSignal(tables, { instanceId: id, kind }));
      if (cleared.length === 0 || instance.status !== "in_progress") return;
      const now = this.#context.now();
      await tx.run("resume-positions", resumePositions(tables, { instanceId: id, now }));
      const [other] = await tx.run("find-signals", findSignals(tables, id));
      if (other !== undefined) {
        await tx.run("interrupt-positions", interruptPositions(tables, { instanceId: id, interrupt: other.kind, now }));
      }
    });
  }

  async sendEvent(instanceId: string, name: string, payload: Bytes, options: SendOptions = {}): Promise<SendOutcome> {
    const id = parseInstanceId(instanceId);
    const query = sendEvent(this.#context.tables, {
      instanceId: id,
      name: parseEventName(name),
      payload: parseBytes(payload, "payload"),
      codec: this.#context.codecId,
      dedupKey: options.dedupKey === undefined ? null : parseEventName(options.dedupKey, "options.dedupKey"),
      now: this.#context.now(),
    });
    // With a dedup key, a second try of a send that did arrive changes nothing.
    const [row] = await this.#context.db.run(
      "send-event",
      query,
      options.dedupKey === undefined ? "ifWithoutEffect" : "harmless",
    );
    return sendOutcomeFrom(id, row?.outcome, this.#context.codecId);
  }

  async consumeEvent(instanceId: string, name: string): Promise<Bytes | null> {
    const params = { instanceId: parseInstanceId(instanceId), name: parseEventName(name) };
    const { db, tables } = this.#context;
    return await db.transaction(
      "consume-event",
      async (tx) => {
        await tx.run("lock-mailbox", lockMailbox(tables, params.instanceId));
        const [row] = await tx.run("take-event", takeEvent(tables, params));
        return row?.payload ?? null;
      },
      "ifWithoutEffect",
    );
  }

  async checkAndCancel(instanceId: string, interruptedAtTask?: string): Promise<boolean> {
    const id = parseInstanceId(instanceId);
    const task = interruptedAtTask === undefined ? null : parseTaskId(interruptedAtTask, "interruptedAtTask");
    return await this.#applyPending(id, "cancel", (tx, request) => applyCancel(this.#context, tx, id, request, task));
  }

  async checkAndPause(instanceId: string): Promise<boolean> {
    const id = parseInstanceId(instanceId);
    return await this.#applyPending(id, "pause", (tx, request) => applyPause(this.#context, tx, id, request));
  }

  async unpause(instanceId: string): Promise<Snapshot> {
    const id = parseInstanceId(instanceId);
    return await this.#context.db.transaction("unpause", async (tx) => {
      const instance = await lockExisting(this.#context, tx, id);
      if (instance.status !== "paused") throw new InvalidTransitionError(id, instance.status, "unpause");
      await lockAllPositions(this.#context, tx, id);
      await applyUnpause(this.#context, tx, id);
      return await readSnapshot(this.#context, tx, id);
    });
  }

  async #applyPending(
    instanceId: string,
    kind: SignalKind,
    apply: (tx: Parameters<typeof lockExisting>[1], request: SignalRequest) => Promise<void>,
  ): Promise<boolean> {
    const { db, tables } = this.#context;
    return await db.transaction(`check-and-${kind}`, async (tx) => {
      const [instance] = await tx.run("lock-instance", lockInstance(tables, instanceId));
      if (instance?.status !== "in_progress") return false;
      const pending = (await tx.run("find-signals", findSignals(tables, instanceId))).find((row) => row.kind === kind);
      if (pending === undefined) return false;
      await lockAllPositions(this.#context, tx, instanceId);
      await apply(tx, requestFromRow(pending));
      return true;
    });
  }
}

function sendOutcomeFrom(instanceId: string, outcome: string | undefined, codecId: string): SendOutcome {
  if (outcome === "delivered" || outcome === "buffered" || outcome === "duplicate") return outcome;
  const [what, detail = ""] = outcome?.split(/:(.*)/s) ?? [];
  if (what === "refused") throw new InvalidTransitionError(instanceId, detail, "an event");
  if (what === "codec") {
    throw new InvalidArgumentError(
      "payload",
      `is encoded with "${codecId}", but instance "${instanceId}" uses codec "${detail}".`,
    );
  }
  throw new BackendError("BACKEND_BUG", { queryName: "send-event", problem: `Unknown outcome "${outcome ?? ""}"` });
}
