import { InvalidArgumentError } from "../errors/argument-errors.ts";

/** Bounds on what a codec encodes. A value beyond one of them is refused before anything is written. */
export interface ValueLimits {
  /** Deepest nesting of arrays, objects, maps, sets and errors. Default 200; at most 400. */
  readonly maxDepth?: number;
  /** Most values in all; one that is reached twice counts twice. Default 1,000,000. */
  readonly maxNodes?: number;
  /** Most bytes that the encoded value may take. Default 256 MiB; at most 1 GiB - 1, PostgreSQL's limit. */
  readonly maxBytes?: number;
}

/** {@link ValueLimits}, checked and complete. */
export interface ResolvedValueLimits {
  readonly maxDepth: number;
  readonly maxNodes: number;
  readonly maxBytes: number;
}

/** The largest `maxDepth`. Recursion that deep still fits the stack of a caller that is deep itself. */
export const MAX_VALUE_DEPTH = 400;

/**
 * How deep arrays, objects and tags may nest in stored bytes. One level of a value takes up to three
 * there, so this lets every codec read whatever some codec was allowed to write.
 */
export const MAX_STORED_DEPTH = 1_250;

/** Longest bigint, in bits. Converting to decimal takes quadratic time: at this size, about 2 ms. */
export const MAX_BIGINT_BITS = 65_536;

const DEFAULTS: ResolvedValueLimits = { maxDepth: 200, maxNodes: 1_000_000, maxBytes: 256 * 1024 * 1024 };
const MAX_BYTES = 1024 * 1024 * 1024 - 1;

/** @throws {InvalidArgumentError} a limit is not a whole number in its range */
export function resolveValueLimits(limits: ValueLimits): ResolvedValueLimits {
  return {
    maxDepth: wholeNumber("options.maxDepth", limits.maxDepth ?? DEFAULTS.maxDepth, MAX_VALUE_DEPTH),
    maxNodes: wholeNumber("options.maxNodes", limits.maxNodes ?? DEFAULTS.maxNodes, Number.MAX_SAFE_INTEGER),
    maxBytes: wholeNumber("options.maxBytes", limits.maxBytes ?? DEFAULTS.maxBytes, MAX_BYTES),
  };
}

/**
 * `value`, if it is a whole number from `min` to `max`.
 *
 * @throws {InvalidArgumentError} naming `field`
 */
export function wholeNumber(field: string, value: number, max: number, min: number = 1): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(field, `must be a whole number from ${min} to ${max}.`);
  }
  return value;
}
