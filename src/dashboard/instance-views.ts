import type { InstanceSummary as Summary } from "../client/instance-summary.ts";
import { nodeIdOf } from "../client/node-states.ts";
import type { HistoryItem } from "../engine/history-item.ts";
import type { StatusReport } from "../engine/instance-status.ts";
import { COMMON_KEY } from "../snapshot/allowance.ts";
import type { Position as StoredPosition } from "../snapshot/position.ts";
import type { HistoryEntry, InstanceSummary, Position, RunningTask, Status } from "./api-types.ts";
import type { PayloadView } from "./payload-view.ts";

// What the client gives, as the API's types say it.

export function timeOf(date: Date | null | undefined): string | null {
  return date == null ? null : date.toISOString();
}

export function summaryView(summary: Summary): InstanceSummary {
  const { instanceId, flow, definitionHash, status, reason, priority, tags, labels, run, parent, forkedFrom } = summary;
  return {
    ...{ instanceId, flow, definitionHash, status, reason, priority, tags, labels, run, parent },
    forkedFrom: forkedFrom === null ? null : { ...forkedFrom, sequence: String(forkedFrom.sequence) },
    createdAt: summary.createdAt.toISOString(),
    deadline: timeOf(summary.deadline),
    endedAt: timeOf(summary.endedAt),
  };
}

export function positionView(position: StoredPosition): Position {
  const { path, taskId, kind, attempt, ready, claim, event, pending, items, interrupt, tags, priority, lost } =
    position;
  const { gate, limitKey, availableAt, wakeAt } = position;
  return {
    ...{
      path,
      taskId,
      nodeId: nodeIdOf(taskId),
      kind,
      attempt,
      ready,
      event,
      pending,
      items,
      interrupt,
      tags,
      priority,
      lost,
    },
    claim: claim === null ? null : { workerId: claim.workerId, expiresAt: msView(claim.expiresAt) },
    availableAt: msView(availableAt),
    wakeAt: msView(wakeAt),
    limit: gate === undefined ? null : { name: gate.limit, key: limitKey ?? COMMON_KEY },
  };
}

function msView(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** @param href - where a value is, by the sequence of its entry */
export function historyView(
  view: PayloadView,
  instanceId: string,
  item: HistoryItem,
  href: (sequence: bigint) => string,
): HistoryEntry {
  const { sequence, taskId, attempt, kind, outcome, durationMs, workerId, decision, outputRef, output, problem } = item;
  const hasOutput = output !== undefined || problem !== null;
  const context = { instanceId, kind: kind === "state" ? "state" : kind === "wait" ? "event" : "output" } as const;
  return {
    ...{
      sequence: String(sequence),
      taskId,
      nodeId: nodeIdOf(taskId),
      attempt,
      kind,
      outcome,
      at: item.at.toISOString(),
    },
    ...{ durationMs, workerId, decision, outputRef },
    output: !hasOutput
      ? null
      : problem !== null
        ? { kind: "unreadable", problem }
        : view.show(output, context, href(sequence)),
    failure: view.failure(item.failure, instanceId),
  };
}

/** @param href - where the progress of a task is */
export function statusView(
  view: PayloadView,
  instanceId: string,
  report: StatusReport,
  href: (taskId: string) => string,
): Status {
  const { cancelRequested } = report;
  return {
    status: report.status,
    words: wordsFor(report),
    reason: "reason" in report ? report.reason : null,
    tasks: "tasks" in report ? report.tasks.map((task) => taskView(view, instanceId, task, href(task.taskId))) : [],
    wakeAt: "wakeAt" in report ? report.wakeAt.toISOString() : null,
    events: "events" in report ? report.events.map((event) => ({ ...event, timeoutAt: timeOf(event.timeoutAt) })) : [],
    children: "children" in report ? report.children : [],
    cancelRequested: cancelRequested ?? null,
  };
}

function taskView(
  view: PayloadView,
  instanceId: string,
  {
    taskId,
    attempt,
    state,
    workerId,
    retryAt,
    limit,
    progress,
  }: Extract<StatusReport, { tasks: unknown }>["tasks"][number],
  href: string,
): RunningTask {
  return {
    ...{ taskId, attempt, state, workerId, retryAt: timeOf(retryAt), limit: limit ?? null },
    progress:
      progress === undefined
        ? null
        : { value: view.show(progress.value, { instanceId, kind: "progress" }, href), at: progress.at.toISOString() },
  };
}

const MOST_NAMED = 3;

/** Where it is, as a sentence without a capital and a full stop. */
function wordsFor(report: StatusReport): string {
  switch (report.status) {
    case "completed":
      return "completed";
    case "failed": {
      // Its message may be one that who asks may not see.
      const { name, taskId } = report.failure;
      return `failed${taskId === undefined || taskId === "" ? "" : ` at "${taskId}"`} with ${name}`;
    }
    case "cancelled":
      return report.reason === null ? "cancelled" : `cancelled: ${report.reason}`;
    case "paused":
      return report.reason === null ? "paused" : `paused: ${report.reason}`;
    case "in_progress":
      return some(report.tasks, ({ taskId, attempt, state, workerId, limit }) => {
        const try_ = attempt > 1 ? `, attempt ${attempt}` : "";
        if (state === "running") return `running "${taskId}" on ${workerId ?? "a worker"}${try_}`;
        if (state === "retrying") return `trying "${taskId}" again later${try_}`;
        return `waiting for ${limit === undefined ? "a worker" : `the limit "${limit.name}"`} at "${taskId}"${try_}`;
      });
    case "waiting":
      return `waiting until ${report.wakeAt.toISOString()}`;
    case "awaiting_event":
      return some(report.events, ({ name, taskId }) => `waiting for the event "${name}" at "${taskId}"`);
    case "awaiting_child":
      return some(report.children, ({ instanceId, taskId }) => `waiting for ${instanceId ?? "a child"} at "${taskId}"`);
  }
}

function some<Item>(items: readonly Item[], say: (item: Item) => string): string {
  if (items.length === 0) return "in progress";
  const named = items.slice(0, MOST_NAMED).map(say);
  const rest = items.length - named.length;
  return `${named.join("; ")}${rest === 0 ? "" : `; and ${rest} more`}`;
}
