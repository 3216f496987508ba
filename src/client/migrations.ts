import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { MigrationRefusedError } from "../errors/definition-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { spawnsChildren } from "../flow/child-flows.ts";
import { standpoint } from "../flow/continuation.ts";
import { Flow } from "../flow/flow-definition.ts";
import { type InstanceId, kindOf } from "../ids.ts";
import type { DerivedState } from "../snapshot/history-fold.ts";
import { laneOf } from "../snapshot/standing.ts";
import type { Backend } from "../store/backend.ts";
import type { InstanceState, Migration } from "../store/instance-store.ts";
import { type BulkFilter, type BulkOptions, type BulkResult, type Deed, forMany } from "./bulk.ts";
import { endOf, type Fit, fitOf } from "./course-fit.ts";
import { derived, type FoundCourse, findCourse, readCourse } from "./look-back.ts";

export const LIVE = ["in_progress", "paused"] as const;
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
export function checkMigration(from: Flow, to: Flow): void {
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
    const migration = await migrationOf(backend, from, to, state);
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
async function migrationOf(backend: Backend, from: Flow, to: Flow, state: InstanceState): Promise<Migration> {
  const { instance, positions } = state;
  const { instanceId } = instance;
  const { course, fit } = await compare(backend, from, to, instanceId);
  if (fit.misfit !== null) throw new MigrationRefusedError(instanceId, fit.misfit.message);
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

/**
 * Follows an instance's history with its own definition and with another.
 *
 * @throws {StateUnknownError} it can't be followed with its own
 */
export async function compare(
  backend: Backend,
  from: Flow,
  to: Flow,
  instanceId: InstanceId,
): Promise<FoundCourse & { readonly before: DerivedState; readonly fit: Fit }> {
  const found = await findCourse(backend, from, instanceId);
  const before = derived(instanceId, () => endOf(from, found.course));
  const other = await readCourse(backend, to, found.codec, found.instance);
  // What has been recorded in between is of no account: where it stands is compared as of then.
  const same = { ...other, trace: found.course.trace };
  return { ...found, before, fit: fitOf(to, same, before.sequence, before.positions) };
}
