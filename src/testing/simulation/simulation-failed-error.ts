/** A run of a simulation went wrong. */
export class SimulationFailedError extends Error {
  override readonly name = "SimulationFailedError";
  /** Repeats the run, with the same options. */
  readonly seed: number;
  /** What happened last, the newest line last. */
  readonly log: readonly string[];

  constructor(seed: number, problem: string, log: readonly string[], options?: ErrorOptions) {
    super(`Seed ${seed}: ${problem}`, options);
    this.seed = seed;
    this.log = log;
  }
}
