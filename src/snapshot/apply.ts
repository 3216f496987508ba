import type { Path, TaskId, WorkerId } from "../ids.ts";
import type { Checkpoint, Collapse, LeaveBranch, Move, NewPosition } from "./checkpoint.ts";
import { DEADLINE_PATH, isDeadline } from "./deadline.ts";
import { takesOneOfSeveral } from "./events.ts";
import type { Interrupt, Position, Standing } from "./position.ts";
import { INTERRUPT_RECHECK_MS, isPendingJoin } from "./position-rules.ts";
import type { Bytes, InstanceRecord } from "./snapshot.ts";
import { type StoodPosition, stoodPositions } from "./stood-position.ts";

/** What a store knows when it applies a checkpoint. Times are milliseconds since the epoch. */
export interface ApplyFacts {
  readonly now: number;
  readonly workerId: WorkerId;
  /** When a claim granted by this checkpoint ends. */
  readonly leaseEnd: number;
  /** Draws a fencing token. */
  nextToken(): bigint;
  /** Whether an event of this name is buffered. */
  hasEvent(name: string): boolean;
}

/** What a checkpoint changes, besides appending its entries. */
export interface Changes {
  readonly upserts: readonly Position[];
  /** The input of the run that begins, in place of the history; `null` where none does. */
  readonly restart: Bytes | null;
  /** "all": the instance has ended. */
  readonly removals: readonly Path[] | "all";
  readonly instance: Partial<Pick<InstanceRecord, "status" | "output" | "failure" | "reason" | "endedAt">> | null;
  /** Whether the worker still holds the position that it moved. */
  readonly kept: boolean;
  readonly interrupt: Interrupt | null;
  /** Positions that the worker now holds besides. */
  readonly granted: readonly Position[];
  /** Where the instance stood, to be kept with it; `null`: nothing is kept that was not before. */
  readonly stood: readonly StoodPosition[] | null;
  /** What was kept before stays, if there is anything; only then, `stood` is kept. */
  readonly staysKept: boolean;
  /** The requests to the instance are gone. */
  readonly clears: boolean;
}

/**
 * What a checkpoint does to the positions of its instance: the reference for every store.
 *
 * @returns `null` if the claim does not hold (INV-5): nothing may be written
 */
export function applyCheckpoint(
  positions: ReadonlyMap<Path, Position>,
  checkpoint: Checkpoint,
  facts: ApplyFacts,
): Changes | null {
  const held = positions.get(checkpoint.claim.path);
  if (held?.claim == null || held.claim.token !== checkpoint.claim.token) return null;
  const { move } = checkpoint;
  switch (move.kind) {
    case "note":
      return change({ upserts: [{ ...held, lost: 0 }], kept: true, interrupt: held.interrupt });
    case "advance":
      // The time limit of a wait goes on while its event is taken: others may be waited for under the same.
      return keep(held, move.to, takesOneOfSeveral(checkpoint) ? held.wakeAt : null, facts);
    case "park":
      return change({ upserts: [park(held, move.to, wakeTime(move, facts), facts)], interrupt: held.interrupt });
    case "await":
      return awaitEvent(held, move, facts);
    case "fork":
      return fork(held, move, facts);
    case "endBranch":
    case "endItem":
      return endBranch(positions, held, move, facts);
    case "leaveBranch":
      return leaveBranch(positions, held, move, facts);
    case "collapse":
      return collapse(positions, held, move, facts);
    case "restart":
      return restart(held, move, facts);
    case "complete":
      return change({ removals: "all", instance: { status: "completed", output: move.output, endedAt: facts.now } });
    case "fail":
      return change({
        removals: "all",
        instance: { status: "failed", failure: move.failure, endedAt: facts.now },
        stood: stoodPositions(positions.values(), held.path, move.to),
        staysKept: move.asKept === true,
      });
    case "cancel":
      if (held.path !== "" && held.interrupt !== "undo") return null;
      return change({
        removals: "all",
        instance: { status: "cancelled", reason: move.reason, endedAt: facts.now },
      });
  }
}

function keep(held: Position, to: Standing, wakeAt: number | null, facts: ApplyFacts): Changes {
  if (held.interrupt !== null)
    return change({ upserts: [interrupted(at(held, to, wakeAt), facts)], interrupt: held.interrupt });
  return change({
    upserts: [{ ...at(held, to, wakeAt), claim: held.claim, availableAt: held.availableAt }],
    kept: true,
  });
}

/** When a position wakes by itself: a time, `null` for never, "now" for at once. */
function wakeTime(
  { wakeAfterMs, wakeAt }: { readonly wakeAfterMs: number | null; readonly wakeAt?: number },
  facts: ApplyFacts,
): number | "now" | null {
  if (wakeAt !== undefined) return wakeAt > facts.now ? Math.ceil(wakeAt) : "now";
  if (wakeAfterMs === null) return null;
  return wakeAfterMs === 0 ? "now" : facts.now + wakeAfterMs;
}

function park(held: Position, to: Standing, wakes: number | "now" | null, facts: ApplyFacts): Position {
  const ready = wakes === "now";
  const wakeAt = ready ? null : wakes;
  const parked = { ...at(held, to, wakeAt), ready, availableAt: ready ? facts.now : wakeAt };
  return held.interrupt === null ? parked : interrupted(parked, facts);
}

function awaitEvent(held: Position, move: Extract<Move, { kind: "await" }>, facts: ApplyFacts): Changes {
  const wakeAt = move.timeoutMs === "keep" ? held.wakeAt : move.timeoutMs === null ? null : facts.now + move.timeoutMs;
  if (move.to.event !== null && facts.hasEvent(move.to.event)) return keep(held, move.to, wakeAt, facts);
  const parked = { ...at(held, move.to, wakeAt), availableAt: wakeAt };
  return change({
    upserts: [held.interrupt === null ? parked : interrupted(parked, facts)],
    interrupt: held.interrupt,
  });
}

function fork(held: Position, move: Extract<Move, { kind: "fork" }>, facts: ApplyFacts): Changes {
  const join: Position = { ...at(held, move.join, null), interrupt: held.interrupt, availableAt: null };
  const branches = move.branches.map((branch) => begin(held, branch, facts));
  return change({
    upserts: [join, ...branches],
    interrupt: held.interrupt,
    granted: branches.filter((branch) => branch.claim !== null),
  });
}

function begin(held: Position, start: NewPosition, facts: ApplyFacts): Position {
  const empty = at(held, start.standing, null, start.path);
  const started = park(empty, start.standing, wakeTime(start, facts), facts);
  return !start.claimed || held.interrupt !== null ? started : claimed(started, facts);
}

function restart(held: Position, move: Extract<Move, { kind: "restart" }>, facts: ApplyFacts): Changes {
  const upserts = move.positions.map((start) => {
    if (!isPendingJoin(start.standing)) return begin(held, start, facts);
    return at(held, start.standing, null, start.path);
  });
  return change({
    upserts,
    restart: move.input,
    interrupt: held.interrupt,
    granted: upserts.filter((position) => position.claim !== null),
  });
}

function collapse(
  positions: ReadonlyMap<Path, Position>,
  held: Position,
  { to, keeps, cancels }: Collapse,
  facts: ApplyFacts,
): Changes | null {
  if (cancels && held.interrupt !== "undo") return null;
  const interrupt = cancels ? null : held.interrupt;
  const slot = positions.get("")?.slot;
  const trunk: Position = { ...at(held, to, null, ""), ...(slot === undefined ? {} : { slot }), interrupt };
  const placed = interrupt === null ? claimed(trunk, facts) : interrupted(trunk, facts);
  // What is undone takes as long as it takes. A request that has been acted on stops nothing any more.
  const deadline = isDeadline(held) || cancels ? positions.get(DEADLINE_PATH) : undefined;
  const nowhere = { ready: false, availableAt: null, wakeAt: null, lost: 0, claim: null };
  return change({
    upserts: deadline === undefined ? [placed] : [placed, { ...deadline, ...nowhere, interrupt }],
    removals: [...positions.keys()].filter((path) => path !== "" && !isDeadline({ path })),
    instance: cancels ? { status: "in_progress" } : null,
    interrupt,
    granted: placed.claim === null ? [] : [placed],
    stood: keeps === null ? null : stoodPositions(positions.values(), held.path, keeps),
    clears: cancels,
  });
}

function endBranch(
  positions: ReadonlyMap<Path, Position>,
  held: Position,
  move: Extract<Move, { kind: "endBranch" | "endItem" }>,
  facts: ApplyFacts,
): Changes | null {
  const join = positions.get(move.joinPath);
  if (join === undefined || !isPendingJoin(join)) return null;
  const counted: Position = { ...join, pending: join.pending - 1 };
  const removals = [held.path];
  if (counted.pending === 0) return closeJoin(counted, removals, facts);
  if (move.kind === "endBranch") return change({ upserts: [counted], removals, interrupt: held.interrupt });
  return nextItem(counted, removals, facts);
}

function leaveBranch(
  positions: ReadonlyMap<Path, Position>,
  held: Position,
  move: LeaveBranch,
  facts: ApplyFacts,
): Changes | null {
  const join = positions.get(move.joinPath);
  if (join === undefined || !isPendingJoin(join)) return null;
  const { items } = join;
  const failed = (items?.failed ?? 0) + (move.mostFailed === null ? 0 : 1);
  const closes = move.closes || (move.mostFailed !== null && failed > move.mostFailed) || join.pending === 1;
  const isGone = closes
    ? (path: Path) => path.startsWith(move.within)
    : (path: Path) => path === move.path || path.startsWith(`${move.path}/`);
  const removals = [...positions.keys()].filter((path) => path !== join.path && (path === held.path || isGone(path)));
  const counted: Position = {
    ...join,
    pending: closes ? 0 : join.pending - 1,
    items: items === null ? null : { ...items, failed },
  };
  return closes ? closeJoin(counted, removals, facts) : nextItem(counted, removals, facts);
}

/** All that it had to wait for has ended: whoever saw to that goes on with it. */
function closeJoin(counted: Position, removals: readonly Path[], facts: ApplyFacts): Changes {
  const closed = counted.interrupt === null ? claimed(counted, facts) : interrupted(counted, facts);
  return change({
    upserts: [closed],
    removals,
    interrupt: counted.interrupt,
    granted: closed.claim === null ? [] : [closed],
  });
}

/** Begins the next item of a map, if one is left, in place of one that has ended. */
function nextItem(join: Position, removals: readonly Path[], facts: ApplyFacts): Changes {
  const { items, interrupt } = join;
  if (items === null || items.started >= items.total) return change({ upserts: [join], removals, interrupt });
  const path = `${join.taskId}[${items.started}]`;
  // It is held from the start, so it stands before no gate; and a place is the trunk's alone.
  const { gate: _gate, limitKey: _limitKey, slot: _slot, ...rest } = join;
  const item: Position = {
    ...rest,
    ...{ path, taskId: `${path}~item`, kind: "task", attempt: 1, inputRef: null, pending: 0, items: null },
    ...{ ready: false, wakeAt: null, lost: 0, claim: null },
  };
  const started = interrupt === null ? claimed(item, facts) : interrupted(item, facts);
  return change({
    upserts: [{ ...join, items: { ...items, started: items.started + 1 } }, started],
    removals,
    interrupt,
    granted: started.claim === null ? [] : [started],
  });
}

/** The position at its new standing, unclaimed and out of reach; callers say more. A place of a limit stays with the trunk. */
function at(held: Position, to: Standing, wakeAt: number | null, path: Path = held.path): Position {
  const { lane, ...standing } = to;
  return {
    ...standing,
    path,
    tags: lane.tags,
    ...(lane.gate === undefined ? {} : { gate: lane.gate }),
    ...(held.slot === undefined || path !== "" ? {} : { slot: held.slot }),
    ready: false,
    availableAt: null,
    wakeAt,
    interrupt: held.interrupt,
    lost: 0,
    claim: null,
  };
}

function claimed(position: Position, facts: ApplyFacts): Position {
  return {
    ...position,
    ready: false,
    availableAt: facts.leaseEnd,
    claim: { workerId: facts.workerId, token: facts.nextToken(), expiresAt: facts.leaseEnd },
  };
}

function interrupted(position: Position, facts: ApplyFacts): Position {
  const availableAt = position.interrupt === "paused" ? null : facts.now + INTERRUPT_RECHECK_MS;
  return { ...position, ready: false, availableAt, claim: null };
}

function change(parts: Partial<Changes>): Changes {
  return {
    upserts: [],
    removals: [],
    instance: null,
    kept: false,
    interrupt: null,
    granted: [],
    restart: null,
    stood: null,
    staysKept: false,
    clears: false,
    ...parts,
  };
}

/** Names of history entries that note a change of the instance rather than a task's outcome. */
export const NOTES: {
  readonly failed: TaskId;
  readonly cancel: TaskId;
  readonly cancelling: TaskId;
  readonly pause: TaskId;
  readonly unpause: TaskId;
  readonly retry: TaskId;
  readonly save: TaskId;
  readonly fork: TaskId;
  readonly migrate: TaskId;
  readonly extend: TaskId;
  readonly continue: TaskId;
} = {
  failed: "$failed",
  cancel: "$cancel",
  cancelling: "$cancelling",
  pause: "$pause",
  unpause: "$unpause",
  retry: "$retry",
  save: "$save",
  fork: "$fork",
  migrate: "$migrate",
  extend: "$extend",
  continue: "$continue",
};
