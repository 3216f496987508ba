import { DefinitionMismatchError } from "../errors/definition-errors.ts";
import { InvalidTransitionError } from "../errors/instance-errors.ts";
import type { Path, TaskId } from "../ids.ts";
import type { Position } from "./position.ts";
import { comeDue } from "./position-rules.ts";
import type { InstanceRecord } from "./snapshot.ts";

/** Where a position was seen, and whose tags it is to have. */
export interface SeenPosition {
  readonly path: Path;
  readonly taskId: TaskId;
  readonly tags: readonly string[];
}

/**
 * The positions of an instance as they are under another definition: where they were, claimed by nobody.
 *
 * @returns `null` if they are not those that were seen
 * @throws {DefinitionMismatchError} it does not have the definition `from`
 * @throws {InvalidTransitionError} it is not live, or somebody holds a position
 */
export function migratedPositions(
  instance: Pick<InstanceRecord, "instanceId" | "flow" | "definitionHash" | "status">,
  from: string,
  positions: readonly Position[],
  seen: readonly SeenPosition[],
  now: number,
): readonly Position[] | null {
  const { instanceId, flow, status, definitionHash: actualHash } = instance;
  if (actualHash !== from) throw new DefinitionMismatchError({ instanceId, flow, expectedHash: from, actualHash });
  if (status !== "in_progress" && status !== "paused") {
    const remedy = "Only live instances can be moved; retry one that has failed, paused, and move it then.";
    throw new InvalidTransitionError(instanceId, status, "migrating", { remedy });
  }
  if (positions.some(({ claim }) => claim !== null && (claim.expiresAt === null || claim.expiresAt > now))) {
    const remedy = "Somebody is running it. Try again later, or pause it first.";
    throw new InvalidTransitionError(instanceId, status, "migrating", { remedy });
  }
  const byPath = new Map(seen.map((position) => [position.path, position]));
  const migrated = positions.flatMap((position) => {
    const other = byPath.get(position.path);
    if (other?.taskId !== position.taskId) return [];
    const free = position.claim === null ? position : comeDue(position, now, false);
    return [{ ...free, tags: [...other.tags].sort() }];
  });
  return migrated.length === positions.length && positions.length === seen.length ? migrated : null;
}
