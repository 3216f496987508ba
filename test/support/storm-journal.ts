import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** What a worker process has seen happen. */
export interface JournalLine {
  readonly what: "begin" | "end" | "fenced";
  readonly worker: string;
  readonly pid: number;
  readonly instance: string;
  readonly task: string;
  readonly attempt: number;
  /** The idempotency key; empty where nothing has one. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Writes lines that are there when the process is killed right after. */
export class Journal {
  readonly #file: number;
  readonly #worker: string;

  constructor(path: string, worker: string) {
    this.#file = openSync(path, "a");
    this.#worker = worker;
  }

  write(line: Omit<JournalLine, "worker" | "pid" | "at">): void {
    const whole: JournalLine = { worker: this.#worker, pid: process.pid, at: Date.now(), ...line };
    writeSync(this.#file, `${JSON.stringify(whole)}\n`);
  }
}

/** The journals of all processes, one after the other. */
export function readJournals(folder: string): readonly JournalLine[] {
  return readdirSync(folder).flatMap((name) => {
    // What a killed process has not quite written is no line.
    const lines = readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as JournalLine);
  });
}
