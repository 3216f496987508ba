import { InvalidTransitionError } from "../errors/instance-errors.ts";
import type { InstanceId } from "../ids.ts";
import type { InstanceStatus } from "../snapshot/snapshot.ts";

/** Why an instance that lives alone under its key can't be retried. */
export function otherSingletonLives(
  instanceId: InstanceId,
  status: InstanceStatus,
  other: InstanceId,
): InvalidTransitionError {
  const remedy = `Instance "${other}" lives under the same key, and only one may: wait until it has ended, or cancel it.`;
  return new InvalidTransitionError(instanceId, status, "retry", { remedy });
}
