import type { LimitState } from "../store/limit-store.ts";
import type { StatusCount } from "../store/overview-store.ts";
import type { Client } from "./client.ts";

/** One line of a metric: its labels, and its value. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const MOST_WORKERS = 1_000;

/**
 * What the database says of instances, workers and limits, in the text format of Prometheus (version 0.0.4). The labels are names of flows and limits,
 * never ids. It counts, so ask every ten seconds or more.
 *
 * @throws {BackendError} the database failed
 */
export async function metricsText(client: Client): Promise<string> {
  const [{ counts }, limits, { workers }, paused] = await Promise.all([
    client.counts(),
    client.limits.list(),
    client.workers({ limit: MOST_WORKERS }),
    client.flows.paused(),
  ]);
  const alive = workers.filter(({ isAlive }) => isAlive);
  const metrics: readonly Metric[] = [
    ofInstances(counts),
    {
      name: "workers_alive",
      help: "Workers that were heard of within the last minute.",
      samples: [[{}, alive.length]],
    },
    {
      name: "positions_held",
      help: "Positions that workers hold.",
      samples: [[{}, workers.reduce((sum, { running }) => sum + running, 0)]],
    },
    {
      name: "flow_paused",
      help: "Flows of which workers take nothing.",
      samples: paused.map(({ flow }): Sample => [{ flow }, 1]),
    },
    ...ofLimits(limits),
  ];
  return metrics.map((metric) => textOf(metric)).join("");
}

/** Of all versions of a flow together: a label for each would grow with every deployment. */
function ofInstances(counts: readonly StatusCount[]): Metric {
  const sums = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();
  for (const { flow, status, count } of counts) {
    const key = JSON.stringify([flow, status]);
    const known = sums.get(key);
    if (known === undefined) sums.set(key, { labels: { flow, status }, value: count });
    else known.value += count;
  }
  const samples = Array.from(sums.values(), ({ labels, value }): Sample => [labels, value]);
  return { name: "instances", help: "Instances by flow and status; of what has ended, at least so many.", samples };
}

function ofLimits(limits: readonly LimitState[]): readonly Metric[] {
  const each = (value: (limit: LimitState) => number | null): readonly Sample[] =>
    limits.flatMap((limit): readonly Sample[] => {
      const found = value(limit);
      return found === null ? [] : [[{ limit: limit.name }, found]];
    });
  return [
    { name: "limit_running", help: "Places of a limit that are taken.", samples: each(({ running }) => running) },
    {
      name: "limit_waiting",
      help: "Positions that could go on, but for a limit.",
      samples: each(({ waiting }) => waiting),
    },
    {
      name: "limit_oldest_wait_seconds",
      help: "For how long the one that waits longest for a limit has done so; 0 if none does.",
      samples: each(({ oldestWaitMs }) => (oldestWaitMs ?? 0) / 1_000),
    },
    {
      name: "limit_concurrency",
      help: "Most that a limit lets run at once; absent for any number.",
      samples: each(({ concurrency }) => concurrency),
    },
    {
      name: "limit_paused",
      help: "Whether a limit lets nothing new through.",
      samples: each(({ isPaused }) => Number(isPaused)),
    },
  ];
}

function textOf({ name, help, samples }: Metric): string {
  const lines = samples.map(([labels, value]) => `waymark_${name}${labelsText(labels)} ${value}\n`);
  return `# HELP waymark_${name} ${help}\n# TYPE waymark_${name} gauge\n${lines.join("")}`;
}

/** Names may be anybody's: what would end the label, or the line, is escaped as the format says. */
function labelsText(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries(labels);
  if (all.length === 0) return "";
  const escaped = (text: string): string =>
    text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n").replaceAll("\r", " ");
  return `{${all.map(([name, value]) => `${name}="${escaped(value)}"`).join(",")}}`;
}
