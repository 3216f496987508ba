import { parseArgs } from "node:util";
import type { Speed } from "./pace.ts";

export interface Options {
  /** Of a new batch; `null` if not given. */
  readonly orders: number | null;
  readonly seed: number | null;
  readonly speed: Speed;
  /** A duration, as the worker takes it. */
  readonly lease: string;
  readonly oracle: string | null;
  /** Begins a new batch even if the last one is not complete. */
  readonly fresh: boolean;
  readonly help: boolean;
}

/** What was typed can't be understood. The message says what to type instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const HELP = `Order fulfilment: some dozens of orders through a durable flow, in this process.

  npm start                      works through a batch of 24 orders
  kill -9 <its pid>              at any moment, as often as you like
  npm start                      goes on where it was; when all orders have ended, begins the next batch

Options (npm wants a "--" before them: npm start -- --orders 50)

  --orders <n>       how many orders a new batch has, 1 to 1000 (24)
  --seed <n>         decides who orders what, and what goes wrong, in a new batch (1)
  --speed <speed>    "normal", to watch; "fast", for tests
  --lease <time>     how long the orders of a killed process stay reserved for it (3s)
  --new              begins a new batch, even if the last one is not complete
  --oracle <file>    appends a line to the file for each call of the simulated world outside
  --help             shows this

DATABASE_URL names the PostgreSQL to use; without it, one is started in .waymark/postgres.
`;

const FLAGS = {
  orders: { type: "string" },
  seed: { type: "string" },
  speed: { type: "string", default: "normal" },
  lease: { type: "string", default: "3s" },
  oracle: { type: "string" },
  new: { type: "boolean", default: false },
  help: { type: "boolean", default: false, short: "h" },
} as const;

/** @throws {UsageError} */
export function parseOptions(args: readonly string[]): Options {
  const values = readFlags(args);
  return {
    orders: values.orders === undefined ? null : wholeNumber(values.orders, "--orders", 1, 1_000),
    seed: values.seed === undefined ? null : wholeNumber(values.seed, "--seed", 0, 1_000_000),
    speed: speedFrom(values.speed),
    lease: leaseFrom(values.lease),
    oracle: values.oracle ?? null,
    fresh: values.new,
    help: values.help,
  };
}

function readFlags(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof FLAGS }>>["values"] {
  // Not strict, to find what is unknown ourselves: the messages are better than those of Node.
  const { tokens } = parseArgs({ args: [...args], options: FLAGS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === "positional")
      throw new UsageError(`"${token.value}" is not understood here.${asFlag(token.value)}`);
    if (token.kind !== "option") continue;
    if (!Object.hasOwn(FLAGS, token.name)) {
      throw new UsageError(`There is no option ${token.rawName}.${suggestionFor(token.name)}`);
    }
    const { type } = FLAGS[token.name as keyof typeof FLAGS];
    if (type === "string" && (token.value ?? "") === "") throw new UsageError(`${token.rawName} needs a value.`);
    if (type === "boolean" && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
  }
  return parseArgs({ args: [...args], options: FLAGS }).values;
}

function asFlag(word: string): string {
  return Object.hasOwn(FLAGS, word) ? ` Did you mean --${word}?` : "";
}

function suggestionFor(name: string): string {
  const near = Object.keys(FLAGS).find((flag) => isNear(name, flag));
  return near === undefined ? "" : ` Did you mean --${near}?`;
}

/** Whether one is the beginning of the other, or a letter too many, missing or wrong makes the difference. */
function isNear(name: string, flag: string): boolean {
  if (name.length > 1 && (flag.startsWith(name) || name.startsWith(flag))) return true;
  const variants = (text: string): string[] => Array.from(text, (_, at) => text.slice(0, at) + text.slice(at + 1));
  const shorter = variants(name);
  return shorter.includes(flag) || variants(flag).some((variant, at) => variant === name || variant === shorter[at]);
}

function wholeNumber(text: string, flag: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`${flag} must be a whole number from ${least} to ${most}, not "${text}".`);
}

function speedFrom(text: string): Speed {
  if (text === "normal" || text === "fast") return text;
  throw new UsageError(`--speed must be "normal" or "fast", not "${text}".`);
}

function leaseFrom(text: string): string {
  if (/^([1-9]\d{2,5}ms|[1-9]\d{0,2}s)$/.test(text)) return text;
  throw new UsageError(`--lease must be a time such as 500ms or 3s, at least 100ms, not "${text}".`);
}
