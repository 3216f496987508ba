import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";

// Long enough to show whether the cost of a step grows with the steps before it: test/type-cost.test.ts
// measures what the compiler does for this file.
const long = flow<{ readonly id: string }>("long")
  .then("step-1", ({ id }) => ({ id, count: 1 }))
  .then("step-2", async (value) => ({ ...value, count: value.count + 2 }))
  .then("step-3", async (value) => ({ ...value, count: value.count + 3 }))
  .then("step-4", async (value) => ({ ...value, count: value.count + 4 }))
  .then("step-5", async (value) => ({ ...value, count: value.count + 5 }))
  .then("step-6", async (value) => ({ ...value, count: value.count + 6 }))
  .then("step-7", async (value) => ({ ...value, count: value.count + 7 }))
  .then("step-8", async (value) => ({ ...value, count: value.count + 8 }))
  .then("step-9", async (value) => ({ ...value, count: value.count + 9 }))
  .then("step-10", async ({ id, count }, context) => {
    const earlier = await context.output("step-1");
    return { id, count: count + earlier.count };
  })
  .then("step-11", async (value) => ({ ...value, count: value.count + 11 }))
  .then("step-12", async (value) => ({ ...value, count: value.count + 12 }))
  .then("step-13", async (value) => ({ ...value, count: value.count + 13 }))
  .then("step-14", async (value) => ({ ...value, count: value.count + 14 }))
  .then("step-15", async (value) => ({ ...value, count: value.count + 15 }))
  .then("step-16", async (value) => ({ ...value, count: value.count + 16 }))
  .then("step-17", async (value) => ({ ...value, count: value.count + 17 }))
  .then("step-18", async (value) => ({ ...value, count: value.count + 18 }))
  .then("step-19", async (value) => ({ ...value, count: value.count + 19 }))
  .then("step-20", async ({ id, count }, context) => {
    const earlier = await context.output("step-11");
    return { id, count: count + earlier.count };
  })
  .then("step-21", async (value) => ({ ...value, count: value.count + 21 }))
  .then("step-22", async (value) => ({ ...value, count: value.count + 22 }))
  .then("step-23", async (value) => ({ ...value, count: value.count + 23 }))
  .then("step-24", async (value) => ({ ...value, count: value.count + 24 }))
  .then("step-25", async (value) => ({ ...value, count: value.count + 25 }))
  .then("step-26", async (value) => ({ ...value, count: value.count + 26 }))
  .then("step-27", async (value) => ({ ...value, count: value.count + 27 }))
  .then("step-28", async (value) => ({ ...value, count: value.count + 28 }))
  .then("step-29", async (value) => ({ ...value, count: value.count + 29 }))
  .then("step-30", async ({ id, count }, context) => {
    const earlier = await context.output("step-21");
    return { id, count: count + earlier.count };
  })
  .then("step-31", async (value) => ({ ...value, count: value.count + 31 }))
  .then("step-32", async (value) => ({ ...value, count: value.count + 32 }))
  .then("step-33", async (value) => ({ ...value, count: value.count + 33 }))
  .then("step-34", async (value) => ({ ...value, count: value.count + 34 }))
  .then("step-35", async (value) => ({ ...value, count: value.count + 35 }))
  .then("step-36", async (value) => ({ ...value, count: value.count + 36 }))
  .then("step-37", async (value) => ({ ...value, count: value.count + 37 }))
  .then("step-38", async (value) => ({ ...value, count: value.count + 38 }))
  .then("step-39", async (value) => ({ ...value, count: value.count + 39 }))
  .then("step-40", async ({ id, count }, context) => {
    const earlier = await context.output("step-31");
    return { id, count: count + earlier.count };
  })
  .then("step-41", async (value) => ({ ...value, count: value.count + 41 }))
  .then("step-42", async (value) => ({ ...value, count: value.count + 42 }))
  .then("step-43", async (value) => ({ ...value, count: value.count + 43 }))
  .then("step-44", async (value) => ({ ...value, count: value.count + 44 }))
  .then("step-45", async (value) => ({ ...value, count: value.count + 45 }))
  .then("step-46", async (value) => ({ ...value, count: value.count + 46 }))
  .then("step-47", async (value) => ({ ...value, count: value.count + 47 }))
  .then("step-48", async (value) => ({ ...value, count: value.count + 48 }))
  .then("step-49", async (value) => ({ ...value, count: value.count + 49 }))
  .then("step-50", async ({ id, count }, context) => {
    const earlier = await context.output("step-41");
    return { id, count: count + earlier.count };
  })
  .then("step-51", async (value) => ({ ...value, count: value.count + 51 }))
  .then("step-52", async (value) => ({ ...value, count: value.count + 52 }))
  .then("step-53", async (value) => ({ ...value, count: value.count + 53 }))
  .then("step-54", async (value) => ({ ...value, count: value.count + 54 }))
  .then("step-55", async (value) => ({ ...value, count: value.count + 55 }))
  .then("step-56", async (value) => ({ ...value, count: value.count + 56 }))
  .then("step-57", async (value) => ({ ...value, count: value.count + 57 }))
  .then("step-58", async (value) => ({ ...value, count: value.count + 58 }))
  .then("step-59", async (value) => ({ ...value, count: value.count + 59 }))
  .then("step-60", async ({ id, count }, context) => {
    const earlier = await context.output("step-51");
    return { id, count: count + earlier.count };
  })
  .build();

export const checked: Flow<{ readonly id: string }, { id: string; count: number }> = long;
