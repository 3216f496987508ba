import { versionsOf } from "./catalogue.ts";
import type { Machine } from "./lib/machine.ts";
import type { Results } from "./lib/results.ts";
import type { Settings } from "./lib/settings.ts";
import type { Metric, Workload } from "./workload.ts";

/** Everything that a report says. */
export interface Report {
  readonly date: string;
  readonly command: string;
  readonly machine: Machine;
  readonly postgres: { readonly version: string; readonly settings: Readonly<Record<string, string>> };
  readonly settings: Settings;
  readonly engines: readonly string[];
  readonly workloads: readonly Workload[];
  readonly results: Results;
}

const MISSING = "—";
const TO_KEEP_IN_MIND = [
  "PostgreSQL, submitter and workers share the machine's cores. On two of them an engine's own CPU time counts as much as the database's.",
  "waymark and bare put checkpoints of different instances into one statement; dbos, openworkflow and absurd write each step by itself. Bodies that take long would make that matter less.",
  "pg-boss and graphile-worker are queues. A step hands on by adding the next job, and that and the completion of its own job are two commits: a crash between them runs what follows twice. No history is kept of an instance. A pg-boss handler gets a whole batch, and its completion is not awaited.",
  "Polling intervals are settings: shorter ones buy latency with idle queries, for every engine. Each engine has one set-up for all workloads.",
  "p99 of one or two hundred calls is the second or third slowest of them.",
];

function exceptions(workloads: readonly Workload[], repeat: number): string {
  if (repeat === 1) return "";
  const titles = (who: Workload["once"]): string =>
    workloads
      .filter(({ once }) => once === who)
      .map(({ title }) => `"${title}"`)
      .join(", ");
  const [all, peers] = [titles("everybody"), titles("peers")];
  return [
    all === "" ? "" : `; measured once: ${all}`,
    peers === "" ? "" : `; measured once of others than waymark and bare: ${peers}`,
  ].join("");
}

/** The table, one row for each number, one column for each engine. */
export function tableOf(report: Report): string[][] {
  const { engines, workloads, results } = report;
  const rows = workloads.flatMap((workload) =>
    workload.metrics
      .filter((metric) => engines.some((engine) => results.value(workload.name, engine, metric) !== null))
      .map((metric) => [
        `${workload.title}: ${metric.label}`,
        ...engines.map((engine) => format(results.value(workload.name, engine, metric), metric)),
      ]),
  );
  return [["", ...engines], ...rows];
}

export function asText(table: readonly (readonly string[])[]): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    )
    .join("\n");
}

export function asJson(report: Report): string {
  const { engines, workloads, results, ...rest } = report;
  const values = workloads.map((workload) => ({
    workload: workload.name,
    engines: Object.fromEntries(engines.map((engine) => [engine, outcomeOf(report, workload, engine)])),
  }));
  const versions = Object.fromEntries(engines.map((engine) => [engine, versionsOf(engine)]));
  return `${JSON.stringify({ ...rest, versions, values }, null, 2)}\n`;
}

function outcomeOf({ results }: Report, workload: Workload, engine: string): unknown {
  const metrics = workload.metrics.map((metric) => [
    metric.key,
    { median: results.value(workload.name, engine, metric), each: results.values(workload.name, engine, metric) },
  ]);
  return { metrics: Object.fromEntries(metrics), reasons: results.reasons(workload.name, engine) };
}

export function asMarkdown(report: Report): string {
  const { machine, postgres, settings, engines, workloads } = report;
  const [head = [], ...rows] = tableOf(report);
  const markdownTable = [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows].map(
    (row) => `| ${row.join(" | ")} |`,
  );
  return `${[
    "# Results",
    `${report.date} · \`${report.command}\`${settings.quick ? "\n\n**A quick run: the numbers show that everything works, not how fast it is.**" : ""}`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB, ${machine.kernel}, ${machine.disk} · Node.js ${machine.node} · PostgreSQL ${postgres.version}, on the same machine as the workers`,
    `PostgreSQL: ${Object.entries(postgres.settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}. Only max_connections differs from its defaults; the cluster's locale is C, its encoding UTF-8.`,
    `Medians of ${settings.sizes.repeat}${exceptions(workloads, settings.sizes.repeat)}. Each number comes from a process and a database of its own. Engines take turns, in an order that moves on by one with each repetition.`,
    markdownTable.join("\n"),
    "## To keep in mind",
    listOf(TO_KEEP_IN_MIND),
    "## What there is no number for",
    listOf(missingOf(report)),
    "## Engines, and how they are set up",
    listOf(
      engines.map(
        (engine) => `**${engine}** (${versionsOf(engine)}): ${report.results.settingsOf(engine).join("; ") || MISSING}`,
      ),
    ),
    "## How it is measured",
    ...workloads.map((workload) => `**${workload.title}.** ${workload.about}`),
    "## Sizes",
    listOf(Object.entries(settings.sizes).map(([name, value]) => `${name}: ${value.toLocaleString("en")}`)),
  ].join("\n\n")}\n`;
}

/** One line for each engine and reason. */
function missingOf({ engines, workloads, results }: Report): string[] {
  return engines.flatMap((engine) => {
    const titles = new Map<string, string[]>();
    for (const { name, title } of workloads) {
      for (const reason of results.reasons(name, engine)) {
        titles.set(reason, [...(titles.get(reason) ?? []), title.toLowerCase()]);
      }
    }
    return [...titles].map(([reason, of]) => `${engine}, ${of.join(", ")}: ${reason}`);
  });
}

function listOf(lines: readonly string[]): string {
  return lines.length === 0 ? MISSING : lines.map((line) => `- ${line}`).join("\n");
}

function format(value: number | null, { digits }: Metric): string {
  if (value === null || Number.isNaN(value)) return MISSING;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
