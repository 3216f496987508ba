import { isDeepStrictEqual } from "node:util";
import type { Client, HistoryItem, StatusReport } from "waymark";
import type { Batch, BatchOrder } from "./batch.ts";
import { SCHEMA } from "./database.ts";
import type { Result } from "./domain.ts";
import { predict } from "./model.ts";
import { counted, describeEnd, fitted, seconds } from "./wording.ts";

/** An order and all that was recorded of it. */
export interface Finding {
  readonly instanceId: string;
  readonly number: number;
  readonly report: StatusReport<Result>;
  readonly history: readonly HistoryItem[];
  readonly tookMs: number | null;
}

export async function readFindings(client: Client, orders: readonly BatchOrder[]): Promise<readonly Finding[]> {
  return await Promise.all(
    orders.map(async ({ instanceId, order, stored }) => ({
      instanceId,
      number: order.number,
      report: (await client.status(instanceId)) as StatusReport<Result>,
      history: await client.history(instanceId),
      tookMs: stored === null || stored.endedAt === null ? null : stored.endedAt - stored.createdAt,
    })),
  );
}

/** How many orders ended how, what it took, and whether it is as it should be. */
export function summarize(findings: readonly Finding[], batch: Batch, run: { ms: number; kept: number }): string[] {
  const entries = findings.flatMap(({ history }) => history);
  const ran = entries.filter(({ durationMs, outcome }) => durationMs !== null && outcome === "completed").length;
  const repeated = entries.filter(({ attempt }) => attempt > 1).length;
  const processes = countProcesses(entries);
  const rate = ((entries.length - run.kept) / Math.max(0.001, run.ms / 1_000)).toFixed(1);
  const longest = findings.reduce((one, other) => ((other.tookMs ?? 0) > (one.tookMs ?? 0) ? other : one));
  return [
    `${findings.filter(isEnded).length} of ${counted(findings.length, "order")} of batch ${batch.number} have ended.`,
    "",
    ...outcomes(findings).map(([text, count]) => `${String(count).padStart(6)}  ${text}`),
    "",
    `${counted(ran, "task")} run, ${counted(repeated, "attempt")} repeated, ` +
      `${counted(entries.length, "checkpoint")} by ${processes} ${processes === 1 ? "process" : "processes"}`,
    `${counted(entries.length - run.kept, "checkpoint")} in this run, ${rate} a second; longest order: ` +
      `${longest.instanceId}, ${seconds(longest.tookMs ?? 0)}`,
    verdict(findings, batch),
  ];
}

function outcomes(findings: readonly Finding[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { report } of findings) {
    const words = describeEnd(report).text.replaceAll(/(, )?\d+\.\d\d EUR( refunded)?/g, "");
    counts.set(words, (counts.get(words) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}

/** Orders that did not end as their numbers foretold, and outcomes that were recorded twice: none, ever. */
export function problems(findings: readonly Finding[], batch: Batch): readonly string[] {
  return findings.flatMap(({ instanceId, number, report, history }) => {
    const expected = predict(number, batch.seed);
    const found: string[] = [];
    const result = report.status === "completed" ? report.output : null;
    if (report.status !== expected.status || !isDeepStrictEqual(result, expected.result)) {
      found.push(`${instanceId} did not end as predicted: ${describeEnd(report).text}`);
    }
    const outcomes = history.filter(({ outcome }) => outcome === "completed" || outcome === "timed_out");
    const recorded = outcomes.map(({ taskId }) => taskId);
    if (new Set(recorded).size < recorded.length) found.push(`${instanceId} has a task with two outcomes.`);
    return found;
  });
}

function verdict(findings: readonly Finding[], batch: Batch): string {
  const found = problems(findings, batch);
  if (found.length > 0) return ["Something is wrong:", ...found].join("\n  ");
  return "Every order ended as predicted from its number, and no task has two recorded outcomes.";
}

export function isEnded({ report }: Finding): boolean {
  return ["completed", "failed", "cancelled"].includes(report.status);
}

/** The order to which most has happened: worked on by several processes, tried again. */
export function sampleOf(findings: readonly Finding[]): Finding {
  const eventfulness = ({ history }: Finding): number =>
    100 * countProcesses(history) + Math.max(0, ...history.map(({ attempt }) => attempt));
  return findings.reduce((one, other) => (eventfulness(other) > eventfulness(one) ? other : one));
}

function countProcesses(history: readonly HistoryItem[]): number {
  return new Set(history.flatMap(({ workerId }) => workerId ?? [])).size;
}

/** All that was recorded of an order. */
export function sampleHistory(sample: Finding, width: number): readonly string[] {
  const startedAt = sample.history[0]?.at.getTime() ?? 0;
  const rows = sample.history.map(({ at, outcome, taskId, attempt, workerId, failure, output }) => [
    `+${seconds(at.getTime() - startedAt)}`,
    // Worker ids are "host-pid" here. An event that arrives is recorded by whoever sends it.
    /\d+$/.exec(workerId ?? "")?.[0] ?? "",
    outcome,
    attempt === 1 ? taskId : `${taskId} (attempt ${attempt})`,
    failure?.message ?? (output === undefined ? "" : JSON.stringify(output)),
  ]);
  const lines = [["after", "process", "outcome", "task", "recorded"], ...rows].map(
    ([after = "", pid = "", outcome = "", task = "", recorded = ""]) =>
      `${after.padStart(8)} ${pid.padStart(8)}  ${outcome.padEnd(9)}  ${task.padEnd(18)}  ${recorded}`.trimEnd(),
  );
  return [`What was recorded of ${sample.instanceId}:`, "", ...lines.map((line) => fitted(line, width))];
}

/** What to type to see for oneself. The statements are complete, and tested. */
export function howToLook(psql: string, sampleId: string): readonly string[] {
  return [
    "See for yourself, also while it runs:",
    "",
    `  ${psql}`,
    "",
    `  SELECT status, output->>'outcome' AS outcome, count(*) FROM ${SCHEMA}.instances_json GROUP BY 1, 2;`,
    `  SELECT sequence, task_id, attempt, outcome, output FROM ${SCHEMA}.checkpoints_json`,
    `    WHERE instance_id = '${sampleId}' ORDER BY sequence;`,
    `  SELECT instance_id, task_id, attempt, state FROM ${SCHEMA}.positions_now ORDER BY 1, 2;`,
  ];
}
