import type { Metric } from "../workload.ts";
import type { Outcome } from "./child-process.ts";
import { median } from "./statistics.ts";

/** What came out, by workload and engine: one outcome a repetition. */
export class Results {
  readonly #outcomes = new Map<string, Outcome[]>();
  readonly #settings = new Map<string, readonly string[]>();

  add(workload: string, engine: string, outcome: Outcome): void {
    const key = `${workload} ${engine}`;
    this.#outcomes.set(key, [...(this.#outcomes.get(key) ?? []), outcome]);
    if (outcome.kind !== "failed") this.#settings.set(engine, outcome.settings);
  }

  outcomes(workload: string, engine: string): readonly Outcome[] {
    return this.#outcomes.get(`${workload} ${engine}`) ?? [];
  }

  settingsOf(engine: string): readonly string[] {
    return this.#settings.get(engine) ?? [];
  }

  /** Every value of a metric that was measured. */
  values(workload: string, engine: string, { key }: Metric): number[] {
    return this.outcomes(workload, engine).flatMap((outcome) => {
      const value = outcome.kind === "measured" ? outcome.metrics[key] : undefined;
      return value === undefined ? [] : [value];
    });
  }

  /** The median; `null` where nothing was measured. */
  value(workload: string, engine: string, metric: Metric): number | null {
    const values = this.values(workload, engine, metric);
    return values.length === 0 ? null : median(values);
  }

  /** Why there is no number, once for each reason. */
  reasons(workload: string, engine: string): readonly string[] {
    const texts = this.outcomes(workload, engine).flatMap((outcome) => {
      if (outcome.kind === "measured") return [];
      return [
        outcome.kind === "failed" ? `failed: ${outcome.reason.split("\n").slice(0, 3).join(" ")}` : outcome.reason,
      ];
    });
    return [...new Set(texts)];
  }
}
