/** How many of the last lines a failure shows. */
const KEPT_LINES = 200;

/** What has happened in a run, line by line: its end, and a digest of all of it. */
export class RunLog {
  readonly #lines: string[] = [];
  readonly #all: string[] | null;
  #low = 0x811c9dc5;
  #high = 0x9747b28c;

  /** @param keepsAll - so that `all` has them */
  constructor(keepsAll: boolean) {
    this.#all = keepsAll ? [] : null;
  }

  add(line: string): void {
    for (let index = 0; index < line.length; index++) {
      const code = line.charCodeAt(index);
      this.#low = Math.imul(this.#low ^ code, 0x01000193);
      this.#high = Math.imul(this.#high ^ code, 0x85ebca6b);
    }
    this.#all?.push(line);
    this.#lines.push(line);
    if (this.#lines.length >= 2 * KEPT_LINES) this.#lines.splice(0, KEPT_LINES);
  }

  /** The last lines. */
  get last(): readonly string[] {
    return this.#lines.slice(-KEPT_LINES);
  }

  /** All lines, if they were kept; else the last ones. */
  get all(): readonly string[] {
    return this.#all ?? this.last;
  }

  /** Runs whose digests are the same went the same way. 16 hexadecimal digits; not cryptographic. */
  get digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
