import { engineMutants } from "./engine-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { storeMutants } from "./store-mutants.ts";

/** All of them, in the order of their numbers. */
export const mutants: readonly Mutant[] = [...storeMutants, ...engineMutants].toSorted(
  (a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)),
);
