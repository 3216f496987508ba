import type { Inspection } from "../client/inspection.ts";
import type { WorkerInfo } from "../client/overview.ts";
import type { RunningTask, StatusReport } from "../engine/instance-status.ts";
import type { Position } from "../snapshot/position.ts";
import { spanText, timeText } from "./output.ts";

/** What else has to be known to say why an instance does not go on. */
export interface Surroundings {
  readonly workers: readonly WorkerInfo[];
  readonly pausedFlows: ReadonlyMap<string, string | null>;
}

/** Where an instance is and what it waits for, in sentences. */
export function situationOf(inspection: Inspection, around: Surroundings): string[] {
  const { report, summary, pending } = inspection;
  const lines =
    report === null
      ? ["Its codec is not available here, so its values can't be read."]
      : said(report, inspection, around);
  for (const { kind, request } of pending)
    lines.push(
      `${kind === "cancel" ? "A cancel" : "A pause"} is requested${request.reason === undefined ? "" : ` (${request.reason})`}; it takes effect at the next checkpoint.`,
    );
  if (summary.deadline !== null && summary.endedAt === null)
    lines.push(`It has to end by ${timeText(summary.deadline)}, ${until(summary.deadline, inspection.now)}.`);
  return lines;
}

function said(report: StatusReport, inspection: Inspection, around: Surroundings): string[] {
  const { now, summary } = inspection;
  switch (report.status) {
    case "completed":
      return ["It has completed."];
    case "failed": {
      const { name, message } = report.failure;
      return [`It has failed: ${name}: ${message}`, "retry takes it back where it failed."];
    }
    case "cancelled":
      return [`It was cancelled${report.reason === null ? "" : `: ${report.reason}`}.`];
    case "paused":
      return [`It is paused${report.reason === null ? "" : `: ${report.reason}`}. resume lets it go on.`];
    case "waiting":
      return [`It sleeps until ${timeText(report.wakeAt)}, ${until(report.wakeAt, now)}.`];
    case "awaiting_event":
      return report.events.map(({ taskId, name, timeoutAt }) => {
        const limit =
          timeoutAt === null ? "without a time limit" : `until ${timeText(timeoutAt)}, ${until(timeoutAt, now)}`;
        return `It waits for the event "${name}" at ${taskId}, ${limit}.`;
      });
    case "awaiting_child":
      return report.children.map(({ taskId, instanceId }) =>
        instanceId === null
          ? `It waits for a child of ${taskId} that has just ended, or is gone.`
          : `It waits for its child ${instanceId}, started by ${taskId}.`,
      );
    case "in_progress":
      if (report.tasks.length === 0) return ["It waits for its branches."];
      return report.tasks.flatMap((task) => taskLines(task, inspection, around, summary.flow));
  }
}

function taskLines(task: RunningTask, inspection: Inspection, around: Surroundings, flow: string): string[] {
  const { taskId, attempt, state, workerId, retryAt, limit } = task;
  const { now } = inspection;
  if (state === "running")
    return [`${taskId} runs at ${workerId ?? "a worker"}${attempt > 1 ? `, attempt ${attempt}` : ""}.`];
  if (state === "retrying" && retryAt !== null)
    return [
      `${taskId} has failed and is tried again, attempt ${attempt}, at ${timeText(retryAt)}, ${until(retryAt, now)}.`,
    ];
  const position = inspection.positions.find((one) => one.taskId === taskId);
  const lost = lostLine(taskId, position, now);
  if (lost !== null) return [lost];
  if (around.pausedFlows.has(flow)) {
    const reason = around.pausedFlows.get(flow) ?? null;
    return [
      `${taskId} is ready, but the flow is paused${reason === null ? "" : `: ${reason}`}. flows unpause ${flow} lets it go on.`,
    ];
  }
  const server = whoServes(inspection, position, around.workers);
  if (server !== "live") return [`${taskId} is ready, and ${server}`];
  if (limit !== undefined)
    return [
      `${taskId} waits for the limit ${limit.name}${limit.key === "*" ? "" : `, key ${limit.key}`}. limits show ${limit.name} says what runs.`,
    ];
  return [`${taskId} is ready, and waits for a worker that has room.`];
}

function lostLine(taskId: string, position: Position | undefined, now: Date): string | null {
  const claim = position?.claim;
  if (claim == null || claim.expiresAt === null || claim.expiresAt > now.getTime()) return null;
  const ago = spanText(now.getTime() - claim.expiresAt);
  return `${taskId} was run by ${claim.workerId}, whose lease ended ${ago} ago: it has died, or lost touch. Any other worker of this flow takes it over.`;
}

/** "live" if a worker that is alive can take it; what is the matter otherwise, as the end of a sentence. */
function whoServes(
  { summary, codec }: Inspection,
  position: Position | undefined,
  workers: readonly WorkerInfo[],
): string {
  const knowing = workers.filter(({ lanes }) => lanes.some((lane) => lane.definitionHash === summary.definitionHash));
  const tags = position?.tags ?? [];
  const serving = knowing.filter(({ lanes }) =>
    lanes.some(
      (lane) =>
        lane.definitionHash === summary.definitionHash &&
        lane.codec === codec &&
        tags.every((tag) => lane.tags.includes(tag)),
    ),
  );
  if (serving.some(({ isAlive }) => isAlive)) return "live";
  const short = summary.definitionHash.slice(0, 12);
  if (knowing.length === 0)
    return `no worker knows this definition of ${summary.flow} (${short}). Start one with that version of the flow, or migrate the instance.`;
  if (serving.length === 0)
    return `no worker that knows ${summary.flow} (${short}) has the tags ${tags.join(", ") || "of its task"}, or its codec ${codec}.`;
  const last = serving.toSorted((a, b) => b.seenAt.getTime() - a.seenAt.getTime())[0];
  return `the workers that know it are gone; ${last?.workerId ?? "the last one"} was heard of last at ${timeText(last?.seenAt ?? null)}.`;
}

function until(time: Date, now: Date): string {
  const ms = time.getTime() - now.getTime();
  return ms >= 0 ? `in ${spanText(ms)}` : `${spanText(-ms)} ago`;
}
