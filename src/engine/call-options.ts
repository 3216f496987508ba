import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { Flow } from "../flow/flow-definition.ts";
import { unknownName } from "../flow/known-options.ts";
import { isA, kindOf } from "../ids.ts";
import { readRecord } from "../plain-record.ts";

/**
 * Refuses what a JavaScript caller may pass for an options object: something else, or a key that nobody
 * would read, which is most likely a misspelling of one that somebody would.
 *
 * @throws {InvalidArgumentError} naming `field`
 */
export function checkOptions(options: unknown, known: readonly string[], field: string = "options"): void {
  const { entries, issue, cause } = readRecord(options, known);
  if (issue !== null) throw new InvalidArgumentError(field, `${issue}.`, { cause });
  for (const [key] of entries) {
    if (!known.includes(key)) throw new InvalidArgumentError(field, `has an unknown key ${unknownName(key, known)}`);
  }
}

/** @throws {InvalidArgumentError} naming `field` */
export function checkAbortSignal(signal: unknown, field: string): void {
  if (signal !== undefined && !isA(signal, AbortSignal))
    throw new InvalidArgumentError(field, `must be an AbortSignal, not ${kindOf(signal)}.`);
}

/** @throws {InvalidArgumentError} naming `field` */
export function checkFlow(flow: unknown, field: string = "flow"): asserts flow is Flow {
  if (isA(flow, Flow)) return;
  if (Flow.is(flow))
    throw new InvalidArgumentError(
      field,
      'is a flow of another copy of waymark, so that the two know nothing of each other. Install it once, and make the file that builds the flow an ECMAScript module ("type": "module" in package.json).',
    );
  throw new InvalidArgumentError(field, `must be a built flow, not ${kindOf(flow)}. Did you call .build()?`);
}

/** @throws {InvalidArgumentError} naming `field` */
export function checkFunction(value: unknown, field: string): void {
  if (typeof value !== "function") throw new InvalidArgumentError(field, `must be a function, not ${kindOf(value)}.`);
}
