import { appendFileSync } from "node:fs";

/** One execution of a task's body, as the world outside saw it. */
export interface OracleLine {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly pid: number;
  readonly worker: string;
  readonly instance: string;
  readonly task: string;
  readonly attempt: number;
  readonly effect: string;
  readonly key: string;
}

export type Oracle = (line: Omit<OracleLine, "at" | "pid" | "worker">) => void;

/**
 * Notes every call of a service in a file, one line of JSON each, apart from the engine and its database: so
 * that somebody can compare what ran with what was recorded. Written when the call begins, before it returns.
 */
export function openOracle(file: string | null, worker: string): Oracle {
  if (file === null) return () => undefined;
  return (line) => {
    const full: OracleLine = { at: Date.now(), pid: process.pid, worker, ...line };
    appendFileSync(file, `${JSON.stringify(full)}\n`);
  };
}
