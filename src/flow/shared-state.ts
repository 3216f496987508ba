import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { isA, kindOf, nameIssue } from "../ids.ts";
import { readRecord } from "../plain-record.ts";
import { unknownName } from "./known-options.ts";

const BRAND: unique symbol = Symbol.for("waymark.state") as never;
const MERGED: unique symbol = Symbol.for("waymark.merged") as never;
/** Most keys of one state. */
const MAX_KEYS = 1_000;

/** A key of a state that is not replaced but merged, made by `merged()`. */
export interface Merged<Value> {
  readonly [MERGED]: true;
  readonly initial: Value;
  merge(current: Value, change: Value): Value;
}

/** What a key begins with, and what a change does to it. */
export interface StateField {
  readonly initial: unknown;
  /** `null`: a change replaces it. */
  readonly merge: ((current: unknown, change: unknown) => unknown) | null;
}

/** The values of a state, from what was given for its keys. */
export type StateValues<Shape> = {
  [Key in keyof Shape]: Shape[Key] extends Merged<infer Value> ? Value : Shape[Key];
};

/** A change of a state: what is not there, or `undefined`, stays as it is. */
export type StateChange<Values> = { readonly [Key in keyof Values]?: Values[Key] | undefined };

/** The values of a state, by its type: `StateOf<typeof board>`. */
export type StateOf<State> = State extends SharedState<infer Values> ? Values : never;

/**
 * What the tasks of an instance share, made by `state()`. It names the state wherever that is read or changed, and holds no
 * values itself.
 *
 * @typeParam Values - the type of the values, by key
 */
export class SharedState<Values extends object = object> {
  readonly fields: ReadonlyMap<string, StateField>;
  /** Exists for the type checker only. */
  declare readonly "~types"?: { readonly values: Values };
  readonly #flows = new Set<string>();

  /** Use `state(…)`; the constructor doesn't validate. */
  constructor(fields: ReadonlyMap<string, StateField>) {
    this.fields = fields;
    Object.defineProperty(this, BRAND, { value: true });
    Object.freeze(this);
  }

  static is(value: unknown): value is SharedState {
    return value instanceof SharedState;
  }

  /** A flow of this name has been built with it. */
  addFlow(name: string): void {
    this.#flows.add(name);
  }

  /** Whether it is the state of flows of this name, as far as this process can tell: it need not have built any. */
  belongsTo(flow: string): boolean {
    return this.#flows.size === 0 || this.#flows.has(flow);
  }
}

/**
 * The state that the tasks of an instance share. Give it to the flow: `flow(name, { state: board })`; its tasks then use it by
 * `context.state`, clients by `query` and `update`.
 *
 * @param shape - what each key begins with: any value that the codec can store, which a change replaces; or
 *   `merged(initial, merge)`, where changes are merged. Neither is part of the definition hash: a new key begins with its
 *   value in instances that are under way, one that is gone is not shown any more
 * @throws {InvalidArgumentError} naming the key at fault
 *
 * @example
 * ```ts
 * import { flow, merged, state } from "waymark";
 *
 * const board = state({
 *   status: "new",
 *   packed: merged(0, (current, change) => current + change),
 *   notes: merged<readonly string[]>([], (current, change) => [...current, ...change]),
 * });
 *
 * export const order = flow<{ items: number }>("order", { state: board })
 *   .then("pack", (input, { state }) => {
 *     state.update(board, { status: "packed", packed: input.items, notes: ["packed"] });
 *   })
 *   .then("report", async (_, { state }) => (await state.read(board)).notes.join(", "))
 *   .build();
 * ```
 */
export function state<Shape extends object>(shape: Shape): SharedState<StateValues<Shape>> {
  const given: unknown = shape;
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new InvalidArgumentError("shape", `must be an object of the state's keys, not ${kindOf(given)}.`);
  const entries = Object.entries(given);
  if (entries.length === 0) throw new InvalidArgumentError("shape", "has no keys; name one at least.");
  if (entries.length > MAX_KEYS)
    throw new InvalidArgumentError("shape", `has ${entries.length} keys; the limit is ${MAX_KEYS}.`);
  const fields = new Map<string, StateField>();
  for (const [key, value] of entries) {
    const issue = nameIssue(key);
    if (issue !== null) throw new InvalidArgumentError("shape", `has a key that ${issue}.`);
    fields.set(key, fieldFrom(key, value));
  }
  return new SharedState<StateValues<Shape>>(fields);
}

/**
 * A key whose changes are merged: where branches change it side by side, and where a change comes from outside, none is lost.
 *
 * @param initial - what it begins with
 * @param merge - gives the value after a change; changes nothing itself. It must be associative, because the changes of a
 *   branch are merged with each other before they are merged with the value:
 *   `merge(merge(a, b), c)` is `merge(a, merge(b, c))`. A sum is, and a maximum, a union, a list that is appended to
 * @throws {InvalidArgumentError} `merge` is not a function
 */
export function merged<Value>(initial: Value, merge: (current: Value, change: Value) => Value): Merged<Value> {
  if (typeof merge !== "function")
    throw new InvalidArgumentError(
      "merge",
      `must be a function of the current value and the change, not ${kindOf(merge)}.`,
    );
  return Object.freeze({ [MERGED]: true as const, initial, merge });
}

function fieldFrom(key: string, value: unknown): StateField {
  if (typeof value === "object" && value !== null && MERGED in value) {
    const field = value as Merged<unknown>;
    return { initial: checkInitial(key, field.initial), merge: (current, change) => field.merge(current, change) };
  }
  return { initial: checkInitial(key, value), merge: null };
}

function checkInitial(key: string, initial: unknown): unknown {
  if (typeof initial !== "function" && !(initial instanceof Promise) && initial !== undefined) return initial;
  const remedy = initial === undefined ? " Use null for nothing." : "";
  throw new InvalidArgumentError(
    `shape.${key}`,
    `must be a value that can be stored, not ${kindOf(initial)}.${remedy}`,
  );
}

/** What each key of a state begins with. */
export function initialValues({ fields }: SharedState): Record<string, unknown> {
  return Object.fromEntries(Array.from(fields, ([key, { initial }]) => [key, initial]));
}

/** The values after some changes, one after the other. What another version of the program has stored is kept. */
export function applyChanges(
  { fields }: SharedState,
  values: Readonly<Record<string, unknown>>,
  changes: readonly Readonly<Record<string, unknown>>[],
): Record<string, unknown> {
  const next: Record<string, unknown> = { ...values };
  for (const change of changes) {
    for (const [key, value] of Object.entries(change)) {
      if (value === undefined) continue;
      const field = fields.get(key);
      next[key] =
        field?.merge == null ? value : field.merge(Object.hasOwn(next, key) ? next[key] : field.initial, value);
    }
  }
  return next;
}

/** One change that does what some do, one after the other. */
export function composeChanges(
  { fields }: SharedState,
  changes: readonly Readonly<Record<string, unknown>>[],
): Record<string, unknown> {
  const composed: Record<string, unknown> = {};
  for (const change of changes) {
    for (const [key, value] of Object.entries(change)) {
      if (value === undefined) continue;
      const merge = fields.get(key)?.merge ?? null;
      composed[key] = merge === null || !Object.hasOwn(composed, key) ? value : merge(composed[key], value);
    }
  }
  return composed;
}

/** The values of the keys that a state has now. */
export function shownValues(
  state: SharedState,
  values: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Array.from(state.fields, ([key, { initial }]) => [key, Object.hasOwn(values, key) ? values[key] : initial]),
  );
}

/**
 * @param field - names the change in errors
 * @returns a copy of what it changes, without what is `undefined`
 * @throws {InvalidArgumentError} it isn't an object of the state's keys
 */
export function checkChange({ fields }: SharedState, change: unknown, field: string): Record<string, unknown> {
  if (typeof change !== "object" || change === null || Array.isArray(change) || isA(change, Promise))
    throw new InvalidArgumentError(field, `must be an object of the state's keys, not ${kindOf(change)}.`);
  const { entries, issue, cause } = readRecord(change);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`, { cause });
  for (const [key] of entries)
    if (!fields.has(key))
      throw new InvalidArgumentError(field, `has an unknown key ${unknownName(key, [...fields.keys()])}.`);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
