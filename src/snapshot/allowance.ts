// What stores have to know of what flows are limited by.

export type { Allowance, Limit, Rate } from "../flow/limit.ts";
export { isLimit } from "../flow/limit.ts";

/** Whose share of a limit is taken where nothing says whose. */
export const COMMON_KEY = "*";
