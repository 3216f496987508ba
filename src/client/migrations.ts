import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { MigrationRefusedError } from "../errors/definition-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { spawnsChildren } from "../flow/child-flows.ts";
import { standpoint } from "../flow/continuation.ts";
import { Flow } from "../flow/flow-definition.ts";
import { type InstanceId, kindOf } from "../ids.ts";
import { type DerivedState, UnreadableTrace } from "../snapshot/history-fold.ts";
import { laneOf } from "../snapshot/standing.ts";
import { type Course, stateAt } from "../snapshot/state-at.ts";
import type { StoodPosition } from "../snapshot/stood-position.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState, Migration } from "../store/instance-store.ts";
import { type BulkFilter, type BulkOptions, type BulkResult, type Deed, forMany } from "./bulk.ts";
import { derived, findCourse, readCourse } from "./look-back.ts";

const LIVE = ["in_progress", "paused"] as const;
/** How often an instance is looked at anew that goes on meanwhile. */
const MOST_TRIES = 10;

/** As `Client.migrateMany`. */
export async function migrateMany(
  backend: Backend,
  from: Flow,
  to: Flow,
  filter: BulkFilter,
  options: BulkOptions,
): Promise<BulkResult> {
  checkMigration(from, to);
  const deed: Deed = {
    ...{ name: "a migration", usual: LIVE, possible: LIVE, keys: [] },
    act: (_, id) => migrateOne(backend, from, to, id, false),
    tryOut: (id) => migrateOne(backend, from, to, id, true),
  };
  return await forMany(backend, deed, { flow: from.name, ...filter }, options);
}

/** @throws {InvalidArgumentError} they are no two definitions */
function checkMigration(from: Flow, to: Flow): void {
  for (const [field, flow] of [
    ["from", from],
    ["to", to],
  ] as const) {
    if (!(flow instanceof Flow))
      throw new InvalidArgumentError(field, `must be a built flow, not ${kindOf(flow)}. Did you call .build()?`);
  }
  if (from.hash === to.hash)
    throw new InvalidArgumentError("to", "has the same definition as from: its workers run these instances already.");
}

/**
 * Moves an instance to another definition, if its history so far is one of that definition, too.
 *
 * @returns "unchanged" for a dry run, and where the instance is of another definition
 */
async function migrateOne(
  backend: Backend,
  from: Flow,
  to: Flow,
  instanceId: InstanceId,
  dryRun: boolean,
): Promise<"migrated" | "unchanged"> {
  for (let tries = 1; ; tries++) {
    const state = await backend.findInstance(instanceId);
    if (state === null || state.instance.definitionHash !== from.hash) return "unchanged";
    const migration = await planMigration(backend, from, to, state);
    if (dryRun) return "unchanged";
    try {
      await backend.migrateInstance(migration);
      return "migrated";
    } catch (error) {
      const hasMoved = WaymarkError.is(error) && error.code === "BACKEND_CONFLICT";
      if (!hasMoved || tries === MOST_TRIES) throw error;
    }
  }
}

/** @throws {MigrationRefusedError} it can't be moved */
async function planMigration(backend: Backend, from: Flow, to: Flow, state: InstanceState): Promise<Migration> {
  const { instance, positions } = state;
  const { instanceId } = instance;
  const { codec, course } = await findCourse(backend, from, instanceId);
  const other = await readCourse(backend, to, codec, instance);
  const before = derived(instanceId, () => endOf(from, course));
  const problem = problemWith(to, other, before);
  if (problem !== null) throw new MigrationRefusedError(instanceId, problem);
  return {
    instanceId,
    from: from.hash,
    to: { flow: to.name, definitionHash: to.hash, spawns: spawnsChildren(to) },
    entries: course.trace.length,
    positions: positions.map(({ path, taskId }) => ({
      path,
      taskId,
      tags: laneOf(to, standpoint(to, taskId).located, instance.codec).tags,
    })),
  };
}

/** Why the course is none of the other definition, as the end of a sentence; `null` if it is one. */
function problemWith(to: Flow, course: Course, before: DerivedState): string | null {
  let after: DerivedState;
  try {
    after = endOf(to, course);
  } catch (error) {
    if (error instanceof UnreadableTrace)
      return `entry ${error.sequence} of its history does not fit: ${error.message}`;
    // A task that it does not have.
    if (error instanceof InvalidArgumentError) return error.message;
    throw error;
  }
  const [old, now] = [places(before.positions), places(after.positions)];
  const gone = old.filter((place) => !now.includes(place));
  const come = now.filter((place) => !old.includes(place));
  if (gone.length === 0 && come.length === 0) return null;
  return `it stands at ${gone.join(", ") || "nothing else"}, and would stand at ${come.join(", ") || "nothing else"}`;
}

function endOf(flow: Flow, course: Course): DerivedState {
  return stateAt(flow, course, course.trace.at(-1)?.sequence ?? 0n);
}

/** All that a position is, but what the definition may change under it. */
function places(positions: readonly StoodPosition[]): string[] {
  return positions.map(({ path, taskId, kind, attempt, inputRef, event, pending, items }) => {
    const details = [
      kind === "task" ? [] : [kind],
      path === "" ? [] : [`of "${path}"`],
      event === null ? [] : [`for "${event}"`],
      pending === 0 ? [] : [`with ${pending} to come`],
      items === null ? [] : [`${items.started} of ${items.total} begun, ${items.failed} failed`],
      inputRef === null ? [] : [`after "${inputRef}"`],
    ].flat();
    return `"${taskId}" (${[`attempt ${attempt}`, ...details].join(", ")})`;
  });
}
