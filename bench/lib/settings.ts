import { parseArgs } from "node:util";

interface Size {
  readonly full: number;
  readonly quick: number;
  readonly about: string;
}

/** Every number of the benchmark: `--throughput-instances 500`, or BENCH_THROUGHPUT_INSTANCES=500. */
export const SIZES = {
  throughputInstances: { full: 2_000, quick: 300, about: "instances of the throughput runs" },
  throughputSteps: { full: 5, quick: 5, about: "steps of each" },
  warmUpInstances: { full: 500, quick: 50, about: "instances of a batch that is run before, in the same process" },
  warmUpSeconds: { full: 5, quick: 1, about: "seconds for which such batches are run" },
  latencyCalls: { full: 200, quick: 20, about: "calls one after the other" },
  latencySteps: { full: 3, quick: 3, about: "steps of each" },
  fanInstances: { full: 20, quick: 5, about: "instances that fan out" },
  fanBranches: { full: 50, quick: 50, about: "branches of each" },
  eventCalls: { full: 200, quick: 20, about: "events one after the other" },
  besideFinished: { full: 20_000, quick: 1_000, about: "finished instances that lie beside" },
  besideParked: { full: 20_000, quick: 1_000, about: "parked instances that lie beside" },
  jobs: { full: 20_000, quick: 2_000, about: "jobs of each run with and without limits" },
  urgentBehind: { full: 100_000, quick: 5_000, about: "jobs behind which urgent ones are submitted" },
  scalingMost: { full: 4, quick: 2, about: "most worker processes; doubled from 1" },
  idleSilence: { full: 60, quick: 10, about: "seconds of silence before idle queries are counted" },
  idleWindow: { full: 20, quick: 10, about: "seconds for which they are counted" },
  pinnedSeconds: { full: 60, quick: 5, about: "seconds of load under a transaction that stays open" },
  submitInstances: { full: 20_000, quick: 2_000, about: "instances submitted in bulk" },
  memorySteps: { full: 1_000_000, quick: 20_000, about: "steps, at the end of which the heap is measured" },
  memoryLooks: { full: 5, quick: 4, about: "times that the heap is measured on the way" },
  childMinutes: { full: 15, quick: 5, about: "minutes after which a process is given up" },
  repeat: { full: 3, quick: 1, about: "repetitions; medians are reported" },
} as const satisfies Readonly<Record<string, Size>>;

export type Sizes = Readonly<Record<keyof typeof SIZES, number>>;

export interface Settings {
  readonly quick: boolean;
  /** `null`: all of them. */
  readonly engines: readonly string[] | null;
  readonly workloads: readonly string[] | null;
  readonly sizes: Sizes;
}

export const USAGE = `npm run bench -- [--quick] [--engines a,b] [--workloads x,y] [--repeat 3] [sizes]

Sizes, with their defaults (and those of --quick); also as BENCH_… in the environment:
${Object.entries(SIZES)
  .map(([name, { full, quick, about }]) => `  --${dashed(name)} ${full} (${quick})`.padEnd(46) + about)
  .join("\n")}`;

/** @throws on unknown flags and on what is no number */
export function readSettings(args: readonly string[]): Settings | "help" {
  const names = Object.keys(SIZES) as (keyof Sizes)[];
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean" },
      quick: { type: "boolean" },
      engines: { type: "string" },
      workloads: { type: "string" },
      ...Object.fromEntries(names.map((name) => [dashed(name), { type: "string" as const }])),
    },
  });
  if (values.help === true) return "help";
  const quick = values.quick === true;
  const given = values as Readonly<Record<string, string | boolean | undefined>>;
  const sizeOf = (name: keyof Sizes): number => {
    const text = given[dashed(name)] ?? process.env[`BENCH_${dashed(name).replaceAll("-", "_").toUpperCase()}`];
    const size = text === undefined ? SIZES[name][quick ? "quick" : "full"] : Number(text);
    if (!(Number.isInteger(size) && size > 0)) throw new Error(`--${dashed(name)} must be a positive whole number.`);
    return size;
  };
  return {
    quick,
    engines: values.engines?.split(",") ?? null,
    workloads: values.workloads?.split(",") ?? null,
    sizes: Object.fromEntries(names.map((name) => [name, sizeOf(name)])) as Sizes,
  };
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
