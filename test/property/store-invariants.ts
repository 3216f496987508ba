import { expect } from "vitest";
import { joinTaskIdOf } from "../../src/flow/task-id.ts";
import type { Checkpoint } from "../../src/snapshot/checkpoint.ts";
import type { Position } from "../../src/snapshot/position.ts";
import { type HistoryEntry, isRecordedKind, isTerminal } from "../../src/snapshot/snapshot.ts";
import type { Backend } from "../../src/store/backend.ts";
import type { InstanceState } from "../../src/store/instance-store.ts";
import type { ClaimedPosition } from "../../src/store/position-store.ts";
import { EVENT_NAMES, INSTANCE_IDS, type StoreOperation } from "./store-operation.ts";
import type { Result, StoreRun, Written } from "./store-run.ts";

/** What can be seen of one instance. */
interface Seen {
  readonly state: InstanceState | null;
  readonly history: readonly HistoryEntry[];
}

/**
 * Checks after each operation what the stores promise, knowing nothing of how they work: from what they
 * showed before it and what they show after it.
 */
export class StoreInvariants {
  readonly #backend: Backend;
  #seen = new Map<string, Seen>();
  /** Events that are buffered, as they should be, by instance and name. */
  readonly #buffers = new Map<string, Uint8Array[]>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  async before(): Promise<void> {
    this.#seen = await this.#look();
  }

  async after(operation: StoreOperation, result: Result, run: StoreRun): Promise<void> {
    const now = await this.#look();
    const value = "value" in result ? result.value : undefined;
    const remade = madeAnew(operation, value);
    for (const id of INSTANCE_IDS) {
      const [before, after] = [this.#seen.get(id), now.get(id)];
      if (before === undefined || after === undefined) continue;
      if (remade === id) this.#forgetEvents(id);
      else checkHistory(before, after);
      const isRetried = operation.kind === "retry" && operation.id === id && !("error" in result);
      if (isRetried) checkRetried(before, after);
      else if (remade !== id) checkFinality(before, after);
      checkOutcomes(after);
      for (const position of after.state?.positions ?? []) await this.#checkReachable(id, position, after);
    }
    if ("error" in result) expect(shown(now)).toEqual(shown(this.#seen));
    this.#checkWritten(run.written, now);
    if (operation.kind === "claim") this.#checkClaims(value as readonly ClaimedPosition[], now);
    await this.#checkEvents(operation, value, run);
  }

  async #look(): Promise<Map<string, Seen>> {
    const seen = new Map<string, Seen>();
    for (const id of INSTANCE_IDS) {
      const state = await this.#backend.findInstance(id);
      seen.set(id, { state, history: await this.#backend.readHistory(id, { limit: 10_000 }) });
    }
    return seen;
  }

  /** INV-5: what is not accepted has changed nothing. */
  #checkWritten(written: readonly Written[], now: ReadonlyMap<string, Seen>): void {
    const changed = new Set(
      written.flatMap(({ checkpoint, fate }) => (fate === "accepted" ? [checkpoint.claim.instanceId] : [])),
    );
    for (const { checkpoint } of written) {
      const { instanceId } = checkpoint.claim;
      if (!changed.has(instanceId)) expect(shown(now, instanceId)).toEqual(shown(this.#seen, instanceId));
    }
  }

  #checkClaims(claims: readonly ClaimedPosition[], now: ReadonlyMap<string, Seen>): void {
    for (const claim of claims) {
      const before = positionOf(this.#seen.get(claim.instanceId), claim.path);
      const after = positionOf(now.get(claim.instanceId), claim.path);
      const at = now.get(claim.instanceId)?.state?.now ?? 0;
      const isLive = before?.claim != null && (before.claim.expiresAt === null || before.claim.expiresAt > at);
      expect({ invariant: "INV-6", isLive }).toEqual({ invariant: "INV-6", isLive: false });
      if (claim.interrupt !== null) continue;
      // INV-9, INV-10
      expect({
        pending: after?.pending,
        early: claim.kind === "delay" && claim.armed && !claim.due && claim.recorded === null,
      }).toEqual({ pending: 0, early: false });
    }
  }

  /** INV-13: something will bring the position up again: its time, an event, a branch, an unpause, its holder. */
  async #checkReachable(id: string, position: Position, { state }: Seen): Promise<void> {
    const isBuffered = position.event !== null && (await this.#backend.peekEvent(id, position.event)) !== null;
    const hasOutcome = (await this.#backend.loadResults(id, [position.taskId])).length > 0;
    const branches =
      state?.positions.filter(({ path }) => path !== "" && joinTaskIdOf(path) === position.taskId).length ?? 0;
    const { total = 0, started = 0 } = position.items ?? {};
    const waitsForEvent = position.kind === "wait" && !isBuffered && !hasOutcome;
    const waitsForBranches =
      position.kind === "join" && branches > 0 && branches === position.pending - (total - started);
    const isReachable =
      position.ready ||
      position.availableAt !== null ||
      position.claim?.expiresAt === null ||
      (position.interrupt === "paused" && state?.instance.status === "paused") ||
      waitsForEvent ||
      waitsForBranches;
    expect({ invariant: "INV-13", position, isReachable }).toEqual({
      invariant: "INV-13",
      position,
      isReachable: true,
    });
  }

  /** INV-1, INV-8: each event is taken once, in the order of the sends, and none is lost. */
  async #checkEvents(operation: StoreOperation, value: unknown, run: StoreRun): Promise<void> {
    if (operation.kind === "send" && run.sent !== null) {
      const buffer = this.#buffer(operation.id, operation.event);
      if (value === "delivered") expect(buffer).toEqual([]);
      if (value === "buffered") buffer.push(run.sent);
    }
    if (operation.kind === "consume")
      expect(value).toEqual(this.#buffer(operation.id, operation.event).shift() ?? null);
    for (const { checkpoint, fate } of run.written) {
      if (fate === "accepted" && checkpoint.consumes !== null) this.#checkConsumed(checkpoint);
    }
    for (const id of INSTANCE_IDS) {
      for (const name of EVENT_NAMES) {
        const oldest = await this.#backend.peekEvent(id, name);
        expect(oldest?.payload ?? null).toEqual(this.#buffer(id, name)[0] ?? null);
      }
    }
  }

  #checkConsumed({ claim, entries, move }: Checkpoint): void {
    const name = move.kind === "advance" ? (move.to.event ?? "") : "";
    expect(entries[0]?.output).toEqual(this.#buffer(claim.instanceId, name).shift());
  }

  #buffer(id: string, name: string): Uint8Array[] {
    const key = `${id} ${name}`;
    const buffer = this.#buffers.get(key) ?? [];
    this.#buffers.set(key, buffer);
    return buffer;
  }

  #forgetEvents(id: string): void {
    // One that replaces nothing keeps the events that were sent ahead.
    if (this.#seen.get(id)?.state == null) return;
    for (const name of EVENT_NAMES) this.#buffer(id, name).length = 0;
  }
}

/** INV-4: history only grows, in order, with one entry a task and attempt. */
function checkHistory(before: Seen, after: Seen): void {
  expect(after.history.slice(0, before.history.length)).toEqual(before.history);
  const attempts = after.history.map((entry) => `${entry.taskId}#${entry.attempt}`);
  expect(new Set(attempts).size).toBe(attempts.length);
  for (const [index, entry] of after.history.entries()) {
    const previous = after.history[index - 1];
    if (previous !== undefined) expect(entry.sequence > previous.sequence).toBe(true);
  }
}

/** INV-3: one outcome a task. */
function checkOutcomes({ history }: Seen): void {
  const outcomes = history.filter((entry) => isRecordedKind(entry.outcome));
  expect(new Set(outcomes.map((entry) => entry.taskId)).size).toBe(outcomes.length);
}

/** INV-7: what has ended stays as it is; what has not stands somewhere. */
function checkFinality(before: Seen, after: Seen): void {
  if (after.state !== null) {
    const { instance, positions, signals } = after.state;
    expect(isTerminal(instance.status)).toBe(positions.length === 0);
    if (isTerminal(instance.status)) expect(signals).toEqual([]);
  }
  if (before.state === null || !isTerminal(before.state.instance.status)) return;
  expect(after.state?.instance).toEqual(before.state.instance);
  expect(after.history).toEqual(before.history);
}

/** INV-7: only what has failed comes back, and only its status is another one. */
function checkRetried(before: Seen, after: Seen): void {
  expect(before.state?.instance.status).toBe("failed");
  expect(after.state?.positions).not.toEqual([]);
  const instance = after.state?.instance ?? expect.fail("It should be there.");
  expect(["in_progress", "paused"]).toContain(instance.status);
  const { status, reason } = instance;
  expect(instance).toEqual({ ...before.state?.instance, status, reason, failure: null, endedAt: null });
}

/** The instance that an operation has made anew, or made vanish. */
function madeAnew(operation: StoreOperation, value: unknown): string | null {
  if (operation.kind === "replace") return operation.id;
  return operation.kind === "delete" && value === undefined ? operation.id : null;
}

function positionOf(seen: Seen | undefined, path: string): Position | undefined {
  return seen?.state?.positions.find((position) => position.path === path);
}

/** What is seen of one instance, or of all, without the time at which it was. */
function shown(seen: ReadonlyMap<string, Seen>, instanceId: string | null = null): unknown {
  const some = [...seen].filter(([id]) => instanceId === null || id === instanceId);
  return some.map(([id, { state, history }]) => [id, state?.instance, state?.positions, state?.signals, history]);
}
