import fc from "fast-check";

/**
 * Property tests draw the same examples at each run, so that a red run speaks of the change and not of chance.
 * `WAYMARK_SEED=random` looks for new ones, `WAYMARK_SEED=<number>` repeats one; `WAYMARK_RUNS` says how many.
 */
const FIXED_SEED = 20_261_123;

const wanted = process.env["WAYMARK_SEED"] ?? String(FIXED_SEED);
if (wanted !== "random") {
  if (!/^-?\d+$/.test(wanted)) throw new TypeError(`WAYMARK_SEED must be a whole number or "random", not "${wanted}".`);
  fc.configureGlobal({ seed: Number(wanted) });
}
