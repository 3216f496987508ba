import type { Result } from "./store-run.ts";

/**
 * Turns answers of a backend into data that is equal for two backends that behave alike: tokens and
 * sequences are numbered in the order of their appearance, times are relative to the start of the run,
 * errors are class, code and facts.
 */
export class ComparableOutcomes {
  readonly #start: number;
  readonly #numbers = new Map<string, Map<bigint, string>>();

  constructor(start: number) {
    this.#start = start;
  }

  of(result: Result): unknown {
    return "error" in result ? this.#ofError(result.error) : this.ofValue("", result.value);
  }

  ofValue(name: string, value: unknown): unknown {
    if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("utf8")}`;
    if (typeof value === "bigint") return this.#numbered(name, value);
    if (typeof value === "number") return TIMES.has(name) ? `${value - this.#start} ms` : value;
    if (Array.isArray(value)) return this.#ofList(value);
    if (typeof value !== "object" || value === null) return value ?? null;
    return this.#ofObject(value);
  }

  #ofList(values: readonly unknown[]): unknown {
    const list = values.map((value) => this.ofValue("", value));
    // These come in no particular order.
    const isUnordered = values.every((value) => isObject(value) && (isGranted(value) || isResult(value)));
    return isUnordered ? list.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : list;
  }

  #ofObject(value: object): unknown {
    // Of a buffered event only the order of its sequence means anything, and that shows in what is taken.
    const isEvent = "payload" in value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([name]) => !(isEvent && name === "sequence"))
        .map(([name, part]) => [name, this.ofValue(name, part)] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  #ofError(error: Error): unknown {
    const facts = Object.entries(error).filter(([name]) => ERROR_FACTS.has(name));
    return { error: error.name, ...Object.fromEntries(facts) };
  }

  #numbered(name: string, value: bigint): string {
    const known = this.#numbers.get(name) ?? new Map<bigint, string>();
    this.#numbers.set(name, known);
    const text = known.get(value) ?? `${name} ${known.size}`;
    known.set(value, text);
    return text;
  }
}

const TIMES: ReadonlySet<string> = new Set([
  "now",
  "at",
  "createdAt",
  "endedAt",
  "availableAt",
  "wakeAt",
  "expiresAt",
  "claimedAt",
]);
const ERROR_FACTS: ReadonlySet<string> = new Set(["code", "instanceId", "taskId", "from", "position"]);

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isGranted(value: object): boolean {
  return Object.keys(value).toSorted().join() === "path,token";
}

function isResult(value: object): boolean {
  return "outputRef" in value && !("sequence" in value);
}
