import { DefinitionMismatchError } from "../errors/definition-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { InstanceRecord } from "../snapshot/snapshot.ts";

/** @throws {DefinitionMismatchError} the instance was started by another definition than `flow` */
export function requireDefinition(
  flow: Flow,
  instance: Pick<InstanceRecord, "instanceId" | "flow" | "definitionHash">,
): void {
  if (instance.definitionHash === flow.hash) return;
  throw new DefinitionMismatchError({
    instanceId: instance.instanceId,
    flow: instance.flow,
    expectedHash: flow.hash,
    actualHash: instance.definitionHash,
  });
}
