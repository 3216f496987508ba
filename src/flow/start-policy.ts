import { kindOf } from "../ids.ts";
import type { Duration } from "../time/duration.ts";
import { readOptions } from "./known-options.ts";
import { type Limit, limit, type Rate, type RateOptions, resolveAllowance } from "./limit.ts";
import { checkedNumber, resolveChoice, resolveSpan } from "./option-values.ts";

/** What submissions have in common that are started one for the other. */
export interface StartKey<Input> {
  /** Gets the input, as its schema gives it back, and returns 1 to 255 characters. Default: all submissions of the flow share one key. */
  readonly key?: (input: Input) => string;
}

/** At most one instance with a key lives. */
export interface SingletonOptions<Input> extends StartKey<Input> {
  /**
   * What becomes of a submission while another instance with its key lives. "reject": it is refused (START_REFUSED; with
   * `onConflict: "useExisting"` it gives the one that lives). "replace": the one that lives is cancelled at once, and it begins. "queue":
   * it begins when the one before it has ended. Default: "reject".
   */
  readonly onConflict?: "reject" | "replace" | "queue";
}

/** Submissions with a key that come shortly after each other become one instance, with the input of the last. */
export interface DebounceOptions<Input> extends StartKey<Input> {
  /** How long nothing more must have come before it begins. */
  readonly wait: Duration;
  /** How long after the first submission it begins at the latest. Default: as late as it takes. */
  readonly maxWait?: Duration;
}

/**
 * Of one key, instances begin at least so far apart. The first begins at once; what comes before the next may begin becomes one instance, with the
 * input of the last.
 */
export interface ThrottleOptions<Input> extends StartKey<Input> {
  readonly per: Duration;
}

/** Submissions beyond a rate are refused (START_REFUSED). What is to wait instead needs a `limit` with a rate. */
export interface RateLimitOptions<Input> extends StartKey<Input>, RateOptions {}

/** What is added to a batch with `client.addToBatch` goes together into one instance: its input is the list. */
export interface BatchOptions<Item> extends StartKey<Item> {
  /** How many it has at most; 1 to 1,000. With so many, it begins at once. */
  readonly size: number;
  /** How long after its first it begins at the latest. */
  readonly wait: Duration;
}

/** An element of a list. */
export type ItemOf<Input> = Input extends readonly (infer Item)[] ? Item : never;

/** How submissions of a flow become instances; at most one of these. Children and instances that a `Runner` starts are not concerned. */
export interface StartPolicyOptions<Input> {
  readonly singleton?: SingletonOptions<Input>;
  readonly debounce?: DebounceOptions<Input>;
  readonly throttle?: ThrottleOptions<Input>;
  readonly rateLimit?: RateLimitOptions<Input>;
  /** Of a flow whose input is a list. */
  readonly batch?: BatchOptions<ItemOf<Input>>;
}

type KeyFunction = (input: unknown) => unknown;

/** What `StartPolicyOptions` say, checked. `key` is `null` where all share one. */
export type StartPolicy = { readonly key: KeyFunction | null } & (
  | { readonly kind: "singleton"; readonly onConflict: "reject" | "replace" }
  | { readonly kind: "debounce"; readonly waitMs: number; readonly maxWaitMs: number | null }
  | { readonly kind: "throttle"; readonly perMs: number }
  | { readonly kind: "rateLimit"; readonly rate: Rate }
  | { readonly kind: "batch"; readonly size: number; readonly waitMs: number }
);

/** A singleton whose submissions queue: a limit says all of it. */
export interface Queued {
  readonly limit: Limit;
  readonly key: KeyFunction | null;
}

const KINDS = ["singleton", "debounce", "throttle", "rateLimit", "batch"] as const;
export const START_POLICY_KEYS: readonly (typeof KINDS)[number][] = KINDS;
const LARGEST_BATCH = 1_000;
const LONGEST_NAME = 100;

/**
 * How submissions become instances, as the options of a flow say it; what is wrong goes to `issues`.
 *
 * @param flow - its name
 */
export function resolveStartPolicy(
  options: Readonly<Record<(typeof KINDS)[number], unknown>>,
  flow: string,
  issues: string[],
): { readonly policy: StartPolicy | null; readonly queued: Queued | null } {
  const given = KINDS.filter((kind) => options[kind] !== undefined);
  const nothing = { policy: null, queued: null };
  if (given.length > 1) {
    issues.push(`${given.join(" and ")} say each how submissions become instances; say one of them`);
    return nothing;
  }
  const [kind] = given;
  if (kind === undefined) return nothing;
  const before = issues.length;
  const resolved = RESOLVERS[kind](options[kind], kind, issues);
  if (issues.length > before) return nothing;
  if (resolved.kind !== "queue") return { policy: Object.freeze(resolved), queued: null };
  const name = `singleton:${flow}`;
  if (name.length > LONGEST_NAME) {
    issues.push(
      `singleton needs a flow's name of at most ${LONGEST_NAME - name.length + flow.length} characters to queue by`,
    );
    return nothing;
  }
  const one = { concurrency: 1 };
  return {
    policy: null,
    queued: { limit: limit(name, resolved.key === null ? one : { perKey: one }), key: resolved.key },
  };
}

type Resolved = StartPolicy | { readonly kind: "queue"; readonly key: KeyFunction | null };

const RESOLVERS: Readonly<
  Record<(typeof KINDS)[number], (value: unknown, field: string, issues: string[]) => Resolved>
> = {
  singleton: (value, field, issues) => {
    const options = readOptions(given(value, field, issues), field, ["key", "onConflict"], issues);
    const key = resolveKey(options.key, field, issues);
    const words = ["reject", "replace", "queue"] as const;
    const onConflict = resolveChoice(options.onConflict, `${field}.onConflict`, words, issues);
    return onConflict === "queue" ? { kind: "queue", key } : { kind: "singleton", key, onConflict };
  },
  debounce: (value, field, issues) => {
    const options = readOptions(given(value, field, issues), field, ["key", "wait", "maxWait"], issues);
    const waitMs = requireSpan(options.wait, `${field}.wait`, issues);
    const maxWaitMs = resolveSpan(options.maxWait, `${field}.maxWait`, issues);
    if (maxWaitMs !== null && maxWaitMs < waitMs) issues.push(`${field}.maxWait must be at least wait`);
    return { kind: "debounce", key: resolveKey(options.key, field, issues), waitMs, maxWaitMs };
  },
  throttle: (value, field, issues) => {
    const options = readOptions(given(value, field, issues), field, ["key", "per"], issues);
    const perMs = requireSpan(options.per, `${field}.per`, issues);
    return { kind: "throttle", key: resolveKey(options.key, field, issues), perMs };
  },
  rateLimit: (value, field, issues) => {
    const { key: keyOption, ...rate } = readOptions(
      given(value, field, issues),
      field,
      ["key", "count", "per", "burst"],
      issues,
    );
    // Nothing waits that could be spread: as many as the rate names may come at once.
    const resolved = resolveAllowance(
      { rate: { ...rate, burst: rate.burst ?? rate.count } },
      `${field}: `,
      issues,
    ).rate;
    const key = resolveKey(keyOption, field, issues);
    return { kind: "rateLimit", key, rate: resolved ?? { count: 1, perMs: 1, burst: 1 } };
  },
  batch: (value, field, issues) => {
    const options = readOptions(given(value, field, issues), field, ["key", "size", "wait"], issues);
    if (options.size === undefined) issues.push(`${field}.size must be given`);
    const range = { min: 1, max: LARGEST_BATCH, whole: true };
    const size = checkedNumber(options.size, `${field}.size`, 1, issues, range);
    const waitMs = requireSpan(options.wait, `${field}.wait`, issues);
    return { kind: "batch", key: resolveKey(options.key, field, issues), size, waitMs };
  },
};

/** `readOptions` takes `undefined` for no options, and `null` must not be taken for that. */
function given(value: unknown, field: string, issues: string[]): unknown {
  if (typeof value === "object" && value !== null) return value;
  issues.push(`${field} must be an object of options, not ${kindOf(value)}`);
  return undefined;
}

function resolveKey(value: unknown, field: string, issues: string[]): KeyFunction | null {
  if (value === undefined) return null;
  if (typeof value === "function") return value as KeyFunction;
  issues.push(`${field}.key must be a function of the input, not ${kindOf(value)}`);
  return null;
}

function requireSpan(value: unknown, field: string, issues: string[]): number {
  if (value === undefined) issues.push(`${field} must be given`);
  return resolveSpan(value, field, issues) ?? 1;
}
