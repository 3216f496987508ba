import { createHash } from "node:crypto";
import { type InstanceId, MAX_ID_LENGTH, type TaskId } from "../ids.ts";
import type { ChildStart } from "./definition.ts";

/** Enough of a hash, in hex, for no two to be alike. */
const DIGEST_LENGTH = 24;

/**
 * The instance id of a child: the one that the flow gives it, else `<parent>/<task id>`. From the second child of one task on
 * its number stands behind it: `order-1/ship.2`. From the second run of the parent on, the run stands there, too: `order-1/ship@2`. What would be too long is cut, and ends in a hash of the whole.
 *
 * @param number - counted from 1
 */
export function childInstanceId(
  start: ChildStart,
  parent: { readonly instanceId: InstanceId; readonly taskId: TaskId; readonly run: number },
  number: number,
): InstanceId {
  const { instanceId, taskId, run } = parent;
  const first = start.instanceId ?? `${instanceId}/${taskId}${run === 1 ? "" : `@${run}`}`;
  const id = number === 1 ? first : `${first}.${number}`;
  if (id.length <= MAX_ID_LENGTH) return id;
  const digest = createHash("sha256").update(id).digest("hex").slice(0, DIGEST_LENGTH);
  return `${id.slice(0, MAX_ID_LENGTH - DIGEST_LENGTH - 1).toWellFormed()}~${digest}`;
}
