import type { EngineEvent, StatusReport } from "waymark";
import { seconds } from "./wording.ts";

type Step =
  | { readonly kind: "running"; readonly attempt: number }
  | { readonly kind: "retrying"; readonly attempt: number; readonly until: number };

interface Rest {
  /** The event that is waited for; `null` if time is only to pass. */
  readonly event: string | null;
  readonly until: number | null;
}

/** An order that is being worked on. */
export interface ActiveOrder {
  readonly instanceId: string;
  readonly customer: string;
  readonly since: number;
  readonly steps: Map<string, Step>;
  rest: Rest | null;
  /** Whether another process has had it, and may still hold it. */
  inherited: boolean;
}

/** Where all orders stand, told from what the engine reports. Knows nothing of terminals. */
export class Board {
  readonly total: number;
  readonly #active = new Map<string, ActiveOrder>();
  readonly #startedAt: number;
  #ended: number;
  #steps = 0;
  #retries = 0;

  constructor(total: number, ended: number, now: number) {
    this.total = total;
    this.#ended = ended;
    this.#startedAt = now;
  }

  get active(): readonly ActiveOrder[] {
    return [...this.#active.values()];
  }

  /** An order is taken up. `report` says where an earlier process has left it. */
  begin(order: { instanceId: string; customer: string; since: number }, report: StatusReport | null): void {
    const inherited = report?.status === "in_progress" && report.tasks.some(({ state }) => state === "running");
    this.#active.set(order.instanceId, { ...order, steps: new Map(), rest: restOf(report), inherited });
  }

  end(instanceId: string): void {
    if (this.#active.delete(instanceId)) this.#ended += 1;
  }

  /** @returns what is worth a line in a log; `null` for what is everyday */
  observe(event: EngineEvent, now: number): string | null {
    const order = this.#active.get(event.instanceId);
    if (order === undefined || event.kind === "instance_ended") return null;
    order.inherited = false;
    switch (event.kind) {
      case "task_started":
        order.rest = null;
        order.steps.set(event.taskId, { kind: "running", attempt: event.attempt });
        return null;
      case "task_completed":
        order.steps.delete(event.taskId);
        this.#steps += 1;
        return null;
      case "task_failed":
        return this.#failed(order, event, now);
      case "parked":
        if (!order.steps.has(event.taskId)) {
          order.rest = { event: event.event, until: event.wakeAfterMs === null ? null : now + event.wakeAfterMs };
        }
        return null;
      case "fenced":
        order.steps.delete(event.taskId);
        return `${order.instanceId}: the claim of ${event.taskId} had run out, so this outcome of it was dropped.`;
      case "event_received":
        order.rest = null;
        return null;
    }
  }

  /** The last line: how far, how fast. */
  summary(now: number, barWidth: number): string {
    const done = Math.round((this.#ended / this.total) * barWidth);
    const bar = barWidth === 0 ? "" : `${"█".repeat(done)}${"░".repeat(barWidth - done)} `;
    const rate = this.#steps / Math.max(0.001, (now - this.#startedAt) / 1_000);
    const counts = [
      `${this.#ended} of ${this.total} orders`,
      seconds(now - this.#startedAt),
      `${this.#steps} steps, ${rate.toFixed(1)}/s`,
      `${this.#retries} ${this.#retries === 1 ? "retry" : "retries"}`,
    ];
    return bar + counts.join(" · ");
  }

  #failed(order: ActiveOrder, event: Extract<EngineEvent, { kind: "task_failed" }>, now: number): string | null {
    const { taskId, attempt, retryAfterMs, error } = event;
    this.#steps += 1;
    if (retryAfterMs === null) {
      order.steps.delete(taskId);
      return null;
    }
    this.#retries += 1;
    order.steps.set(taskId, { kind: "retrying", attempt: attempt + 1, until: now + retryAfterMs });
    const reason = error instanceof Error ? error.message : String(error);
    return `${order.instanceId}: ${taskId} failed, attempt ${attempt + 1} in ${seconds(retryAfterMs)}. ${reason}`;
  }
}

/** What an order is at, in a few words. */
export function describeActive(order: ActiveOrder, now: number): string {
  const left = (until: number): string => seconds(Math.max(0, until - now));
  const steps = [...order.steps].map(([taskId, step]) => {
    if (step.kind === "retrying") return `${taskId} (attempt ${step.attempt} in ${left(step.until)})`;
    return step.attempt === 1 ? taskId : `${taskId} (attempt ${step.attempt})`;
  });
  if (steps.length > 0) return steps.join(", ");
  if (order.inherited) return "still held by the process before";
  if (order.rest === null) return "…";
  const { event, until } = order.rest;
  if (event === null) return until === null ? "sleeps" : `sleeps for ${left(until)}`;
  return until === null ? `waits for ${event}` : `waits for ${event}, at most ${left(until)}`;
}

function restOf(report: StatusReport | null): Rest | null {
  if (report?.status === "waiting") return { event: null, until: report.wakeAt.getTime() };
  if (report?.status !== "awaiting_event") return null;
  const [awaited] = report.events;
  return { event: awaited?.name ?? null, until: awaited?.timeoutAt?.getTime() ?? null };
}
