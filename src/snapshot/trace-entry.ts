import { standpoint } from "../flow/continuation.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { TaskId } from "../ids.ts";
import { afterEvent, countTaskId, isLate } from "./events.ts";
import type { Decision } from "./occurrence.ts";
import type { HistoryEntry } from "./snapshot.ts";

/** What happened, without the values: what positions are derived from. */
export type TraceEntry = Omit<HistoryEntry, "output" | "failure">;

/** Whether only the output of an entry says where it leads, which the trace does not have. */
export function needsOutput(flow: Flow, { taskId, kind, outcome, decision }: TraceEntry): boolean {
  if (outcome !== "completed" || kind === "step") return false;
  if (kind === "route") return decision === null;
  return /~(until|count)$/.test(taskId) && flow.find(taskId.replaceAll(/\[\d+\]/g, "")) !== null;
}

/** Where a recorded outcome leads, where its task id alone doesn't say it. */
export function decisionOf(flow: Flow, entry: TraceEntry, others: ReadonlyMap<TaskId, Decision>): Decision | null {
  const { taskId, decision, outcome } = entry;
  const { node, container } = standpoint(flow, taskId).located;
  if (container.kind === "part" && container.role === "event") {
    const { node: whole } = container.of;
    const counted = others.get(countTaskId(taskId));
    const count = (whole.kind === "collect" ? whole.count : null) ?? (counted?.kind === "count" ? counted.count : 0);
    return afterEvent(taskId, outcome, count);
  }
  if (node.kind === "collect") return isLate(node, outcome) ? { kind: "timedOut" } : null;
  if (node.kind === "loop") return { kind: decision === "again" ? "again" : "done" };
  if (node.kind === "route" && decision !== null) return { kind: "key", key: decision };
  if (node.kind === "wait") return outcome === "timed_out" && node.onTimeout === "branch" ? { kind: "timedOut" } : null;
  return others.get(taskId) ?? null;
}

/** Whether a sender or somebody outside has recorded it: then the position was moved on later, by whoever held it. */
export function isByHand({ workerId, kind, outcome }: TraceEntry): boolean {
  return workerId === null || (kind === "wait" && outcome === "completed");
}
