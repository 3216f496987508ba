import type { StatusReport } from "../engine/instance-status.ts";
import { errorFrom } from "../errors/failure.ts";
import { InstanceCancelledError, InstanceFailedError } from "../errors/instance-errors.ts";
import type { InstanceId } from "../ids.ts";

/**
 * What an instance that has ended has completed with.
 *
 * @throws {InstanceFailedError} it has failed
 * @throws {InstanceCancelledError} it was cancelled
 */
export function outputOf(instanceId: InstanceId, report: StatusReport): unknown {
  switch (report.status) {
    case "completed":
      return report.output;
    case "failed":
      throw new InstanceFailedError(instanceId, report.failure, { cause: errorFrom(report.failure) });
    case "cancelled":
      throw new InstanceCancelledError(instanceId, report.reason);
    case "paused":
    case "in_progress":
    case "waiting":
    case "awaiting_event":
      throw new TypeError(`An instance that is ${report.status} has not ended.`);
  }
}
