import { expectTypeOf, test } from "vitest";
import type { SerializedFailure } from "../../src/errors/failure.ts";
import { branch } from "../../src/flow/branch.ts";
import type { Settled } from "../../src/flow/definition.ts";
import { flow } from "../../src/flow/flow.ts";
import type { FlowBuilder } from "../../src/flow/flow-builder.ts";
import type { Flow } from "../../src/flow/flow-definition.ts";
import { LoopResult } from "../../src/flow/loop-result.ts";
import { type Task, task } from "../../src/flow/task.ts";

interface Page {
  readonly url: string;
}

const fetchPage = task("fetch", async (page: Page) => page.url.length);
const double = task("double", (n: number) => n * 2);
const shout = task("shout", (text: string) => text.toUpperCase());
const child = flow<Page>("child").then(fetchPage).then(double).build();

test("map hands on a list of what its body hands on", () => {
  const built = flow<string>("f")
    .map("pages", (site) => [{ url: site }], fetchPage)
    .then("sum", async (lengths, context) => {
      expectTypeOf(lengths).toEqualTypeOf<readonly number[]>();
      expectTypeOf(await context.output("pages")).toEqualTypeOf<readonly number[]>();
      return lengths.length;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, number>>();
  expectTypeOf(
    flow<string>("f")
      .map("pages", async (site) => [{ url: site }], child)
      .build(),
  ).toEqualTypeOf<Flow<string, readonly number[]>>();
});

test("map takes what comes in for the list where that is one", () => {
  expectTypeOf(flow<readonly Page[]>("f").map("pages", fetchPage).build()).toEqualTypeOf<
    Flow<readonly Page[], readonly number[]>
  >();
  expectTypeOf(flow<Page[]>("f").map("pages", child, { concurrency: 3 }).build()).toEqualTypeOf<
    Flow<Page[], readonly number[]>
  >();
  // @ts-expect-error what comes in is no list
  flow<Page>("f").map("pages", fetchPage);
  // @ts-expect-error the items are no pages
  flow<readonly number[]>("f").map("pages", fetchPage);
});

test("map that bears failures hands on what has come of each item", () => {
  const list = (): Page[] => [];
  const collected = flow<string>("f").map("pages", list, fetchPage, { onFailure: "collect" }).build();
  const tolerated = flow<string>("f")
    .map("pages", list, fetchPage, { onFailure: { tolerate: 2 } })
    .build();
  const failing = flow<string>("f").map("pages", list, fetchPage, { onFailure: "fail" }).build();
  expectTypeOf(collected).toEqualTypeOf<Flow<string, readonly Settled<number>[]>>();
  expectTypeOf(tolerated).toEqualTypeOf<Flow<string, readonly Settled<number>[]>>();
  expectTypeOf(failing).toEqualTypeOf<Flow<string, readonly number[]>>();
  flow<string>("f")
    .map("pages", list, fetchPage, { onFailure: "collect" })
    .then("count", (all) => {
      for (const one of all) {
        if (one.ok) expectTypeOf(one.value).toEqualTypeOf<number>();
        else expectTypeOf(one.failure).toEqualTypeOf<SerializedFailure>();
        // @ts-expect-error nobody has looked whether it failed
        void one.value;
      }
    });
  // @ts-expect-error there is no such handling
  flow<string>("f").map("pages", list, fetchPage, { onFailure: "skip" });
  // @ts-expect-error a number is needed
  flow<string>("f").map("pages", list, fetchPage, { onFailure: {} });
});

test("map refuses what doesn't fit", () => {
  // @ts-expect-error the body accepts pages, not numbers
  flow<string>("f").map("pages", () => [1, 2], fetchPage);
  // @ts-expect-error the function makes no list
  flow<string>("f").map("pages", () => ({ url: "" }), fetchPage);
  // @ts-expect-error the function accepts a number, the flow has a string
  flow<string>("f").map("pages", (n: number) => [{ url: String(n) }], fetchPage);
  const run = (page: Page): string => page.url;
  // @ts-expect-error a function has no id
  flow<string>("f").map("pages", () => [{ url: "" }], run);
  // @ts-expect-error a misspelt option
  flow<string>("f").map("pages", () => [{ url: "" }], fetchPage, { concurency: 2 });
});

test("a function that makes the list sees what came before", () => {
  flow<string>("f")
    .then("first", () => 5)
    .map(
      "pages",
      async (_, context) => {
        expectTypeOf(await context.output("first")).toEqualTypeOf<number>();
        return [{ url: "" }];
      },
      fetchPage,
    );
});

test("a fork that waits for the first hands its name and output on", () => {
  const fork = flow<string>("f").fork([branch("a", shout), branch("b", (b) => b.then("n", () => 1))], { mode: "any" });
  const built = fork
    .join("first", (first) => {
      expectTypeOf(first).toEqualTypeOf<
        { readonly branch: "a"; readonly output: string } | { readonly branch: "b"; readonly output: number }
      >();
      return first.branch === "a" ? first.output : String(first.output);
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, string>>();
  // @ts-expect-error which of them it is has to be found out first
  fork.join("first", ({ output }) => output.length);
  // @ts-expect-error a race is a method of its own
  flow<string>("f").fork([branch("a", shout)], { mode: "race" });
});

test("a fork that waits for all to settle hands on what has come of each", () => {
  flow<string>("f")
    .fork([branch("a", shout), branch("b", (b) => b.then("n", () => 1))], { mode: "settled" })
    .join("all", (all) => {
      expectTypeOf(all).toEqualTypeOf<{ readonly a: Settled<string>; readonly b: Settled<number> }>();
      return all;
    })
    .then("end", async (_, context) => {
      // Outputs of branches that may have failed are not known to be there.
      expectTypeOf(await context.output("shout")).toEqualTypeOf<unknown>();
    });
});

test("a fork that waits for all is typed as it was", () => {
  for (const options of [undefined, { mode: "all" }] as const) {
    flow<string>("f")
      .fork([branch("a", shout)], options)
      .join("all", (all) => {
        expectTypeOf(all).toEqualTypeOf<{ a: string }>();
      })
      .then("end", async (_, context) => {
        expectTypeOf(await context.output("shout")).toEqualTypeOf<string>();
      });
  }
});

test("race hands on the name and output of the first", () => {
  flow<string>("f")
    .race("first", [
      branch("event", (b) => b.waitForEvent<{ ok: boolean }>("wait", "news")),
      branch("time", (b) => b.delay("patience", "1h")),
    ])
    .then("end", async (first, context) => {
      expectTypeOf(first).toEqualTypeOf<
        | { readonly branch: "event"; readonly output: { ok: boolean } }
        | { readonly branch: "time"; readonly output: string }
      >();
      expectTypeOf(await context.output("first")).toEqualTypeOf<typeof first>();
    });
  // @ts-expect-error the branch accepts a number
  flow<string>("f").race("first", [branch("a", double)]);
  const race = flow<string>("f").race("first", [branch("a", shout)]);
  // @ts-expect-error what a race hands on is no number
  race.then(double);
});

test("a loop over a flow hands on what the flow does", () => {
  const round = flow<number>("round").then(double).build();
  const built = flow<number>("f")
    .loop("rounds", round, {
      until: async (n, context) => {
        expectTypeOf(n).toEqualTypeOf<number>();
        expectTypeOf(context.attempt).toEqualTypeOf<number>();
        return n > 5;
      },
    })
    .then("end", async (n, context) => {
      expectTypeOf(await context.output("rounds")).toEqualTypeOf<number>();
      return n;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<number, number>>();
  // @ts-expect-error the next iteration would get a number, and accepts a page
  flow<Page>("f").loop("rounds", child, { until: () => true });
  // @ts-expect-error it says when it was the last
  flow<number>("f").loop("rounds", round);
  // @ts-expect-error until says yes or no
  flow<number>("f").loop("rounds", round, { until: () => LoopResult.done(1) });
});

test("delayUntil passes on what the flow has", () => {
  const built = flow<{ at: Date }>("f")
    .delayUntil("rest", ({ at }) => at)
    .delayUntil("more", async ({ at }) => at.getTime() + 5)
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<{ at: Date }, { at: Date }>>();
  // @ts-expect-error a duration is no time
  flow<string>("f").delayUntil("rest", () => "5m");
  // @ts-expect-error the function has to be given
  flow<string>("f").delayUntil("rest", new Date());
});

test("a wait whose time limit leads into a branch hands on the payload or what the branch does", () => {
  const built = flow<string>("f")
    .waitForEvent<number | boolean, "wait">("wait", "news", {
      timeout: "1h",
      onTimeout: (b) => b.then("late", (text) => text.length > 1),
    })
    .then("end", async (value, context) => {
      expectTypeOf(await context.output("wait")).toEqualTypeOf<number | boolean | undefined>();
      return value;
    })
    .build();
  expectTypeOf(built).toEqualTypeOf<Flow<string, number | boolean>>();
  const number = { "~standard": { version: 1, vendor: "test", validate: () => ({ value: 1 }) } } as const;
  const inferred = flow<string>("f")
    .waitForEvent("wait", "news", { timeout: "1h", schema: number, onTimeout: (b) => b.then("late", () => "late") })
    .build();
  expectTypeOf(inferred).toEqualTypeOf<Flow<string, number | string>>();
  // @ts-expect-error the branch hands on something else than what was said
  flow<string>("f").waitForEvent<number>("wait", "news", { timeout: 5, onTimeout: (b) => b.then(shout) });
  // @ts-expect-error without a time limit it never comes there
  flow<string>("f").waitForEvent("wait", "news", { onTimeout: (b: FlowBuilder<string, string>) => b.then(shout) });
  // @ts-expect-error the branch gets a string
  flow<string>("f").waitForEvent("wait", "news", { timeout: 5, onTimeout: (b) => b.then(double) });
});

test("a task that may be skipped hands on undefined, too", () => {
  const skipped = task("t", (n: number) => n, { onFailure: "skip" });
  expectTypeOf(skipped).toEqualTypeOf<Task<"t", number, number | undefined>>();
  flow<number>("f")
    .then("a", (n) => n, { onFailure: "skip" })
    .then("b", async (n, context) => {
      expectTypeOf(n).toEqualTypeOf<number | undefined>();
      expectTypeOf(await context.output("a")).toEqualTypeOf<number | undefined>();
    });
  // @ts-expect-error there may be no number
  flow<number>("f").then(skipped).then(double);
});

test("a fallback gets the input and the failure, and what it hands on is handed on", () => {
  flow<number>("f")
    .then("a", (n) => n, {
      onFailure: {
        fallback: async ({ input, failure }) => {
          expectTypeOf(input).toEqualTypeOf<number>();
          expectTypeOf(failure).toEqualTypeOf<SerializedFailure>();
          return "instead";
        },
      },
    })
    .then("b", (value) => {
      expectTypeOf(value).toEqualTypeOf<number | string>();
    });
  const instead = task("instead", ({ input }: { input: number }) => input > 1);
  flow<number>("f")
    .then("a", (n) => n, { onFailure: { fallback: instead } })
    .then("b", (value) => {
      expectTypeOf(value).toEqualTypeOf<number | boolean>();
    });
  const ofTexts = task("x", ({ input }: { input: string }) => input.length);
  // @ts-expect-error the fallback accepts texts
  flow<number>("f").then("a", (n) => n, { onFailure: { fallback: ofTexts } });
  // @ts-expect-error one or the other
  flow<number>("f").then("a", (n) => n, { onFailure: { fallbak: instead } });
});

test("a task that jumps hands on what it does", () => {
  flow<number>("f")
    .then("a", (n) => n, { onFailure: { goto: "c" } })
    .then("b", (n) => {
      expectTypeOf(n).toEqualTypeOf<number>();
      return n;
    })
    .then("c", (n) => n);
});
