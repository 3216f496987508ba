import type { InstanceId } from "../ids.ts";
import type { Checkpoint, NewPosition } from "../snapshot/checkpoint.ts";
import { isDeadline, type NewDeadline } from "../snapshot/deadline.ts";
import type { Lane } from "../snapshot/position.ts";
import type { ChildFate, NewChild } from "./child-store.ts";
import type { ControlOutcome, CreatedInstance, NewInstance } from "./instance-store.ts";
import type { CheckpointFate } from "./position-store.ts";
import type { InstanceEnd } from "./wakeup.ts";

/** Takes hints of what a store's calls have brought about, and passes them on to who listens. */
export interface HintSink {
  /** `lanes`: of the positions, one each; `null` if they are not known. */
  ready(lanes: readonly Lane[] | null): void;
  due(afterMs: number): void;
  ended(ends: readonly InstanceEnd[]): void;
  interrupted(): void;
}

/** What new instances are a reason for. */
export function hintCreated(
  sink: HintSink,
  instances: readonly NewInstance[],
  created: readonly CreatedInstance[],
): void {
  const ready: Lane[] = [];
  for (const [index, instance] of instances.entries()) {
    if (created[index]?.created !== true) continue;
    addReady(ready, instance.positions);
    for (const { wakeAfterMs } of instance.positions)
      if (wakeAfterMs !== null && wakeAfterMs > 0) sink.due(wakeAfterMs);
    hintDeadline(sink, instance.deadline);
  }
  if (ready.length > 0) sink.ready(ready);
}

/** What a new deadline is a reason for. One that is given as a time is found by looking. */
export function hintDeadline(sink: HintSink, deadline: NewDeadline | null): void {
  if (deadline !== null && deadline.afterMs !== null) sink.due(deadline.afterMs);
}

/** What new children are a reason for. */
export function hintChildren(sink: HintSink, children: readonly NewChild[], fates: readonly ChildFate[]): void {
  const instances = children.map(({ instance }) => instance);
  const created = instances.map(({ instanceId }, index) => {
    return { instanceId, created: fates[index] === "created", granted: [] };
  });
  hintCreated(sink, instances, created);
}

/** What a batch of checkpoints is a reason for. */
export function hintCommitted(
  sink: HintSink,
  checkpoints: readonly Checkpoint[],
  fates: readonly CheckpointFate[],
): void {
  const ready: Lane[] = [];
  const ended: InstanceEnd[] = [];
  for (const [index, { move, claim }] of checkpoints.entries()) {
    if (fates[index]?.kind !== "accepted") continue;
    const { instanceId } = claim;
    if (move.kind === "complete") ended.push({ instanceId, output: { bytes: move.output, codec: move.codec } });
    else if (move.kind === "fail") ended.push({ instanceId, output: null });
    else if (move.kind === "cancel") hintTerminated(sink, instanceId);
    else if (move.kind === "park" && move.wakeAfterMs === 0) ready.push(move.to.lane);
    else if (move.kind === "fork") addReady(ready, move.branches);
    else if (move.kind === "restart") addReady(ready, move.positions);
    // Whoever runs what it has left behind shall hear of it soon.
    if (move.kind === "leaveBranch" || move.kind === "collapse" || (move.kind === "fail" && isDeadline(claim)))
      sink.interrupted();
  }
  if (ready.length > 0) sink.ready(ready);
  if (ended.length > 0) sink.ended(ended);
}

function addReady(ready: Lane[], positions: readonly NewPosition[]): void {
  for (const { claimed, wakeAfterMs, standing } of positions) {
    if (!claimed && wakeAfterMs === 0) ready.push(standing.lane);
  }
}

/** What an end that nobody was asked about is a reason for: whoever runs the instance shall hear of it soon. */
export function hintTerminated(sink: HintSink, instanceId: InstanceId): void {
  sink.interrupted();
  sink.ended([{ instanceId, output: null }]);
}

/** What a request to an instance is a reason for. */
export function hintControlled(
  sink: HintSink,
  instanceId: InstanceId,
  kind: "cancel" | "pause",
  outcome: ControlOutcome,
): void {
  if (outcome === "requested") {
    sink.interrupted();
    // What nobody holds has come up.
    sink.due(0);
  } else if (outcome === "applied" && kind === "cancel") sink.ended([{ instanceId, output: null }]);
}
