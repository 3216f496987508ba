import { expectTypeOf, test } from "vitest";
import { flow } from "../../src/flow/flow.ts";

const child = flow<{ sku: string }>("child")
  .then("pack", ({ sku }) => sku.length)
  .build();

test("a child's output is handed on and recorded, or its id where it is not awaited", () => {
  flow<{ sku: string }>("p")
    .spawn("start", child)
    .then("end", async (output, context) => {
      expectTypeOf(output).toEqualTypeOf<number>();
      expectTypeOf(await context.output("start")).toEqualTypeOf<number>();
    });
  flow<{ sku: string }>("p")
    .spawn("start", child, { await: false })
    .then("end", (id) => expectTypeOf(id).toEqualTypeOf<string>());
});

test("a child's input is what the flow has, or what is made of it", () => {
  flow<string>("p").spawn("start", child, { input: (sku) => ({ sku }) });
  // @ts-expect-error -- the child doesn't accept a text
  flow<string>("p").spawn("start", child);
  // @ts-expect-error -- nor what is made of it here
  flow<string>("p").spawn("start", child, { input: (sku) => ({ sku: sku.length }) });
});

test("what takes the place of an output is one of the things that are handed on", () => {
  flow<{ sku: string }>("p")
    .spawn("start", child, { onFailure: "skip" })
    .then("end", (output) => expectTypeOf(output).toEqualTypeOf<number | undefined>());
  flow<{ sku: string }>("p")
    .spawn("start", child, { onFailure: { fallback: ({ input }) => input.sku } })
    .then("end", (output) => expectTypeOf(output).toEqualTypeOf<number | string>());
});
