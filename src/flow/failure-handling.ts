import type { TaskId } from "../ids.ts";
import { type BranchEnd, enclosingBranch } from "./branch-end.ts";
import { fallbackOf, jumpTo, type Landing } from "./continuation.ts";
import { type Flow, failureHandlingOf, type LocatedNode } from "./flow-definition.ts";
import { addressOf, parseSegments } from "./task-id.ts";

/** What a flow does about a failure that no further attempt will mend. */
export type FailureResponse =
  /** It goes on behind the task, without an output. */
  | { readonly kind: "skip" }
  /** It goes on elsewhere, with what the task got. */
  | { readonly kind: "goOn"; readonly next: Landing }
  /** The branch or item is abandoned; its join takes note of the failure. */
  | { readonly kind: "leave"; readonly end: BranchEnd }
  /** The instance fails. */
  | { readonly kind: "fail" };

/**
 * Follows from the definition and the task id alone: first what the task itself says, then what the innermost branch or
 * item says whose failure its join can bear.
 *
 * @param isRecorded - an outcome of the task is recorded, which stands (INV-3): the task itself has no say then
 */
export function responseToFailure(flow: Flow, taskId: TaskId, isRecorded: boolean): FailureResponse {
  const located = flow.get(addressOf(parseSegments(taskId)));
  // What the handler fails with is no reason for the instance to fail: that has one already.
  if (located.container.kind === "part" && located.container.role === "handler") return { kind: "skip" };
  const handling = isRecorded || located.container.kind === "part" ? null : failureHandlingOf(located.node);
  switch (handling?.kind) {
    case "skip":
      return { kind: "skip" };
    case "fallback":
      return { kind: "goOn", next: fallbackOf(flow, taskId) };
    case "goto": {
      const next = jumpTo(flow, taskId, handling.id);
      if (next !== null) return { kind: "goOn", next };
      break;
    }
    case undefined:
  }
  const end = enclosingBranch(flow, taskId, bearsFailures);
  return end === null ? { kind: "fail" } : { kind: "leave", end };
}

function bearsFailures({ node }: LocatedNode): boolean {
  if (node.kind === "map") return node.tolerated !== 0;
  return node.kind === "fork" && (node.mode === "settled" || node.mode === "any");
}
