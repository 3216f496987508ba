import { expect, it } from "vitest";
import { flow } from "../../src/flow/flow.ts";
import { runFlow } from "../../src/run-flow.ts";

it("hands on what a child has given", async () => {
  const child = flow<number>("child").then("double", (n) => n * 2).build();
  const parent = flow<number>("parent").spawn("start", child).then("end", (n) => n + 1).build();
  expect(await runFlow(parent, 3)).toBe(7);
});
