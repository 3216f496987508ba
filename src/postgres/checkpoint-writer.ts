import { BackendError } from "../errors/backend-errors.ts";
import type { Checkpoint } from "../snapshot/checkpoint.ts";
import type { Lane, Standing } from "../snapshot/position.ts";
import { checkCheckpoints } from "../store/check-checkpoint.ts";
import { checkHolder } from "../store/check-instance.ts";
import type { CheckpointFate } from "../store/position-store.ts";
import { cancel, collapse, leaveBranch, leaveBranchIn } from "./branch-leaver.ts";
import type { Session } from "./database.ts";
import { failInstance } from "./instance-control.ts";
import { advance } from "./queries/advance.ts";
import { type AwaitFateRow, awaitEvents } from "./queries/await-event.ts";
import { ensureMailbox } from "./queries/change-instance.ts";
import type { BatchFacts, BranchRow, FateRow, StandingRow } from "./queries/checkpoint-columns.ts";
import { type ConsumeFateRow, consumeEvents } from "./queries/consume-event.ts";
import { type EndBranchFateRow, endBranches } from "./queries/end-branch.ts";
import { type EndFateRow, endInstances } from "./queries/end-instance.ts";
import { endItems } from "./queries/end-item.ts";
import { type ForkFateRow, fork } from "./queries/fork.ts";
import { note } from "./queries/note.ts";
import { park } from "./queries/park.ts";
import { restart } from "./restart.ts";
import type { Query } from "./sql.ts";
import { isUniqueViolation } from "./sqlstate.ts";
import type { StoreContext } from "./store-context.ts";

const LONE_SHAPES = ["leaveBranch", "collapse", "restart", "failBranch", "cancel"] as const;

/** Which statement writes a checkpoint. Each checkpoint is in exactly one. */
type Shape = BatchShape | LoneShape;
/** What takes more than one statement. */
type LoneShape = (typeof LONE_SHAPES)[number];
type BatchShape = "note" | "advance" | "consume" | "park" | "await" | "fork" | "endBranch" | "endItem" | "endInstance";

type AnyFateRow = FateRow & Partial<AwaitFateRow & ConsumeFateRow & ForkFateRow & EndBranchFateRow & EndFateRow>;

interface Holder {
  readonly workerId: string;
  readonly leaseMs: number;
}

/** Writes batches of checkpoints: one statement a shape, shapes side by side, every row's fate its own. */
export class CheckpointWriter {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async write(checkpoints: readonly Checkpoint[], holder: Holder): Promise<readonly CheckpointFate[]> {
    checkCheckpoints(checkpoints);
    checkHolder(holder);
    await this.#context.lanes.resolve(lanesOf(checkpoints));
    const fates = new Map<Checkpoint, CheckpointFate>();
    // A statement must not touch a row twice, so a second checkpoint of the same position waits its turn.
    for (let rest = checkpoints; rest.length > 0; ) {
      const { first, later } = splitRepeated(rest);
      await Promise.all(Array.from(byShape(first), ([shape, group]) => this.#writeShape(shape, group, holder, fates)));
      rest = later;
    }
    return checkpoints.map((checkpoint) => fates.get(checkpoint) ?? { kind: "fenced" });
  }

  /**
   * Writes one checkpoint inside of a transaction. If it is not accepted, or refused, the transaction has to be rolled back.
   *
   * @throws {BackendError} the statement failed for reasons that may pass
   */
  async writeIn(tx: Session, checkpoint: Checkpoint, holder: Holder): Promise<CheckpointFate> {
    const group = [checkpoint];
    checkCheckpoints(group);
    checkHolder(holder);
    // Not in the transaction: the number is remembered here, also if that is rolled back.
    await this.#context.lanes.resolve(lanesOf(group));
    const shape = shapeOf(checkpoint);
    if (shape === "failBranch" || shape === "collapse" || shape === "restart" || shape === "cancel")
      throw new TypeError("What ends more than a task is not written in its transaction.");
    try {
      if (shape === "leaveBranch") return await leaveBranchIn(this.#context, tx, checkpoint, holder);
      const [row] = await tx.run(`checkpoint-${shape}`, this.#statement(shape, group, holder));
      if (row === undefined) return { kind: "fenced" };
      if (row.mailbox_missing === true) this.#makeMailbox(checkpoint);
      return fateFromRow(shape, row);
    } catch (error) {
      if (error instanceof BackendError && error.code === "BACKEND_BUG") return fateOfRefused(error);
      throw error;
    }
  }

  async #writeShape(
    shape: Shape,
    group: readonly Checkpoint[],
    holder: Holder,
    fates: Map<Checkpoint, CheckpointFate>,
  ): Promise<void> {
    const { db } = this.#context;
    if (isLone(shape)) {
      await Promise.all(
        group.map(async (checkpoint) => fates.set(checkpoint, await this.#writeAlone(shape, checkpoint, holder))),
      );
      return;
    }
    let rows: AnyFateRow[];
    try {
      rows = await db.run(`checkpoint-${shape}`, this.#statement(shape, group, holder));
    } catch (error) {
      if (!(error instanceof BackendError) || error.code !== "BACKEND_BUG") throw error;
      // One row is at fault and has taken the others with it: halve until it stands alone.
      const middle = Math.ceil(group.length / 2);
      if (group.length === 1) {
        for (const checkpoint of group) fates.set(checkpoint, fateOfRefused(error));
        return;
      }
      await this.#writeShape(shape, group.slice(0, middle), holder, fates);
      await this.#writeShape(shape, group.slice(middle), holder, fates);
      return;
    }
    for (const row of rows) {
      const checkpoint = group[row.idx - 1];
      if (checkpoint === undefined) continue;
      fates.set(checkpoint, fateFromRow(shape, row));
      if (row.mailbox_missing === true) this.#makeMailbox(checkpoint);
    }
  }

  async #writeAlone(shape: LoneShape, checkpoint: Checkpoint, holder: Holder): Promise<CheckpointFate> {
    switch (shape) {
      case "leaveBranch":
        return await leaveBranch(this.#context, checkpoint, holder);
      case "collapse":
        return await collapse(this.#context, checkpoint, holder);
      case "restart":
        return await restart(this.#context, checkpoint, holder);
      case "cancel":
        return await cancel(this.#context, checkpoint, holder);
      case "failBranch":
        return await failInstance(this.#context, checkpoint, holder.workerId);
    }
  }

  #statement(shape: BatchShape, group: readonly Checkpoint[], holder: Holder): Query<AnyFateRow> {
    const { tables } = this.#context;
    const facts: BatchFacts = { ...holder, now: this.#context.now() };
    switch (shape) {
      case "note":
        return note(tables, group, facts);
      case "advance":
        return advance(tables, this.#standingRows(group), facts);
      case "consume":
        return consumeEvents(tables, this.#standingRows(group), facts);
      case "park":
        return park(tables, this.#standingRows(group), facts);
      case "await":
        return awaitEvents(tables, this.#standingRows(group), facts);
      case "fork":
        return fork(tables, this.#standingRows(group), this.#branchRows(group), facts);
      case "endBranch":
        return endBranches(tables, group, facts);
      case "endItem":
        return endItems(tables, group, facts);
      case "endInstance":
        return endInstances(tables, group, facts);
    }
  }

  #standingRows(group: readonly Checkpoint[]): StandingRow[] {
    return group.map((checkpoint) => {
      const to = standingOf(checkpoint);
      return { checkpoint, to, lane: this.#context.lanes.numberOf(to.lane) };
    });
  }

  #branchRows(group: readonly Checkpoint[]): BranchRow[] {
    return group.flatMap(({ move }, index) =>
      move.kind !== "fork"
        ? []
        : move.branches.map((branch) => ({
            idx: index + 1,
            branch,
            lane: this.#context.lanes.numberOf(branch.standing.lane),
          })),
    );
  }

  /** Not awaited: a sender's open transaction may be in the way, which must not hold up the batch. */
  #makeMailbox({ claim }: Checkpoint): void {
    this.#context.db.run("ensure-mailbox", ensureMailbox(this.#context.tables, claim.instanceId)).catch(() => {
      // The checkpoint is tried again anyway, and finds out then.
    });
  }
}

function byShape(checkpoints: readonly Checkpoint[]): Map<Shape, Checkpoint[]> {
  const groups = new Map<Shape, Checkpoint[]>();
  for (const checkpoint of checkpoints) {
    const shape = shapeOf(checkpoint);
    const group = groups.get(shape);
    if (group === undefined) groups.set(shape, [checkpoint]);
    else group.push(checkpoint);
  }
  return groups;
}

function shapeOf({ move, claim, consumes }: Checkpoint): Shape {
  switch (move.kind) {
    case "advance":
      return consumes === null ? "advance" : "consume";
    case "complete":
      return "endInstance";
    case "fail":
      return claim.path === "" ? "endInstance" : "failBranch";
    case "note":
    case "park":
    case "await":
    case "fork":
    case "endBranch":
    case "endItem":
    case "leaveBranch":
    case "collapse":
    case "restart":
    case "cancel":
      return move.kind;
  }
}

function isLone(shape: Shape): shape is LoneShape {
  return (LONE_SHAPES as readonly Shape[]).includes(shape);
}

function standingOf({ move }: Checkpoint): Standing {
  switch (move.kind) {
    case "advance":
    case "park":
    case "await":
      return move.to;
    case "fork":
      return move.join;
    case "note":
    case "endBranch":
    case "endItem":
    case "leaveBranch":
    case "collapse":
    case "restart":
    case "complete":
    case "fail":
    case "cancel":
      throw new TypeError(`A move "${move.kind}" leads nowhere.`);
  }
}

function* lanesOf(checkpoints: readonly Checkpoint[]): Iterable<Lane> {
  for (const { move } of checkpoints) {
    if (move.kind === "fork") {
      yield move.join.lane;
      for (const branch of move.branches) yield branch.standing.lane;
    } else if (move.kind === "restart") {
      for (const position of move.positions) yield position.standing.lane;
    } else if ("to" in move) {
      yield move.to.lane;
    }
  }
}

function splitRepeated(checkpoints: readonly Checkpoint[]): {
  first: readonly Checkpoint[];
  later: readonly Checkpoint[];
} {
  const seen = new Set<string>();
  const later: Checkpoint[] = [];
  const first = checkpoints.filter((checkpoint) => {
    const key = `${checkpoint.claim.instanceId}\n${checkpoint.claim.path}`;
    if (seen.has(key)) later.push(checkpoint);
    else return seen.add(key);
    return false;
  });
  return { first, later };
}

function fateFromRow(shape: Shape, row: AnyFateRow): CheckpointFate {
  if (!row.accepted) {
    if (row.recorded) return { kind: "recorded" };
    if (row.busy) return { kind: "busy" };
    return row.taken === false ? { kind: "eventGone" } : { kind: "fenced" };
  }
  const granted = (row.granted ?? []).map(({ path, token }) => ({ path, token: BigInt(token) }));
  if (row.granted_path != null && row.granted_token != null) {
    granted.push({ path: row.granted_path, token: BigInt(row.granted_token) });
  }
  const { interrupt } = row;
  const keeps = shape === "advance" || shape === "consume" || (shape === "await" && row.stayed === true);
  // A note moves nothing on, so that nothing is stopped.
  const kept = shape === "note" || (keeps && interrupt === null);
  return { kind: "accepted", kept, interrupt, granted, ...(row.owes === true ? { owes: true } : {}) };
}

function fateOfRefused(error: BackendError): CheckpointFate {
  if (isUniqueViolation(error) && error.constraint === "checkpoints_pkey") return { kind: "recorded" };
  return { kind: "refused", error };
}
