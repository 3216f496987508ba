import { expectTypeOf, test } from "vitest";
import type { EventsResult } from "../../src/flow/definition.ts";
import { flow } from "../../src/flow/flow.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import type { StandardSchema } from "../../src/flow/schema.ts";

interface Approved {
  readonly by: string;
}

declare const approvedSchema: StandardSchema<unknown, Approved>;

test("waitForEvents hands on a list of payloads, or says that the time is up", () => {
  const built = flow<{ voters: readonly string[] }>("f")
    .waitForEvents<boolean, "votes">("votes", "voted", { count: ({ voters }) => voters.length })
    .then("end", async (votes, context) => {
      expectTypeOf(votes).toEqualTypeOf<readonly boolean[]>();
      expectTypeOf(await context.output("votes")).toEqualTypeOf<readonly boolean[]>();
      return votes.length;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<{ voters: readonly string[] }, number>>();
  const continuing = flow<string>("f")
    .waitForEvents("votes", "voted", { count: 2, schema: approvedSchema, timeout: 5, onTimeout: "continue" })
    .build();
  expectTypeOf(continuing).toEqualTypeOf<Flow<string, EventsResult<Approved>>>();
  const branching = flow<string>("f")
    .waitForEvents("votes", "voted", {
      count: 2,
      schema: approvedSchema,
      timeout: 5,
      onTimeout: (b) => b.then("late", (text) => text.length),
    })
    .build();
  expectTypeOf(branching).toEqualTypeOf<Flow<string, readonly Approved[] | number>>();
  // @ts-expect-error how many is not said
  flow<string>("f").waitForEvents("votes", "voted", {});
  // @ts-expect-error the function gets a string
  flow<string>("f").waitForEvents("votes", "voted", { count: (n: number) => n });
});

test("waitForAny tells by key which event it was, and by timedOut whether it was one", () => {
  const built = flow<string>("f")
    .waitForAny<{ approved: Approved; rejected: string }, "decision">(
      "decision",
      { approved: "order.approved", rejected: "order.rejected" },
      { timeout: "1d" },
    )
    .then("act", async (first, context): Promise<number> => {
      expectTypeOf(await context.output("decision")).toEqualTypeOf(first);
      if (first.timedOut) return 0;
      if (first.event === "approved") expectTypeOf(first.payload).toEqualTypeOf<Approved>();
      else expectTypeOf(first.payload).toEqualTypeOf<string>();
      return 1;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, number>>();
  flow<string>("f")
    .waitForAny<{ yes: number; no: string }>("d", ["yes", "no"])
    .then("act", (first) => {
      expectTypeOf(first).toEqualTypeOf<
        { readonly event: "yes"; readonly payload: number } | { readonly event: "no"; readonly payload: string }
      >();
    });
  flow<string>("f")
    .waitForAny("d", { a: "e1", b: "e2" })
    .then("act", (first) => {
      expectTypeOf(first.event).toEqualTypeOf<"a" | "b">();
      expectTypeOf(first.payload).toEqualTypeOf<unknown>();
    });
  flow<string>("f")
    .waitForAny("d", ["yes", "no"], { timeout: 5 })
    .then("act", (first) => {
      if (!first.timedOut) expectTypeOf(first.event).toEqualTypeOf<"yes" | "no">();
    });
  flow<string>("f")
    .waitForAny("d", { a: "e1", b: "e2" }, { schemas: { a: approvedSchema } })
    .then("act", (first) => {
      if (first.event === "a") expectTypeOf(first.payload).toEqualTypeOf<Approved>();
      else expectTypeOf(first.payload).toEqualTypeOf<unknown>();
    });
  // @ts-expect-error there is no such key
  flow<string>("f").waitForAny<{ yes: number }>("d", ["yes", "no"]);
  // @ts-expect-error an event has no name
  flow<string>("f").waitForAny<{ yes: number; no: number }>("d", { yes: "yes" });
});

test("continueAsNew demands the flow's input, and hands nothing on", () => {
  const endless = flow<{ total: number }>("f")
    .then("add", ({ total }) => total + 1)
    .continueAsNew("again", (total) => ({ total }))
    .build();
  expectTypeOf(endless).toEqualTypeOf<Flow<{ total: number }, never>>();
  const built = flow<{ total: number }>("f")
    .then("add", ({ total }) => String(total))
    .route("way", () => "on", ["on", "off"])
    .branch("on", (b) =>
      b.continueAsNew("again", async (text, context) => {
        expectTypeOf(text).toEqualTypeOf<string>();
        expectTypeOf(await context.output("add")).toEqualTypeOf<string>();
        return { total: 1 };
      }),
    )
    .branch("off", (b) => b.then("end", () => 7))
    .done()
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<{ total: number }, number>>();
  const late = flow<number>("f")
    .waitForEvent<string>("w", "e", { timeout: 5, onTimeout: (b) => b.continueAsNew("again", (n) => n + 1) })
    .build();
  expectTypeOf(late).toEqualTypeOf<Flow<number, string>>();
  // @ts-expect-error the next input is no number
  flow<number>("f").continueAsNew("again", () => "1");
  flow<number>("f")
    .then("text", String)
    .route("way", () => "on", ["on"])
    // @ts-expect-error the flow's input is a number, whatever the branch gets
    .branch("on", (b) => b.continueAsNew("again", (text) => text));
  const ended = flow<number>("f").continueAsNew("again", (n) => n);
  expectTypeOf(ended).not.toHaveProperty("then");
});
