import type { Flow } from "../flow/flow-definition.ts";
import type { Path } from "../ids.ts";
import { type ApplyFacts, applyCheckpoint, type Changes } from "./apply.ts";
import type { Move } from "./checkpoint.ts";
import type { Occurrence } from "./occurrence.ts";
import { planNext } from "./plan.ts";
import type { Position } from "./position.ts";
import { isRecordedKind, type NewEntry, type Snapshot, type TaskResult } from "./snapshot.ts";

/** What a transition does besides changing the snapshot. */
export interface Effects {
  /** What is appended to the history. */
  readonly entries: readonly NewEntry[];
  /** Whether the worker still holds the position that it moved. */
  readonly kept: boolean;
  /** Positions that the worker now holds besides. */
  readonly granted: readonly Position[];
}

/**
 * The state after `occurrence` has happened to the claimed position at `path`: plan and application in
 * one, on an immutable snapshot. Pure: equal arguments, equal results.
 *
 * Stores do the same in place, a row at a time; the conformance suites hold them to it.
 *
 * @returns `null` if nobody holds the position
 */
export function transition(
  flow: Flow,
  snapshot: Snapshot,
  path: Path,
  occurrence: Occurrence,
  facts: ApplyFacts,
): { readonly snapshot: Snapshot; readonly effects: Effects } | null {
  const positions = new Map(snapshot.positions.map((position) => [position.path, position]));
  const held = positions.get(path);
  if (held?.claim == null) return null;
  const { taskId, attempt, inputRef } = held;
  const stand = { path, taskId, attempt, inputRef, instancePriority: snapshot.priority, codec: snapshot.codec };
  const plan = planNext(flow, stand, occurrence);
  const results = [...snapshot.results, ...plan.entries.flatMap(resultFrom)];
  const move: Move =
    plan.move.kind === "complete"
      ? { kind: "complete", output: valueOf(snapshot, results, plan.move.outputRef), codec: snapshot.codec }
      : plan.move;
  const claim = { instanceId: snapshot.instanceId, path, token: held.claim.token };
  const changes = applyCheckpoint(positions, { claim, entries: plan.entries, move, consumes: plan.consumes }, facts);
  if (changes === null) return null;
  const { restart } = changes;
  const next = restart === null ? { results } : { results: [], input: restart, run: snapshot.run + 1 };
  return {
    snapshot: { ...snapshot, ...changes.instance, ...next, positions: positionsAfter(positions, changes) },
    effects: { entries: plan.entries, kept: changes.kept, granted: changes.granted },
  };
}

function positionsAfter(positions: ReadonlyMap<Path, Position>, changes: Changes): readonly Position[] {
  if (changes.removals === "all") return [];
  const next = new Map(positions);
  for (const path of changes.removals) next.delete(path);
  for (const position of changes.upserts) next.set(position.path, position);
  return [...next.values()];
}

function resultFrom(entry: NewEntry): TaskResult[] {
  const { taskId, kind, outcome, output, outputRef, failure, decision } = entry;
  return isRecordedKind(outcome) ? [{ taskId, kind, outcome, output, outputRef, failure, decision }] : [];
}

/** The bytes recorded under a reference; where nothing was (a timed-out wait, a task that was skipped) they are empty. */
function valueOf(snapshot: Snapshot, results: readonly TaskResult[], ref: string | null): Uint8Array {
  if (ref === null) return snapshot.input;
  return results.find((result) => result.taskId === ref)?.output ?? new Uint8Array();
}
