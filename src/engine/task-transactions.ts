import { TransactionFailedError, TransactionUnsupportedError } from "../errors/transaction-errors.ts";
import { standpoint } from "../flow/continuation.ts";
import type { TaskNode, TransactionPart } from "../flow/definition.ts";
import type { WorkerId } from "../ids.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import type { Backend } from "../store/backend.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import type { TaskTransaction } from "../store/transactional-store.ts";
import { pause } from "../time/timers.ts";
import type { Happening } from "./happening.ts";
import type { HeldPosition } from "./held-position.ts";
import { bodyOf } from "./interpret-output.ts";
import type { Lease } from "./lease-keeper.ts";
import { isPassing } from "./passing-errors.ts";
import type { Ports } from "./ports.ts";

/** What came of committing a transaction: the checkpoint's fate, or what has happened instead of it. */
export type Committed = { readonly fate: Exclude<CheckpointFate, { kind: "busy" }> } | { readonly instead: Happening };

export interface TransactionParts {
  readonly store: Backend;
  readonly ports: Ports;
  readonly lease: Lease;
  readonly workerId: WorkerId;
  readonly leaseMs: number;
  /** What an attempt that failed with `error` leads to. */
  fail(held: HeldPosition, body: TaskNode, error: unknown, durationMs: number): Promise<Occurrence>;
}

/** How often in a row a body is run again whose transaction was in the way of another, or lost its connection. */
const MOST_RERUNS = 10;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;

/** The transactions of one position's transactional tasks: one at a time, open from before the body until its checkpoint. */
export class TaskTransactions {
  readonly #parts: TransactionParts;
  #open: TaskTransaction | null = null;
  #reruns = 0;
  /** Where those were counted. */
  #rerunAt: string | null = null;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Opens a transaction, and gives the task as it can be run in it; or what has happened instead. */
  async open(
    held: HeldPosition,
    body: TaskNode,
  ): Promise<{ readonly kind: "opened"; readonly body: TaskNode } | Happening> {
    const { lease } = this.#parts;
    const part = body.transaction;
    if (part === null) throw new TypeError(`Task "${body.id}" is not transactional.`);
    let opened: TaskTransaction;
    try {
      opened = await this.#openFor(part, body);
    } catch (error) {
      if (lease.ended !== null) return { kind: "giveUp", settle: lease.ended.settle };
      if (isPassing(error)) throw error;
      return await this.#parts.fail(held, body, error, 0);
    }
    this.#open = opened;
    if (lease.ended !== null) {
      await this.rollback(null);
      return { kind: "giveUp", settle: lease.ended.settle };
    }
    const run: TaskNode["run"] = (input, context) => part.run(opened.handle, input, context);
    return { kind: "opened", body: { ...body, run } };
  }

  async #openFor(part: TransactionPart, body: TaskNode): Promise<TaskTransaction> {
    const { store, lease } = this.#parts;
    if (store.openTransaction === undefined)
      throw new TransactionUnsupportedError(`Transactional task "${body.id}"`, store.constructor.name);
    const waiting = new AbortController();
    lease.onEnd(({ reason }) => waiting.abort(reason));
    try {
      const { source, isolation } = part;
      return await store.openTransaction({
        source,
        isolation,
        timeoutMs: body.policy.timeoutMs,
        signal: waiting.signal,
      });
    } finally {
      lease.onEnd(null);
    }
  }

  /**
   * Rolls back after a body that has not succeeded.
   *
   * @param error - what it failed with, if it did
   */
  async unwind(held: HeldPosition, happening: Happening, error: unknown): Promise<Happening> {
    if (happening.kind !== "failed") {
      await this.rollback(null);
      return happening;
    }
    if (!(await this.rollback(error))) return happening;
    return await this.#again(held, error, happening.durationMs);
  }

  /** Rolls back what is open. @returns whether another run may well succeed */
  async rollback(cause: unknown): Promise<boolean> {
    const open = this.#taken();
    return open !== null && (await open.rollback(cause)).isRepeatable;
  }

  async commit(held: HeldPosition, checkpoint: Checkpoint): Promise<Committed> {
    const open = this.#taken();
    if (open === null) throw new TypeError("No transaction is open.");
    const { workerId, leaseMs } = this.#parts;
    const durationMs = checkpoint.entries[0]?.durationMs ?? 0;
    const end = await open.commit(checkpoint, { workerId, leaseMs });
    switch (end.kind) {
      case "written":
        // The row has stayed locked for as long as it is worth waiting with a user's locks held.
        if (end.fate.kind === "busy") return { instead: { kind: "giveUp", settle: false } };
        return { fate: end.fate };
      case "repeatable":
        return { instead: await this.#again(held, end.error, durationMs) };
      case "failed":
        return { instead: await this.#parts.fail(held, bodyAt(held), end.error, durationMs) };
      case "unknown":
        // Given back, the position's row tells whoever claims it next.
        return { instead: { kind: "giveUp", settle: false } };
    }
  }

  /** Nothing of the run is left, so that it can be repeated without counting as an attempt; but not for ever. */
  async #again(held: HeldPosition, error: unknown, durationMs: number): Promise<Happening> {
    const { ports } = this.#parts;
    const { taskId, attempt } = held.stand;
    const at = `${taskId} ${attempt}`;
    if (this.#rerunAt !== at) this.#reruns = 0;
    this.#rerunAt = at;
    if (this.#reruns === MOST_RERUNS) {
      this.#reruns = 0;
      const problem = `It was in the way of others, or lost its connection, ${MOST_RERUNS + 1} times in a row.`;
      return await this.#parts.fail(
        held,
        bodyAt(held),
        new TransactionFailedError(taskId, problem, { cause: error }),
        durationMs,
      );
    }
    const longestMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#reruns, LONGEST_PAUSE_MS);
    this.#reruns++;
    // Full jitter: those who were in each other's way shall not be again.
    await pause(ports.timers, longestMs * ports.random.next());
    return { kind: "again" };
  }

  #taken(): TaskTransaction | null {
    const open = this.#open;
    this.#open = null;
    return open;
  }
}

function bodyAt(held: HeldPosition): TaskNode {
  return bodyOf(standpoint(held.flow, held.stand.taskId).located.node);
}
