import { parseInstanceId, parseWorkerId } from "../ids.ts";
import type { Holder, InstanceFilter, NewInstance } from "../store/instance-store.ts";
import type { ClaimRequest } from "../store/position-store.ts";
import type { SendOptions, SignalKind, SignalRequest } from "../store/signal-store.ts";
import {
  refuse,
  requireArray,
  requireBoolean,
  requireBytes,
  requireDistinct,
  requireDuration,
  requireInteger,
  requireLabels,
  requireName,
  requireObject,
  requireOneOf,
  requireTags,
  requireText,
} from "./arguments.ts";
import { checkLane, checkNewPosition } from "./check-standing.ts";

export const STATUSES: readonly string[] = ["in_progress", "paused", "completed", "failed", "cancelled"];

/** @throws {InvalidArgumentError} naming what is wrong */
export function checkNewInstances(instances: readonly NewInstance[], holder: Holder | undefined): void {
  requireArray(instances, "instances");
  for (const [index, instance] of instances.entries()) checkNewInstance(instance, holder, `instances[${index}]`);
}

export function checkNewInstance(instance: NewInstance, holder: Holder | undefined, field: string): void {
  requireObject(instance, field);
  parseInstanceId(instance.instanceId, `${field}.instanceId`);
  checkIdentity(instance, field);
  requireArray(instance.positions, `${field}.positions`);
  if (instance.positions.length === 0) refuse(`${field}.positions`, "must not be empty");
  for (const [index, position] of instance.positions.entries()) {
    checkNewPosition(position, `${field}.positions[${index}]`);
    const { lane } = position.standing;
    if (lane.definitionHash !== instance.definitionHash || lane.codec !== instance.codec) {
      refuse(`${field}.positions[${index}].standing.lane`, "must have the instance's definition and codec");
    }
  }
  requireDistinct(
    instance.positions.map((position) => position.path),
    `${field}.positions`,
    "path",
  );
  requireDistinct(
    instance.positions.map((position) => position.standing.taskId),
    `${field}.positions`,
    "task",
  );
  requireBoolean(instance.awaitsEvents, `${field}.awaitsEvents`);
  if (holder !== undefined) checkHolder(holder);
  else if (instance.positions.some((position) => position.claimed))
    refuse("holder", "is needed where a position is claimed");
}

/** What a new instance and a snapshot have in common. */
export function checkIdentity(
  instance: Pick<NewInstance, "flow" | "definitionHash" | "codec" | "input" | "priority" | "tags" | "labels">,
  field: string,
): void {
  requireName(instance.flow, `${field}.flow`);
  requireName(instance.definitionHash, `${field}.definitionHash`);
  requireName(instance.codec, `${field}.codec`);
  requireBytes(instance.input, `${field}.input`);
  requireInteger(instance.priority, `${field}.priority`, 1, 5);
  requireTags(instance.tags, `${field}.tags`);
  requireLabels(instance.labels, `${field}.labels`);
}

export function checkHolder(holder: Holder): void {
  requireObject(holder, "holder");
  parseWorkerId(holder.workerId, "holder.workerId");
  requireDuration(holder.leaseMs, "holder.leaseMs", 1);
}

export function checkFilter(filter: InstanceFilter): void {
  requireObject(filter, "filter");
  if (filter.flow !== undefined) requireName(filter.flow, "filter.flow");
  if (filter.status !== undefined) {
    requireArray(filter.status, "filter.status");
    for (const [index, status] of filter.status.entries()) requireOneOf(status, `filter.status[${index}]`, STATUSES);
  }
  if (filter.idPrefix !== undefined) requireText(filter.idPrefix, "filter.idPrefix", 255);
  if (filter.after !== undefined) parseInstanceId(filter.after, "filter.after");
  if (filter.limit !== undefined) requireInteger(filter.limit, "filter.limit", 1, 1_000);
}

export function checkClaimRequest(request: ClaimRequest): void {
  requireObject(request, "request");
  parseWorkerId(request.workerId, "request.workerId");
  requireDuration(request.leaseMs, "request.leaseMs", 1);
  requireInteger(request.limit, "request.limit", 1, 10_000);
  requireArray(request.lanes, "request.lanes");
  for (const [index, lane] of request.lanes.entries()) checkLane(lane, `request.lanes[${index}]`);
  if (request.instanceId !== undefined) parseInstanceId(request.instanceId, "request.instanceId");
}

export function checkSignal(instanceId: unknown, kind: SignalKind, request: SignalRequest = {}): void {
  parseInstanceId(instanceId);
  requireOneOf(kind, "kind", ["cancel", "pause"]);
  requireObject(request, "request");
  if (request.reason !== undefined) requireText(request.reason, "request.reason", 1_000);
  if (request.requestedBy !== undefined) requireText(request.requestedBy, "request.requestedBy", 255);
}

export function checkSend(payload: unknown, options: SendOptions | undefined): void {
  requireBytes(payload, "payload");
  if (options === undefined) return;
  requireObject(options, "options");
  if (options.dedupKey !== undefined) requireName(options.dedupKey, "options.dedupKey");
}
