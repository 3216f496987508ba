import { checkFunction, checkOptions } from "../../engine/call-options.ts";
import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import { parseWhole } from "../../store/arguments.ts";
import type { FaultKind } from "./faults.ts";
import type { SimulationReport } from "./simulation.ts";
import { SimulationFailedError } from "./simulation-failed-error.ts";

export interface SeedsOptions {
  /** The first seed. A whole number from 0. */
  readonly from: number;
  /** How many runs there are, each with the next seed. At least 1. */
  readonly count: number;
  /** Every how many runs is made twice, and must go the same way; 0 for none. Default 50. */
  readonly replayEvery?: number;
  /** Rare paths that at least one run has to have come by: where none has, the runs prove less than they seem to. */
  readonly mustReach?: readonly string[];
}

/** What became of many runs. */
export interface SeedsReport {
  readonly runs: number;
  /** Runs that were made twice. */
  readonly replayed: number;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly reached: Readonly<Record<string, number>>;
  /** What no run has come by of `mustReach`. If there is any, the runs are inconclusive. */
  readonly missed: readonly string[];
}

/**
 * Makes many runs of a simulation, one seed after the other.
 *
 * @param run - one of them, which calls `simulate` with the seed that it is given
 * @throws {InvalidArgumentError} an option is not acceptable
 * @throws {SimulationFailedError} a run has failed, or has gone another way when it was made again
 *
 * @example
 * ```ts run
 * import { flow } from "waymark";
 * import { simulate, simulateSeeds } from "waymark/testing";
 *
 * const greet = flow<string>("greet").then("compose", (name) => `Hello ${name}`).build();
 * const run = async (seed: number) =>
 *   await simulate({ seed, flows: [greet], scenario: async ({ client }) => void (await client.submit(greet, "greet-1", "Ada")) });
 * const { missed } = await simulateSeeds(run, { from: 1, count: 10, mustReach: ["move complete"] });
 * if (missed.length > 0) throw new Error("inconclusive");
 * ```
 */
export async function simulateSeeds(
  run: (seed: number) => Promise<SimulationReport>,
  options: SeedsOptions,
): Promise<SeedsReport> {
  checkFunction(run, "run");
  checkOptions(options, ["from", "count", "replayEvery", "mustReach"]);
  const { from, count, replayEvery = 50, mustReach = [] } = options;
  parseWhole(from, "options.from", 0, Number.MAX_SAFE_INTEGER);
  parseWhole(count, "options.count", 1, Number.MAX_SAFE_INTEGER);
  parseWhole(replayEvery, "options.replayEvery", 0, Number.MAX_SAFE_INTEGER);
  if (from + count > Number.MAX_SAFE_INTEGER)
    throw new InvalidArgumentError("options.count", "leads beyond the greatest seed.");
  const total = { runs: 0, replayed: 0, steps: 0, simulatedMs: 0 };
  const faults = new Map<string, number>();
  const reached = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    const report = await run(seed);
    total.runs++;
    total.steps += report.steps;
    total.simulatedMs += report.simulatedMs;
    addUp(faults, report.faults);
    addUp(reached, report.reached);
    if (replayEvery === 0 || total.runs % replayEvery !== 0) continue;
    requireSame(report, await run(seed));
    total.replayed++;
  }
  return {
    ...total,
    faults: sorted(faults),
    reached: sorted(reached),
    missed: mustReach.filter((name) => !reached.has(name)),
  };
}

function requireSame(first: SimulationReport, second: SimulationReport): void {
  if (first.digest === second.digest) return;
  const at = first.log.findIndex((line, index) => line !== second.log[index]);
  const difference =
    at === -1 ? "keepsLog shows where" : `line ${at + 1}: "${first.log[at] ?? ""}" or "${second.log[at] ?? ""}"`;
  throw new SimulationFailedError(
    first.seed,
    `Made again, the run has gone another way (${difference}): something in it takes time or chance from outside.`,
    second.log.slice(-100),
  );
}

function addUp(sums: Map<string, number>, counts: Readonly<Record<string, number | undefined>>): void {
  for (const [name, count = 0] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
}

function sorted(sums: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
