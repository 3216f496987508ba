/** Tests that a backend is excused from, and why. */
export interface ConformanceSkip {
  /** Shown with each test that is skipped. */
  readonly reason: string;
  /** `Suite > method > sentence`, or a beginning of that: `Suite > method`. */
  readonly tests: readonly string[];
}

/** Knows which tests are skipped, and which entries excuse nothing (any more). */
export class SkipList {
  readonly #skips: readonly ConformanceSkip[];
  readonly #unused: Set<string>;

  constructor(skips: readonly ConformanceSkip[]) {
    this.#skips = skips;
    this.#unused = new Set(skips.flatMap((skip) => skip.tests));
  }

  /** Why the test is skipped; `null` if it isn't. */
  reasonFor(test: string): string | null {
    let reason: string | null = null;
    for (const skip of this.#skips) {
      for (const entry of skip.tests) {
        if (test !== entry && !test.startsWith(`${entry} > `)) continue;
        this.#unused.delete(entry);
        reason ??= skip.reason;
      }
    }
    return reason;
  }

  /** Entries that no test asked about has matched. */
  unused(): string[] {
    return [...this.#unused];
  }
}
