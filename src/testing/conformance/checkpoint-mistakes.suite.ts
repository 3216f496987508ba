import { expect } from "vitest";
import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import type { Standing } from "../../snapshot/position.ts";
import { aCheckpoint, aNewPosition, anEntry, aStanding, bytesOf } from "../builders.ts";
import { expectRefusal } from "./errors.ts";
import { holder } from "./given.ts";
import type { ConformanceTest, ConformanceTests } from "./suite.ts";

const LEAVE = { kind: "leaveBranch", path: "both/a", joinPath: "", within: "both/", closes: false, mostFailed: null };

function forkInto(join: Partial<Standing> | { items: unknown }): unknown {
  const items = { total: 1, started: 1, failed: 0 };
  return {
    kind: "fork",
    join: { ...aStanding({ taskId: "resize", kind: "join", pending: 1, items }), ...join },
    branches: [aNewPosition({ path: "resize[0]" })],
  };
}

/** What is wrong with a checkpoint. */
const MISTAKES: Readonly<Record<string, Partial<Record<keyof Checkpoint, unknown>>>> = {
  "an unknown kind of move": { move: { kind: "jump" } },
  "no move": { move: undefined },
  "an advance to nowhere": { move: { kind: "advance" } },
  "an output that is text": { move: { kind: "complete", output: "2", codec: "json" } },
  "an output of no codec": { move: { kind: "complete", output: bytesOf("2") } },
  "no failure": { move: { kind: "fail" } },
  "a failure that leads nowhere": { move: { kind: "fail", failure: bytesOf("3") } },
  "a failure at a join that waits for branches": {
    move: { kind: "fail", failure: bytesOf("3"), to: aStanding({ kind: "join", pending: 1 }) },
  },
  "a path that is no text": { move: { kind: "endBranch", joinPath: 7 } },
  "an item that ends at no join": { move: { kind: "endItem" } },
  "an item that ends at a join whose path is no text": { move: { kind: "endItem", joinPath: 7 } },
  "a branch that is left at no join": { move: { ...LEAVE, joinPath: undefined } },
  "a branch without a path": { move: { ...LEAVE, path: "" } },
  "a branch whose path is no text": { move: { ...LEAVE, path: 7 } },
  "a branch within nothing": { move: { ...LEAVE, within: "" } },
  "a branch within what is no text": { move: { ...LEAVE, within: 7 } },
  "a branch that is not within what it is said to be within": { move: { ...LEAVE, within: "bath/" } },
  "a branch within what does not end where a name begins": { move: { ...LEAVE, within: "both" } },
  "a branch that may close": { move: { ...LEAVE, closes: "yes" } },
  "a branch that does not say whether it closes": { move: { ...LEAVE, closes: undefined } },
  "fewer failures than none": { move: { ...LEAVE, mostFailed: -1 } },
  "half a failure": { move: { ...LEAVE, mostFailed: 0.5 } },
  "no number of failures": { move: { ...LEAVE, mostFailed: undefined } },
  "items that are no object": { move: forkInto({ items: 7 }) },
  "items of what is no join": {
    move: { kind: "advance", to: aStanding({ items: { total: 1, started: 1, failed: 0 } }) },
  },
  "items that are not said to be none": { move: { kind: "advance", to: { ...aStanding(), items: undefined } } },
  "more items to end than there are": { move: forkInto({ pending: 2 }) },
  "more items begun than there are": { move: forkInto({ items: { total: 1, started: 2, failed: 0 } }) },
  "no item begun": { move: forkInto({ items: { total: 1, started: 0, failed: 0 } }) },
  "more items failed than there are": { move: forkInto({ items: { total: 1, started: 1, failed: 2 } }) },
  "a time to wake that is no number": {
    move: { kind: "park", to: aStanding(), wakeAfterMs: null, wakeAt: "tomorrow" },
  },
  "a time to wake that no clock shows": {
    move: { kind: "park", to: aStanding(), wakeAfterMs: null, wakeAt: Infinity },
  },
  "an entry of attempt 0": { entries: [anEntry({ attempt: 0 })] },
  "an entry without a task id": { entries: [anEntry({ taskId: "" })] },
  "an entry with an unknown outcome": { entries: [{ ...anEntry(), outcome: "done" }] },
  "an entry whose output is text": { entries: [{ ...anEntry(), output: "2" }] },
  "two entries of one task": { entries: [anEntry(), anEntry({ attempt: 2 })] },
  "entries that are no array": { entries: {} },
  "an event consumed by the end of an instance": { consumes: 1n },
  "an event's number that is no bigint": { consumes: 1 },
  "a token that is no bigint": { claim: { instanceId: "order-1", path: "", token: 1 } },
};

export const checkpointMistakesTests: ConformanceTests = Object.fromEntries(
  Object.entries(MISTAKES).map(([what, parts]): [string, ConformanceTest] => [
    `refuses ${what}, before anything is written`,
    async ({ backend, given }) => {
      const claim = await given.held();
      const good = await given.held({ instanceId: "order-2" });
      const wrong = { ...aCheckpoint(claim), ...parts } as Checkpoint;

      await expectRefusal(backend.commitCheckpoints([aCheckpoint(good), wrong], holder), "INVALID_ARGUMENT");

      expect(await given.historyOf("order-1")).toEqual([]);
      expect(await given.historyOf("order-2")).toEqual([]);
    },
  ]),
);

export const refusedTests: ConformanceTests = {
  "refuses for good a fork onto a path where something stands, and changes nothing": async ({ given }) => {
    const { branches } = await given.forked(["a", "b"]);
    const before = await given.seen("order-1");
    const move = {
      ...given.forkMove("inner", ["x"]),
      branches: [aNewPosition({ path: "both/b", standing: given.standing({ taskId: "x" }) })],
    };

    expect(await given.commit(aCheckpoint(branches["a"]!, { move, entries: [] }))).toMatchObject({
      kind: "refused",
      error: { code: "BACKEND_BUG" },
    });
    expect(await given.seen("order-1")).toEqual(before);
  },

  "writes nothing where the join to be counted down does not exist": async ({ given }) => {
    const claim = await given.held();
    const before = await given.seen("order-1");

    expect(await given.commit(aCheckpoint(claim, { move: { kind: "endBranch", joinPath: "elsewhere" } }))).toEqual({
      kind: "fenced",
    });
    expect(await given.seen("order-1")).toEqual(before);
  },
};
