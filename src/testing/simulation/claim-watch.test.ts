import { describe, expect, test } from "vitest";
import type { InstanceId, Path, TaskId } from "../../ids.ts";
import type { Checkpoint } from "../../snapshot/checkpoint.ts";
import type { CheckpointFate, ClaimedPosition } from "../../store/position-store.ts";
import { ClaimWatch } from "./claim-watch.ts";

function watched(): { readonly watch: ClaimWatch; readonly problems: string[]; readonly reached: string[] } {
  const [problems, reached]: [string[], string[]] = [[], []];
  const watch = new ClaimWatch(
    (problem) => problems.push(problem),
    (name) => reached.push(name),
  );
  return { watch, problems, reached };
}

const at = (token: bigint): ClaimedPosition =>
  ({ instanceId: "i" as InstanceId, path: "" as Path, token, lost: 0, recorded: null }) as unknown as ClaimedPosition;
const checkpoint = (token: bigint): Checkpoint =>
  ({
    claim: { instanceId: "i" as InstanceId, path: "" as Path, token },
    move: { kind: "advance" },
    taskId: "t" as TaskId,
  }) as unknown as Checkpoint;
const accepted: CheckpointFate = { kind: "accepted", kept: true, interrupt: null, granted: [] };

describe("ClaimWatch", () => {
  test("has nothing to say of claims that follow each other", () => {
    const { watch, problems, reached } = watched();
    watch.claimed([at(1n)]);
    watch.committed([checkpoint(1n)], [accepted]);
    watch.claimed([at(2n)]);
    watch.committed([checkpoint(1n), checkpoint(2n)], [{ kind: "fenced" }, accepted]);
    expect(problems).toEqual([]);
    expect(reached).toEqual(["move advance", "checkpoint fenced", "move advance"]);
  });

  test("complains of a token that was used before", () => {
    const { watch, problems } = watched();
    watch.claimed([at(2n)]);
    watch.claimed([at(2n)]);
    expect(problems.join()).toContain("INV-6");
  });

  test("complains of a checkpoint that is accepted with an old token, and of one without a fate", () => {
    const { watch, problems } = watched();
    watch.claimed([at(1n)]);
    watch.claimed([at(2n)]);
    watch.committed([checkpoint(1n), checkpoint(2n)], [accepted]);
    expect(problems.join()).toContain("INV-5");
    expect(problems.join()).toContain("No fate");
  });
});
