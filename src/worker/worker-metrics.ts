import type { WorkerStats } from "./running-worker.ts";

type Kind = "counter" | "gauge";

/** What one worker has done since it was started, in the text format of Prometheus (version 0.0.4). No labels: the scraper adds whose it is. */
export function workerMetricsText(stats: WorkerStats, isReady: boolean): string {
  const metrics: readonly (readonly [name: string, kind: Kind, help: string, value: number])[] = [
    ["ready", "gauge", "Whether it takes work.", Number(isReady)],
    ["listening", "gauge", "Whether hints of other processes arrive.", Number(stats.isListening)],
    ["concurrency", "gauge", "Most positions that it moves at once.", stats.concurrency],
    ["positions_active", "gauge", "Positions that it moves right now.", stats.active],
    ["other_workers", "gauge", "Other workers that were alive at its last heartbeat.", stats.otherWorkers],
    ["positions_claimed_total", "counter", "Positions that it has claimed.", stats.claimed],
    ["tasks_completed_total", "counter", "Outcomes that it has recorded.", stats.completedTasks],
    ["attempts_failed_total", "counter", "Failed attempts that it has recorded.", stats.failedAttempts],
    [
      "checkpoints_fenced_total",
      "counter",
      "Checkpoints that were refused, because the claim did not hold any more.",
      stats.fenced,
    ],
    ["polls_total", "counter", "Statements that looked for work.", stats.polls],
  ];
  return metrics
    .map(([name, kind, help, value]) => {
      const full = `waymark_worker_${name}`;
      return `# HELP ${full} ${help}\n# TYPE ${full} ${kind}\n${full} ${value}\n`;
    })
    .join("");
}
