import { advance } from "../../src/postgres/queries/advance.ts";
import { awaitEvents } from "../../src/postgres/queries/await-event.ts";
import type { BatchFacts, FateRow, StandingRow } from "../../src/postgres/queries/checkpoint-columns.ts";
import { consumeEvents } from "../../src/postgres/queries/consume-event.ts";
import { endBranches } from "../../src/postgres/queries/end-branch.ts";
import { endInstances } from "../../src/postgres/queries/end-instance.ts";
import { endItems } from "../../src/postgres/queries/end-item.ts";
import { fork } from "../../src/postgres/queries/fork.ts";
import { note } from "../../src/postgres/queries/note.ts";
import { park } from "../../src/postgres/queries/park.ts";
import type { Query } from "../../src/postgres/sql.ts";
import { tablesIn } from "../../src/postgres/tables.ts";
import type { Checkpoint, ClaimRef, Move } from "../../src/snapshot/checkpoint.ts";
import { lanes } from "./crowd.ts";
import { branchAt, bytes, checkpoint, entry, standing } from "./positions.ts";

const tables = tablesIn("waymark");
const facts: BatchFacts = { workerId: "worker-a", leaseMs: 30_000, now: null };

/** Whose positions a checkpoint is for: it is written for the one or the other. */
export interface Batch {
  readonly trunks: readonly ClaimRef[];
  readonly branches: readonly ClaimRef[];
}

const next = standing("third", { inputRef: "second" });
const again = standing("second", { inputRef: "first", attempt: 2 });
const sleep = standing("sleep", { kind: "delay", inputRef: "second" });
const wait = standing("wait", { kind: "wait", event: "paid", inputRef: "second" });
const join = standing("join", { kind: "join", pending: 2, inputRef: "second" });
const output = bytes("1");
const failed = entry("second", { outcome: "failed", output: null, failure: bytes("{}") });

/** Each kind of checkpoint that ends a task of all positions of a batch. "At last": at the second attempt. */
const statements = {
  note: ({ trunks }) => note(tables, ended(trunks, { kind: "note" }), facts),
  advance: ({ trunks }) => advance(tables, standingRows(ended(trunks, { kind: "advance", to: next })), facts),
  "advance at last": ({ trunks }) =>
    advance(tables, standingRows(ended(trunks, { kind: "advance", to: next }, 2)), facts),
  "park for a delay": ({ trunks }) =>
    park(tables, standingRows(ended(trunks, { kind: "park", to: sleep, wakeAfterMs: 60_000 })), facts),
  "park for a retry": ({ trunks }) => {
    const move: Move = { kind: "park", to: again, wakeAfterMs: 1_000 };
    return park(tables, standingRows(trunks.map((claim) => checkpoint(claim, move, [failed]))), facts);
  },
  await: ({ trunks }) =>
    awaitEvents(tables, standingRows(ended(trunks, { kind: "await", to: wait, timeoutMs: null })), facts),
  consume: ({ trunks }) => {
    const checkpoints = ended(trunks, { kind: "advance", to: wait }).map((one) => ({ ...one, consumes: 1n }));
    return consumeEvents(tables, standingRows(checkpoints), facts);
  },
  fork: ({ trunks }) => {
    const starting = ["join/a", "join/b"].map((path) => branchAt(path, `${path}/task`));
    const checkpoints = ended(trunks, { kind: "fork", join, branches: starting });
    return fork(tables, standingRows(checkpoints), branchRows(checkpoints), facts);
  },
  "end of a branch": ({ branches }) => endBranches(tables, ended(branches, { kind: "endBranch", joinPath: "" }), facts),
  "end of an item": ({ branches }) => endItems(tables, ended(branches, { kind: "endItem", joinPath: "" }), facts),
  "end of the instance": ({ trunks }) =>
    endInstances(tables, ended(trunks, { kind: "complete", output, codec: "json" }), facts),
  "end of the instance at last": ({ trunks }) =>
    endInstances(tables, ended(trunks, { kind: "complete", output, codec: "json" }, 2), facts),
} as const satisfies Record<string, (batch: Batch) => Query<FateRow>>;

export type CheckpointName = keyof typeof statements;
export const checkpointNames = Object.keys(statements) as CheckpointName[];

/** The statement that writes such checkpoints for a batch. */
export function checkpointStatement(name: CheckpointName, batch: Batch): Query<FateRow> {
  return statements[name](batch);
}

function ended(claims: readonly ClaimRef[], move: Move, attempt: number = 1): Checkpoint[] {
  return claims.map((claim) => {
    const taskId = claim.path === "" ? "second" : `${claim.path}/task`;
    return checkpoint(claim, move, [entry(taskId, { attempt })]);
  });
}

function standingRows(checkpoints: readonly Checkpoint[]): StandingRow[] {
  return checkpoints.map((one) => {
    const { move } = one;
    if (move.kind === "fork") return { checkpoint: one, to: move.join, lane: lanes.own };
    if (!("to" in move)) throw new TypeError(`A move "${move.kind}" leads nowhere.`);
    return { checkpoint: one, to: move.to, lane: lanes.own };
  });
}

function branchRows(checkpoints: readonly Checkpoint[]): Parameters<typeof fork>[2] {
  return checkpoints.flatMap(({ move }, index) =>
    move.kind === "fork" ? move.branches.map((branch) => ({ idx: index + 1, branch, lane: lanes.own })) : [],
  );
}
