import { plainText, tableText } from "./terminal-text.ts";

/** Where a command says what it has found: lines for people, or one JSON value for programs. */
export class Output {
  readonly #asJson: boolean;
  /** Whether a line of progress stands at the terminal. */
  #isUnderWay = false;

  constructor(asJson: boolean) {
    this.#asJson = asJson;
  }

  /** Says the value where JSON is asked for, and these lines otherwise. */
  say(value: unknown, lines: () => readonly string[] | string): void {
    if (this.#asJson) return this.#write(JSON.stringify(value, jsonValue, 2));
    const said = lines();
    this.#write(typeof said === "string" ? said : said.map((line) => plainText(line)).join("\n"));
  }

  table(value: unknown, head: readonly string[], rows: readonly (readonly string[])[], none: string): void {
    this.say(value, () => (rows.length === 0 ? none : tableText(head, rows)));
  }

  /** One of many values that are said as they come: as JSON on a line of its own, for programs. */
  line(value: unknown, text: string): void {
    this.#write(this.#asJson ? JSON.stringify(value, jsonValue) : plainText(text));
  }

  /** Something besides, for people alone. */
  hint(text: string): void {
    if (!this.#asJson) this.#write(plainText(text));
  }

  /** How far something long is: on one line, which the next word about it replaces. Said to terminals only. */
  progress(text: string): void {
    if (this.#asJson || !process.stderr.isTTY) return;
    process.stderr.write(`\r\u001B[2K${plainText(text)}`);
    this.#isUnderWay = true;
  }

  #write(text: string): void {
    if (this.#isUnderWay) process.stderr.write("\r\u001B[2K");
    this.#isUnderWay = false;
    if (text.length > 0) process.stdout.write(`${text}\n`);
  }
}

/** JSON knows no bigint, no Map, and shows nothing of bytes. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return value;
}

/** Any value on one line. */
export function valueText(value: unknown): string {
  return value === undefined ? "undefined" : JSON.stringify(value, jsonValue);
}

export function timeText(time: Date | null): string {
  return time === null
    ? ""
    : time
        .toISOString()
        .replace("T", " ")
        .replace(/\.\d+Z$/, "Z");
}

/** A span of time as people say it. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3_600)} h`;
}
