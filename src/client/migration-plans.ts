import { checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { type ErrorCode, WaymarkError } from "../errors/waymark-error.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { type NodeNames, Renaming } from "../flow/renaming.ts";
import type { InstanceId } from "../ids.ts";
import type { StoodPosition } from "../snapshot/stood-position.ts";
import { requireRecord } from "../store/argument-shapes.ts";
import type { Backend } from "../store/backend.ts";
import { checkFilter } from "../store/check-instance.ts";
import type { InstanceState } from "../store/instance-store.ts";
import type { Misfit } from "./course-fit.ts";
import { translate } from "./fork-target.ts";
import type { ListFilter } from "./instance-summary.ts";
import type { PastPosition } from "./look-back.ts";
import { checkMigration, compare, LIVE } from "./migrations.ts";

/** How `planMigration` compares. */
export interface MigrationPlanOptions {
  /** What nodes of the old definition are called in the new one, by address: `{ "payment/charge": "payment/collect" }`. Default: as before. */
  readonly map?: NodeNames;
}

/** What keeps an instance from being moved. `message` says it as the end of a sentence. */
export type MigrationObstacle =
  | Misfit
  /** Somebody is running it just now: pause it, or try again later. */
  | { readonly kind: "held"; readonly message: string }
  /** Its history fits, under other names: it can't be moved, since names that are recorded stay, but be forked. */
  | { readonly kind: "renamed"; readonly message: string }
  /** Its history can't be followed: `code` says why. */
  | { readonly kind: "unreadable"; readonly code: ErrorCode; readonly message: string };

/** Whether and how one instance could go on by another definition. */
export interface PlannedMigration {
  readonly instanceId: InstanceId;
  /**
   * "move": `migrateMany` can move it as it stands. "fork": it can't be moved, but `fork` with `to` and the same `map` can make
   * a new instance that goes on from where this one stands. "none": neither.
   */
  readonly way: "move" | "fork" | "none";
  /** The last entry of its history, from which to fork; 0 if there is none. */
  readonly sequence: bigint;
  /** Where it stands, by path. */
  readonly stands: readonly PastPosition[];
  /** Where it would stand; `null` where its history does not fit. */
  readonly wouldStand: readonly PastPosition[] | null;
  /** `null` if it can be moved. */
  readonly obstacle: MigrationObstacle | null;
}

export interface MigrationPlanPage {
  /** The live instances of the old definition among a page of what fits the filter; in code-point order of ids. */
  readonly instances: readonly PlannedMigration[];
  /** Pass it as `after` for the next page; `null` if this was the last one. */
  readonly next: InstanceId | null;
}

const FILTER_KEYS = ["flow", "status", "idPrefix", "tags", "labels", "after", "limit"];
const DEFAULT_PAGE = 100;

/** As `Client.planMigration`. */
export async function planMigrations(
  backend: Backend,
  from: Flow,
  to: Flow,
  filter: ListFilter,
  options: MigrationPlanOptions,
): Promise<MigrationPlanPage> {
  checkMigration(from, to);
  checkOptions(filter, FILTER_KEYS, "filter");
  checkFilter(filter);
  checkOptions(options, ["map"]);
  const { limit = DEFAULT_PAGE, status = LIVE } = filter;
  const ended = status.find((one) => one !== "in_progress" && one !== "paused");
  if (ended !== undefined)
    throw new InvalidArgumentError("filter.status", `must be "in_progress" or "paused"; "${ended}" can't be moved.`);
  const { map = {} } = options;
  const renaming = new Renaming(from, to, requireRecord(map, "options.map") as NodeNames, "options.map");
  const ids = await backend.listInstanceIds({ flow: from.name, ...filter, status, limit });
  const instances: PlannedMigration[] = [];
  for (const id of ids) {
    const planned = await planOne(backend, { from, to, renaming }, id);
    if (planned !== null) instances.push(planned);
  }
  return { instances, next: ids.length < limit ? null : (ids.at(-1) ?? null) };
}

/** `null` if it is gone, has ended, or has another definition. */
async function planOne(
  backend: Backend,
  { from, to, renaming }: { readonly from: Flow; readonly to: Flow; readonly renaming: Renaming },
  instanceId: InstanceId,
): Promise<PlannedMigration | null> {
  const state = await backend.findInstance(instanceId);
  if (
    state === null ||
    state.instance.definitionHash !== from.hash ||
    !LIVE.some((one) => one === state.instance.status)
  )
    return null;
  const unknown = { instanceId, sequence: 0n, stands: shown(state.positions), wouldStand: null };
  try {
    const { course, before, fit } = await compare(backend, from, to, instanceId);
    const known = { instanceId, sequence: before.sequence, stands: shown(before.positions) };
    const found = { ...known, wouldStand: fit.after === null ? null : shown(fit.after.positions) };
    if (fit.misfit === null) {
      const held = heldIn(state);
      return { ...found, way: held === null ? "move" : "none", obstacle: held };
    }
    const translation = translate(to, renaming, course, before);
    if (translation.fit.misfit !== null) {
      const { after, misfit } = translation.fit;
      return { ...known, wouldStand: after === null ? null : shown(after.positions), way: "none", obstacle: misfit };
    }
    const message = "its history has names that are others in the new definition";
    const wouldStand = shown(translation.fit.after?.positions ?? []);
    return { ...known, wouldStand, way: "fork", obstacle: { kind: "renamed", message } };
  } catch (error) {
    if (WaymarkError.is(error) && GONE.has(error.code)) return null;
    if (!WaymarkError.is(error) || !UNREADABLE.has(error.code)) throw error;
    const obstacle = { kind: "unreadable", code: error.code, message: error.message } as const;
    return { ...unknown, way: "none", obstacle };
  }
}

/** What others may have done to it meanwhile. */
const GONE: ReadonlySet<ErrorCode> = new Set(["INSTANCE_NOT_FOUND", "DEFINITION_MISMATCH"]);
/** What is the matter with one instance, and no reason to end the call. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set(["STATE_UNKNOWN", "CODEC_UNKNOWN", "CODEC_DECODE"]);

function heldIn({ positions, now }: InstanceState): MigrationObstacle | null {
  const isHeld = positions.some(({ claim }) => claim !== null && (claim.expiresAt === null || claim.expiresAt > now));
  return isHeld ? { kind: "held", message: "somebody is running it just now" } : null;
}

function shown(positions: readonly (StoodPosition | InstanceState["positions"][number])[]): PastPosition[] {
  return positions.map(({ taskId, path, attempt, kind }) => ({ taskId, path, attempt, kind }));
}
