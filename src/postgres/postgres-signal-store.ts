import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { BackendError } from "../errors/backend-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import { parseEventName, parseInstanceId, parseKnownId, parseTaskId } from "../ids.ts";
import type { Bytes, Snapshot } from "../snapshot/snapshot.ts";
import { parseBytes, parseControlRequest, parseSignalKind } from "../store/arguments.ts";
import { checkSendOptions } from "../store/check-instance.ts";
import type { CancelRequest, SendOptions, SendOutcome, SignalKind, SignalStore } from "../store/signal-store.ts";
import type { Session } from "./database.ts";
import { whileEnding } from "./ending.ts";
import { LockedInstance, requestFrom, unpauseIn } from "./instance-control.ts";
import { readSnapshot } from "./postgres-snapshot-store.ts";
import { lockMailbox, sendEvent, takeEvent } from "./queries/events.ts";
import { findSignals } from "./queries/signals.ts";
import type { StoreContext } from "./store-context.ts";

/** Control requests, and events from outside. */
export class PostgresSignalStore implements SignalStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async storeSignal(instanceId: string, kind: SignalKind, request: CancelRequest): Promise<void> {
    const id = parseKnownId(instanceId);
    const parsed = parseControlRequest(parseSignalKind(kind), request);
    await this.#context.db.transaction("store-signal", async (tx) => {
      const instance = await LockedInstance.get(this.#context, tx, id);
      if (instance.isAlready(kind) || (kind === "cancel" && (await instance.isCancelling()))) return;
      await instance.request(kind, parsed);
    });
    this.#context.hints.interrupted();
    this.#context.hints.due(0);
  }

  async getSignal(instanceId: string, kind: SignalKind): Promise<CancelRequest | null> {
    const id = parseKnownId(instanceId);
    parseSignalKind(kind);
    const rows = await this.#context.db.run("find-signals", findSignals(this.#context.tables, id));
    const row = rows.find((candidate) => candidate.kind === kind);
    return row === undefined ? null : requestFrom(row);
  }

  async clearSignal(instanceId: string, kind: SignalKind): Promise<void> {
    const id = parseKnownId(instanceId);
    parseSignalKind(kind);
    await this.#context.db.transaction("clear-signal", async (tx) => {
      await (await LockedInstance.find(this.#context, tx, id))?.withdraw(kind);
    });
    this.#context.hints.ready(null);
  }

  async sendEvent(instanceId: string, name: string, payload: Bytes, options: SendOptions = {}): Promise<SendOutcome> {
    const { db, hints } = this.#context;
    // With a dedup key, a second try of a send that did arrive changes nothing.
    const repeat = options?.dedupKey === undefined ? "ifWithoutEffect" : "harmless";
    const session: Session = { run: (...call) => db.run(...call, repeat) };
    const outcome = await sendIn(this.#context, session, { instanceId, name, payload, options });
    if (outcome === "delivered") hints.ready(null);
    return outcome;
  }

  async consumeEvent(instanceId: string, name: string): Promise<Bytes | null> {
    const params = { instanceId: parseKnownId(instanceId), name: parseEventName(name) };
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
    const id = parseKnownId(instanceId);
    const task = interruptedAtTask === undefined ? null : parseTaskId(interruptedAtTask, "interruptedAtTask");
    return await whileEnding(this.#context, (note) =>
      this.#applyPending(id, "cancel", (instance, request) => {
        note(instance);
        return instance.cancel(request, task);
      }),
    );
  }

  async checkAndPause(instanceId: string): Promise<boolean> {
    return await this.#applyPending(parseKnownId(instanceId), "pause", (instance, request) => instance.pause(request));
  }

  async unpause(instanceId: string): Promise<Snapshot> {
    const id = parseKnownId(instanceId);
    const snapshot = await this.#context.db.transaction("unpause", async (tx) => {
      await unpauseIn(this.#context, tx, id);
      return await readSnapshot(this.#context, tx, id);
    });
    this.#context.hints.ready(null);
    return snapshot;
  }

  async #applyPending(
    instanceId: string,
    kind: SignalKind,
    apply: (instance: LockedInstance, request: CancelRequest) => Promise<void>,
  ): Promise<boolean> {
    const applied = await this.#context.db.transaction(`check-and-${kind}`, async (tx) => {
      const instance = await LockedInstance.find(this.#context, tx, instanceId);
      const request = instance?.pending(kind) ?? null;
      // What asks for undoing is acted on by whoever runs the instance.
      if (instance?.status !== "in_progress" || request === null || request.undo === true) return false;
      await apply(instance, request);
      return true;
    });
    if (applied && kind === "cancel") this.#context.hints.ended([{ instanceId, output: null }]);
    return applied;
  }
}

/** Sends an event by one statement, which `session` runs. */
export async function sendIn(
  context: StoreContext,
  session: Session,
  event: {
    readonly instanceId: string;
    readonly name: string;
    readonly payload: Bytes;
    readonly options: SendOptions;
  },
): Promise<SendOutcome> {
  const instanceId = parseInstanceId(event.instanceId);
  checkSendOptions(event.options);
  const { tables, codecId } = context;
  const query = sendEvent(tables, {
    instanceId,
    name: parseEventName(event.name),
    payload: parseBytes(event.payload, "payload"),
    codec: codecId,
    dedupKey: event.options.dedupKey ?? null,
    now: context.now(),
  });
  const [row] = await session.run("send-event", query);
  return sendOutcomeFrom(instanceId, row?.outcome, codecId);
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
