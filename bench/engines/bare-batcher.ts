import type pg from "pg";

type Row = readonly unknown[];

interface Waiting {
  readonly row: Row;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers rows while earlier batches are in flight; a lone row leaves at once. The first column is the instance. */
export class RowBatcher {
  readonly #pool: pg.Pool;
  readonly #text: string;
  readonly #maxRows: number;
  readonly #parallel: number;
  readonly #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(pool: pg.Pool, text: string, maxRows: number, parallel: number) {
    this.#pool = pool;
    this.#text = text;
    this.#maxRows = maxRows;
    this.#parallel = parallel;
  }

  /** Resolves when the row has been accepted. */
  push(row: Row): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ row, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight >= this.#parallel || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#inFlight < this.#parallel && this.#waiting.length > 0) {
        void this.#send(this.#waiting.splice(0, this.#maxRows));
      }
    });
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    this.#inFlight += 1;
    const columns = batch[0]?.row.length ?? 0;
    const values = Array.from({ length: columns }, (_, column) => batch.map(({ row }) => row[column]));
    try {
      const { rows } = await this.#pool.query<{ instance_id: string }>(this.#text, values);
      const accepted = new Set(rows.map(({ instance_id }) => instance_id));
      for (const { row, resolve, reject } of batch) {
        if (accepted.has(row[0] as string)) resolve();
        else reject(new Error(`A stale token was refused for ${String(row[0])}.`));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }
}
