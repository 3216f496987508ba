import { fc, test } from "@fast-check/vitest";
import { describe, expect } from "vitest";
import { expectedRun } from "../support/expected-run.ts";
import { decode, PureRun, payloadOf } from "../support/pure-run.ts";
import { randomFlow } from "../support/random-flow.ts";

describe("transitions", () => {
  test.prop(
    [
      randomFlow({ maxFailures: 2, delaysMs: [0, 50] }),
      fc.integer({ min: 0, max: 1_000 }),
      fc.infiniteStream(fc.nat()),
    ],
    { numRuns: 300 },
  )(
    "take every flow through exactly the tasks that a recursive interpreter visits, in whatever order its branches run",
    async ({ flow, description }, input, choices) => {
      const expected = expectedRun(description, input, payloadOf);
      const run = new PureRun(flow, input);
      for (const choice of choices) {
        if (run.snapshot.status !== "in_progress") break;
        await run.step(choice);
      }

      expect(run.snapshot.status).toBe("completed");
      expect(decode(run.snapshot.output)).toEqual(expected.output);
      expect(run.outputs()).toEqual(new Map(expected.outputs));
      expect(run.snapshot.positions).toEqual([]);
    },
  );

  test.prop([randomFlow({ maxFailures: 1 }), fc.integer({ min: 0, max: 1_000 })], { numRuns: 50 })(
    "are pure: the same again gives the same, and arguments stay as they are",
    async ({ flow }, input) => {
      const [one, two] = [new PureRun(flow, input), new PureRun(flow, input)];
      for (let step = 0; step < 10 && one.snapshot.status === "in_progress"; step++) {
        const before = structuredClone(one.snapshot);
        const kept = one.snapshot;
        await one.step(step);
        await two.step(step);
        expect(kept).toEqual(before);
        expect(one.snapshot).toEqual(two.snapshot);
      }
    },
  );
});
