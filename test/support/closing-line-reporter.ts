import type { Reporter, TestModule, Vitest } from "vitest/node";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** One module's tests, plus one failure if the module itself could not be loaded or a hook of it failed. */
export function countTests(modules: readonly Pick<TestModule, "children" | "errors">[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that was never reached, because the run was cut short, has not passed.
      counts[state === "pending" ? "failed" : state] += 1;
    }
    if (module.errors().length > 0) counts.failed += 1;
  }
  return counts;
}

export function closingLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

/**
 * Prints `N passed, N failed, N skipped` as the very last line of a run, for scripts that read it.
 * It waits for the process to end, because coverage and global teardown print after the last test.
 */
export default class ClosingLineReporter implements Reporter {
  #counts: Counts = { passed: 0, failed: 0, skipped: 0 };

  onInit(vitest: Vitest): void {
    if (vitest.config.watch) return;
    process.once("exit", (exitCode) => {
      const failed = this.#counts.failed;
      // A run that failed for another reason (a threshold, an error in global setup) must not read as a success.
      const counts = exitCode !== 0 && failed === 0 ? { ...this.#counts, failed: 1 } : this.#counts;
      process.stdout.write(`${closingLine(counts)}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    this.#counts = countTests(modules);
    this.#counts.failed += unhandledErrors.length;
  }
}
