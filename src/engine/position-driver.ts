import { isPromiseLike, type MaybePromise } from "../codec/maybe-promise.ts";
import { standpoint } from "../flow/continuation.ts";
import type { LocatedNode } from "../flow/flow-definition.ts";
import type { Checkpoint, ClaimRef, Move } from "../snapshot/checkpoint.ts";
import { isDeadline } from "../snapshot/deadline.ts";
import type { Occurrence } from "../snapshot/occurrence.ts";
import { planNext } from "../snapshot/plan.ts";
import type { Plan } from "../snapshot/plan-move.ts";
import type { NewEntry } from "../snapshot/snapshot.ts";
import { laneOf, standingHere } from "../snapshot/standing.ts";
import type { CheckpointFate, RecordedOutcome } from "../store/position-store.ts";
import { lookHowToCancel, lookHowToEnd } from "./before-the-end.ts";
import { lookAtChild, lookForOpenChildren } from "./child-lookup.ts";
import type { Children } from "./children.ts";
import { completeMove, isStarting, type StartingMove, unreserve } from "./complete-move.ts";
import type { Gatherer } from "./gatherer.ts";
import { grantedPosition } from "./granted-position.ts";
import type { Happening } from "./happening.ts";
import { type HeldPosition, movedTo } from "./held-position.ts";
import { decisionOfRecorded, isPart } from "./interpret-output.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import { valueUnder } from "./occurrence-values.ts";
import { isKeyError, isPassing } from "./passing-errors.ts";
import { decodeOwned } from "./payloads.ts";
import { stopOthers } from "./stop-others.ts";
import { atTask, type BodyParts, TaskBodies } from "./task-bodies.ts";
import type { Committed } from "./task-transactions.ts";
import { tellCheckpoint, tellReceived } from "./tell-observer.ts";
import { beginItem, decideAfterEvent, lookAtDeadline, readWait, sleepOn } from "./without-body.ts";

/** How long a position sleeps whose key service can't be reached. Spends no attempt. */
const KEY_RETRY_MS = 5_000;

type FinalFate = Exclude<CheckpointFate, { kind: "busy" }>;

interface DriverParts extends BodyParts {
  readonly children: Children;
  readonly releases: Gatherer<ClaimRef, void>;
  readonly leases: LeaseKeeper;
  /** Called when a checkpoint has been accepted. */
  readonly onProgress: (() => void) | undefined;
}

/** Moves one held position on, checkpoint by checkpoint. Decides nothing: `planNext` does. */
export class PositionDriver {
  readonly #parts: DriverParts;
  /** As it was granted; later on, its standing has been looked at when it was moved there. */
  #first: HeldPosition | null = null;
  readonly #bodies: TaskBodies;
  /** When its last checkpoint was handed over, on the monotonic clock: what it grants is claimed from then on. */
  #sentAtMs = 0;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.#bodies = new TaskBodies(parts);
  }

  async drive(first: HeldPosition): Promise<void> {
    this.#first = first;
    try {
      for (let held: HeldPosition | null = first; held !== null; ) held = await this.#step(held);
    } finally {
      if (this.#bodies.hasTransaction) await this.#bodies.rollback();
    }
  }

  // Written without `async` as far as a step of a plain task goes: each promise less is time that all steps save.

  /** @returns the position as it is held now; `null` if it isn't any more */
  #step(held: HeldPosition): MaybePromise<HeldPosition | null> {
    if (held.interrupt === "undo") return this.#cancelAndUndo(held);
    if (held.interrupt !== null) return this.#giveUp(held, true);
    // No body starts once the claim is lost, the instance is to be cancelled, or the process is about to end.
    const { lease, host } = this.#parts;
    if (lease.ended !== null || host.givesBack || this.#isOutOfReach(held))
      return this.#giveUp(held, lease.ended?.settle === true);
    // Nor while somebody else may have the position: after this process was held up, say.
    if (!this.#parts.leases.isTrusted(lease)) return this.#confirm(held);
    let happening: MaybePromise<Happening>;
    try {
      happening = this.#happen(held);
    } catch (error) {
      happening = this.#stumble(held, error);
    }
    return isPromiseLike(happening) ? this.#goOnLater(held, happening) : this.#goOn(held, happening);
  }

  async #confirm(held: HeldPosition): Promise<HeldPosition> {
    const { leases, lease } = this.#parts;
    await leases.confirm(lease);
    return held;
  }

  async #goOnLater(held: HeldPosition, pending: PromiseLike<Happening>): Promise<HeldPosition | null> {
    let happening: Happening;
    try {
      happening = await pending;
    } catch (error) {
      happening = await this.#stumble(held, error);
    }
    return await this.#goOn(held, happening);
  }

  /** Where nobody else holds a position of the instance any more: what runs may stop, or be recorded and undone. */
  async #cancelAndUndo(held: HeldPosition): Promise<HeldPosition | null> {
    const { store } = this.#parts;
    const happening = await lookHowToCancel(store, held);
    if (happening === "undoing") await store.clearSignal(held.claim.instanceId, "cancel");
    return happening === null || happening === "undoing"
      ? await this.#giveUp(held, false)
      : await this.#goOn(held, happening);
  }

  /** A join that this host has closed, for which it lacks the tags. */
  #isOutOfReach(held: HeldPosition): boolean {
    if (held !== this.#first) return false;
    const { flow, stand } = held;
    return !this.#parts.host.serves(laneOf(flow, standpoint(flow, stand.taskId).located, stand.codec));
  }

  #goOn(held: HeldPosition, happening: Happening): MaybePromise<HeldPosition | null> {
    if (happening.kind === "giveUp") return this.#giveUp(held, happening.settle);
    if (happening.kind === "sleep") return this.#sleep(held, happening);
    if (happening.kind === "limited") return this.#leave(held, { to: happening.to, wakeAfterMs: 0 });
    if (happening.kind === "again") return held;
    if (happening.kind === "recorded") tellReceived(this.#parts.observer, held);
    return this.#plan(held, happening);
  }

  #plan(held: HeldPosition, happening: Occurrence): MaybePromise<HeldPosition | null> {
    const plan = planNext(held.flow, held.stand, happening);
    const hasState = held.flow.state !== null && this.#bodies.state.isConcerned(held);
    return hasState ? this.#proceedWithState(held, happening, plan) : this.#proceed(held, happening, plan);
  }

  /** What has been changed in the state goes with the outcome. */
  async #proceedWithState(held: HeldPosition, happening: Occurrence, plan: Plan): Promise<HeldPosition | null> {
    let version: NewEntry | null = null;
    try {
      version = await this.#bodies.state.entryFor(held, happening, plan);
    } catch (error) {
      const isHopeless = happening.kind === "failed" || happening.kind === "unusable";
      if (!isHopeless || isPassing(error)) return await this.#incomplete(held, error);
      const message = "What was changed in the state can't be joined; the flow goes on without it.";
      this.#parts.ports.logger.error({ ...atTask(held), error }, message);
    }
    const entries = version === null ? plan.entries : [...plan.entries, version];
    return await this.#proceed(held, happening, { ...plan, entries });
  }

  #proceed(held: HeldPosition, happening: Occurrence, plan: Plan): MaybePromise<HeldPosition | null> {
    // Nothing to record: the next body may start, because what it depends on has been recorded before
    // (INV-9). The position's row follows with the next checkpoint.
    const isKnown = happening.kind === "recorded" || happening.kind === "begun";
    const { move } = plan;
    if (isKnown && move.kind === "advance" && plan.entries.length === 0 && this.#parts.host.serves(move.to.lane)) {
      const moved = movedTo(held, move.to, valueUnder(move.to.inputRef, held, happening));
      // The next of several events is waited for under the same time limit, which the row, left where it was, still has.
      const { armed, due } = move.to.kind === "wait" ? held : moved;
      return { ...moved, armed, due, isAhead: true, isFresh: happening.kind === "begun" && held.isFresh };
    }
    return this.#commit(held, happening, plan);
  }

  #happen(held: HeldPosition): MaybePromise<Happening> {
    if (isDeadline(held.claim)) return lookAtDeadline(this.#parts.store, held);
    const { located } = standpoint(held.flow, held.stand.taskId);
    const { node } = located;
    if (node.kind === "item") return beginItem(this.#parts.store, held);
    if (node.kind === "undo") return lookHowToEnd(this.#parts.store, held);
    if (held.recorded !== null) return this.#readRecorded(held, located, held.recorded);
    // Never early (INV-10): one that was woken too soon sleeps again.
    if (node.kind === "delay")
      return held.due || !held.armed ? { kind: "elapsed" } : sleepOn(this.#parts.store, held, node);
    if (node.kind === "wait") return readWait(this.#parts.store, held, node, isPart(located.container, "event"));
    if (node.kind === "spawn") return lookAtChild(this.#parts.children, held, node);
    if (node.kind === "children") return lookForOpenChildren(this.#parts.store, held);
    return this.#bodies.run(held, located);
  }

  /** What is to be done where a position can't be looked at. */
  async #stumble(held: HeldPosition, error: unknown): Promise<Happening> {
    if (isKeyError(error)) return this.#awaitKey(held, error);
    if (isPassing(error)) throw error;
    // The input can't be read, or a recorded outcome leads nowhere.
    return await this.#bodies.hopeless(held, error);
  }

  #awaitKey(held: HeldPosition, error: unknown): Happening {
    const message = "An encryption key is not available; the task waits for it.";
    this.#parts.ports.logger.warn({ ...atTask(held), error }, message);
    return { kind: "sleep", forMs: KEY_RETRY_MS };
  }

  /** What was recorded must be readable before anything is built on it. */
  async #readRecorded(
    held: HeldPosition,
    located: LocatedNode,
    { outcome, output: bytes }: RecordedOutcome,
  ): Promise<Happening> {
    const { claim, stand, flow, codec } = held;
    const output = await decodeOwned(flow, codec, claim.instanceId, { owner: stand.taskId, bytes });
    if (isPart(located.container, "list")) return await this.#bodies.listedBefore(held, output);
    const { container, node } = located;
    if (node.kind === "continue") return await this.#bodies.continued(held, output, null);
    if (container.kind === "part" && container.role === "event")
      return {
        kind: "recorded",
        decision: await decideAfterEvent(this.#parts.store, held, container.of.node, outcome),
      };
    return { kind: "recorded", decision: decisionOfRecorded(located, stand.taskId, { outcome, output }) };
  }

  #commit(held: HeldPosition, happening: Occurrence, plan: Plan): MaybePromise<HeldPosition | null> {
    let move: MaybePromise<Move>;
    try {
      move = completeMove(this.#parts, held, happening, plan.move);
    } catch (error) {
      return this.#incomplete(held, error);
    }
    if (!isPromiseLike(move)) return this.#write(held, happening, plan, move);
    return Promise.resolve(move).then(
      (completed) => this.#write(held, happening, plan, completed),
      (error: unknown) => this.#incomplete(held, error),
    );
  }

  #write(held: HeldPosition, happening: Occurrence, plan: Plan, move: Move): Promise<HeldPosition | null> {
    const checkpoint: Checkpoint = { claim: held.claim, entries: plan.entries, move, consumes: plan.consumes };
    const { committer, ports } = this.#parts;
    this.#sentAtMs = ports.clock.monotonicMs();
    if (this.#bodies.hasTransaction) return this.#writeInTransaction(held, happening, checkpoint);
    if (isStarting(move)) return this.#writeStart(held, happening, checkpoint, move);
    const follow = (fate: FinalFate): MaybePromise<HeldPosition | null> => this.#follow(held, happening, move, fate);
    return committer
      .commit(checkpoint)
      .then((fate) => (fate.kind === "busy" ? committer.insist(checkpoint).then(follow) : follow(fate)));
  }

  /** What the body has written goes together with the checkpoint, or not at all (INV-16). */
  async #writeInTransaction(
    held: HeldPosition,
    happening: Occurrence,
    checkpoint: Checkpoint,
  ): Promise<HeldPosition | null> {
    const { move } = checkpoint;
    let committed: Committed;
    try {
      committed = await this.#bodies.commit(held, checkpoint);
    } finally {
      unreserve(this.#parts.host, move);
    }
    if ("instead" in committed) return await this.#goOn(held, committed.instead);
    const { fate } = committed;
    // What the body has written was undone with it, so that it has to run again.
    if (fate.kind === "recorded" && (await this.#rebase(held))) return held;
    return fate.kind === "accepted"
      ? await this.#accepted(held, happening, move, fate)
      : await this.#refused(held, move, fate);
  }

  async #writeStart(
    held: HeldPosition,
    happening: Occurrence,
    checkpoint: Checkpoint,
    move: StartingMove,
  ): Promise<HeldPosition | null> {
    let fate: FinalFate;
    try {
      fate = await this.#parts.committer.insist(checkpoint);
    } finally {
      unreserve(this.#parts.host, move);
    }
    return await this.#follow(held, happening, move, fate);
  }

  #follow(held: HeldPosition, happening: Occurrence, move: Move, fate: FinalFate): MaybePromise<HeldPosition | null> {
    if (fate.kind === "accepted") return this.#accepted(held, happening, move, fate);
    if (fate.kind !== "recorded" || held.flow.state === null) return this.#refused(held, move, fate);
    return this.#rebase(held).then((isRebased) =>
      isRebased ? this.#plan(held, happening) : this.#refused(held, move, fate),
    );
  }

  /** Whether somebody else has changed the state meanwhile, and that is why the checkpoint was not written. */
  async #rebase(held: HeldPosition): Promise<boolean> {
    return held.flow.state !== null && (await this.#bodies.state.rebase(held));
  }

  async #refused(
    held: HeldPosition,
    move: Move,
    fate: Exclude<FinalFate, { kind: "accepted" }>,
  ): Promise<HeldPosition | null> {
    switch (fate.kind) {
      case "fenced":
        this.#parts.host.tally.fenced++;
        this.#parts.observer?.({ kind: "fenced", ...atTask(held) });
        return null;
      case "eventGone":
      case "recorded":
        // Somebody else was first, or this very checkpoint was written before and its answer was lost. The row says which, to
        // whoever claims it next: what is recorded stands (INV-3). From a row that stands before, they would come here again.
        if (fate.kind === "recorded" && held.isAhead) return await this.#lookAgain(held);
        return await this.#giveUp(held, false);
      case "refused":
        // The store can't hold this outcome. The instance fails with the reason (INV-15).
        if (move.kind === "fail") throw fate.error;
        return await this.#commitFailure(held, fate.error);
    }
  }

  /** Goes on from what somebody has recorded, who was first. */
  async #lookAgain(held: HeldPosition): Promise<HeldPosition | null> {
    const { taskId } = held.stand;
    const [result] = await this.#parts.store.loadResults(held.claim.instanceId, [taskId]);
    if (result === undefined) return await this.#giveUp(held, false);
    const { outcome, output, decision } = result;
    const again: HeldPosition = { ...held, isFresh: false, recorded: { outcome, output } };
    // It may be what this very checkpoint has recorded. Not by hand, which would end a loop.
    const goesOn = decision === "again" && standpoint(held.flow, taskId).located.node.kind === "loop";
    return goesOn ? await this.#goOn(again, { kind: "recorded", decision: { kind: "again" } }) : again;
  }

  /** The instance's output can't be made of what its last task recorded. */
  async #incomplete(held: HeldPosition, error: unknown): Promise<HeldPosition | null> {
    await this.#bodies.rollback();
    if (isKeyError(error)) return await this.#goOn(held, this.#awaitKey(held, error));
    if (isPassing(error)) throw error;
    return await this.#commitFailure(held, error);
  }

  async #commitFailure(held: HeldPosition, error: unknown): Promise<HeldPosition | null> {
    const occurrence = await this.#bodies.hopeless(held, error);
    return await this.#plan(held, occurrence);
  }

  #accepted(
    held: HeldPosition,
    happening: Occurrence,
    move: Move,
    fate: Extract<CheckpointFate, { kind: "accepted" }>,
  ): MaybePromise<HeldPosition | null> {
    this.#parts.onProgress?.();
    if (held.isAdmitted || (held.flow.limitedBy !== null && isEnd(move))) this.#parts.host.placeFreed();
    if (happening.kind === "overdue") stopOthers(this.#parts, held);
    if (held.flow.state !== null) this.#bodies.state.written(held);
    tellCheckpoint(this.#parts, this.#bodies.error, { held, happening, move, kept: fate.kept });
    for (const granted of fate.granted) {
      const taken = grantedPosition(held, happening, move, granted);
      if (taken !== null) this.#parts.host.take({ ...taken, askedForAtMs: this.#sentAtMs });
    }
    if (fate.interrupt !== null) return this.#settle(held);
    // Whoever waits for this instance, or was started by it, shall hear of its end now.
    if (fate.owes === true) return this.#parts.children.settle().then(() => null);
    if (!fate.kept || !("to" in move)) return null;
    if (happening.kind === "received")
      return { ...held, recorded: { outcome: "completed", output: happening.payload } };
    const moved = movedTo(held, move.to, valueUnder(move.to.inputRef, held, happening));
    if (move.kind !== "await") return happening.kind === "stale" ? { ...moved, isFresh: false } : moved;
    // Its time limit is running from now on, or still.
    const armed = move.timeoutMs === "keep" ? held.armed : move.timeoutMs !== null;
    return { ...moved, armed, isFresh: false };
  }

  async #giveUp(held: HeldPosition, settle: boolean): Promise<null> {
    await this.#parts.releases.add(held.claim);
    if (settle) await this.#settle(held);
    return null;
  }

  async #settle(held: HeldPosition): Promise<null> {
    const { instanceId } = held.claim;
    const status = await this.#parts.store.settleInterrupt(instanceId, held.stand.taskId);
    if (status === "cancelled" || status === "paused")
      this.#parts.observer?.({ kind: "instance_ended", instanceId, status });
    return null;
  }

  /** Leaves the position where it is, for a while. Spends no attempt, records nothing. */
  async #sleep(held: HeldPosition, { forMs, until }: Extract<Happening, { kind: "sleep" }>): Promise<null> {
    const to = standingHere(held.flow, held.stand);
    return await this.#leave(held, { to, wakeAfterMs: forMs, ...(until === undefined ? {} : { wakeAt: until }) });
  }

  /** Leaves the position to whoever takes it next. */
  async #leave({ claim }: HeldPosition, where: Omit<Extract<Move, { kind: "park" }>, "kind">): Promise<null> {
    const move: Move = { kind: "park", ...where };
    await this.#parts.committer.insist({ claim, entries: [], move, consumes: null });
    return null;
  }
}

function isEnd({ kind }: Move): boolean {
  return kind === "complete" || kind === "fail" || kind === "cancel";
}
