// What stores have to know of how long flows keep their instances.

import type { KeepTimes } from "../flow/keep.ts";

export type { EndedStatus, KeepTimes } from "../flow/keep.ts";
export { ENDED_STATUSES } from "../flow/keep.ts";

/** Nothing is ever removed. */
export const FOREVER: KeepTimes = Object.freeze({ completed: null, failed: null, cancelled: null });
