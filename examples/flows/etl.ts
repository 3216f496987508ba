/** A nightly import: many files side by side, a few of which may be broken; the report says which. */
import { type Flow, flow } from "waymark";

export interface Night {
  readonly date: string;
}

export interface Source {
  list(date: string): Promise<readonly string[]>;
  /** The rows of a file; rejects if it is broken. */
  read(file: string): Promise<readonly number[]>;
  store(file: string, total: number): Promise<void>;
}

export interface Report {
  readonly imported: number;
  readonly total: number;
  readonly broken: readonly string[];
}

export function importFlow(source: Source): Flow<Night, Report> {
  const one = flow<string>("file")
    .then("read", async (file) => ({ file, rows: await source.read(file) }), {
      retry: { attempts: 3, initialDelay: "10ms" },
    })
    .then("load", async ({ file, rows }) => {
      const total = rows.reduce((sum, row) => sum + row, 0);
      await source.store(file, total);
      return { file, total };
    })
    .build();
  return flow<Night>("nightly-import")
    .map("files", ({ date }) => source.list(date), one, { concurrency: 10, onFailure: { tolerate: 20 } })
    .then("report", (files) => ({
      imported: files.filter(({ ok }) => ok).length,
      total: files.reduce((sum, file) => sum + (file.ok ? file.value.total : 0), 0),
      broken: files.flatMap((file) => (file.ok ? [] : [file.failure.message])),
    }))
    .build();
}
