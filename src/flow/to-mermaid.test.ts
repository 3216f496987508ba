import { describe, expect, test } from "vitest";
import { mermaidProblems } from "../../test/support/mermaid-problems.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { LoopResult } from "./loop-result.ts";
import { task } from "./task.ts";

const one = (): number => 1;

describe("toMermaid", () => {
  test("draws waits for several events, and the way back to the start", () => {
    const endless = flow<number>("endless")
      .waitForEvents("votes", "voted", { count: 3, timeout: "1h", onTimeout: (b) => b.continueAsNew("late", one) })
      .waitForEvents("more", "voted", { count: one })
      .continueAsNew("again", one)
      .build();
    expect(endless.toMermaid()).toMatchInlineSnapshot(`
      "flowchart TD
        n1(("endless"))
        n2{{"votes: 3 of event voted, 1h at most"}}
        n3[/"late: as new"/]
        n4{{"more: some of event voted"}}
        n5[/"again: as new"/]
        n1 --> n2
        n2 -->|"timeout"| n3
        n3 -->|"next run"| n1
        n2 --> n4
        n4 --> n5
        n5 -->|"next run"| n1
      "
    `);
    expect(mermaidProblems(endless.toMermaid())).toEqual([]);
  });

  test("draws every kind of node", () => {
    const payment = flow("payment").then("charge", one).build();
    const order = flow("order")
      .thenFlow("pay", payment)
      .thenFlow(
        flow("check")
          .loop("poll", () => LoopResult.done(1), { maxIterations: 20 })
          .build(),
      )
      .fork([
        branch("stock", task("reserve", one)),
        branch("price", (b) => b.delay("cool-off", "1h30m").then("look-up", one)),
      ])
      .join("offer", one)
      .waitForEvent("approval", "order-approved", { timeout: "2d" })
      .route("which", (): string => "yes", ["yes", "no"])
      .branch("yes", task("send", one))
      .branch("no")
      .defaultBranch((b) => b.waitForEvent("ask", "answer").delay("none", 0))
      .done()
      .build();
    expect(order.toMermaid()).toBe(`flowchart TD
  n1(("order"))
  subgraph n2["pay: payment"]
    n3["charge"]
  end
  subgraph n4["check"]
    n5(["poll"])
  end
  n6(("fork"))
  n7["reserve"]
  n8[/"cool-off: 1h 30m"/]
  n9["look-up"]
  n10[["offer"]]
  n11{{"approval: event order-approved, 2d at most"}}
  n12{"which"}
  n13["send"]
  n14{{"ask: event answer"}}
  n15[/"none: 0s"/]
  n16(("end"))
  n1 --> n3
  n3 --> n5
  n5 -->|"again, at most 20 times"| n5
  n5 --> n6
  n6 -->|"stock"| n7
  n6 -->|"price"| n8
  n8 --> n9
  n7 --> n10
  n9 --> n10
  n10 --> n11
  n11 --> n12
  n12 -->|"yes"| n13
  n12 -->|"(default)"| n14
  n14 --> n15
  n13 --> n16
  n12 -->|"no"| n16
  n15 --> n16
`);
    expect(mermaidProblems(order.toMermaid())).toEqual([]);
  });

  test("draws the nodes that came later", () => {
    const built = flow<number>("f")
      .then("list", () => [1, 2], { onFailure: { goto: "late" } })
      .map(
        "each",
        task("work", (n: number) => n),
      )
      .loop(
        "rounds",
        flow<readonly number[]>("round")
          .then("x", (all) => all)
          .build(),
        { until: () => true },
      )
      .race("first", [branch("a", task("a", one)), branch("b", (b) => b.delayUntil("b", one))])
      .waitForEvent("w", "e", { timeout: "1m", onTimeout: (b) => b.then("patience", one) })
      .fork([branch("s", task("s", one))], { mode: "settled" })
      .join("all", one, { onFailure: { fallback: task("plan-b", one) } })
      .fork([branch("n", task("n", one))], { mode: "any" })
      .join("any", one)
      .then("late", one, { onFailure: "skip" })
      .build();
    expect(mermaidProblems(built.toMermaid())).toEqual([]);
    expect(built.toMermaid()).toMatchInlineSnapshot(`
      "flowchart TD
        n1(("f"))
        n2["list"]
        n3(("map"))
        subgraph n4["each"]
          n5["work"]
        end
        n6[["each"]]
        n7(("loop"))
        subgraph n8["rounds"]
          n9["x"]
        end
        n10(["rounds"])
        n11(("race"))
        n12["a"]
        n13[/"b: until a time"/]
        n14[["first"]]
        n15{{"w: event e, 1m at most"}}
        n16["patience"]
        n17(("settled"))
        n18["s"]
        n19[["all"]]
        n20["plan-b, fallback of all"]
        n21(("any"))
        n22["n"]
        n23[["any"]]
        n24["late"]
        n25(("end"))
        n1 --> n2
        n2 --> n3
        n3 -->|"each item"| n5
        n5 --> n6
        n6 --> n7
        n7 --> n9
        n9 --> n10
        n10 -->|"again, at most 1000 times"| n7
        n10 --> n11
        n11 -->|"a"| n12
        n11 -->|"b"| n13
        n12 --> n14
        n13 --> n14
        n14 --> n15
        n15 -->|"timeout"| n16
        n15 --> n17
        n16 --> n17
        n17 -->|"s"| n18
        n18 --> n19
        n19 -->|"failed"| n20
        n19 --> n21
        n20 --> n21
        n21 -->|"n"| n22
        n22 --> n23
        n23 --> n24
        n2 -->|"failed"| n24
        n24 --> n25
      "
    `);
  });

  test.each([
    ['say "no"', "say #34;no#34;"],
    ["<script>", "#60;script#62;"],
    ["a]b}c|d`e", "a#93;b#125;c#124;d#96;e"],
    ["#35; & &amp;", "#35;35#59; #38; #38;amp#59;"],
    ["1. first", "1#46; first"],
    ["über 漢字 ✓", "über 漢字 #10003;"],
    ["😀", "#128512;"],
    ["x".repeat(255), `${"x".repeat(59)}#8230;`],
    [`${"x".repeat(58)}😀😀`, `${"x".repeat(58)}#65533;#8230;`],
  ])("writes the key %s safely", (key, label) => {
    const built = untyped.flow("f").route(one, [key]).branch(key).done().build();
    expect(built.toMermaid()).toContain(`n2 -->|"${label}"| n3`);
    expect(mermaidProblems(built.toMermaid())).toEqual([]);
  });

  test("gives equal text for equal definitions", () => {
    const make = (): string => flow("f").then("a", one).delay("d", { days: 1, milliseconds: 5 }).build().toMermaid();
    expect(make()).toBe(make());
    expect(make()).toContain('"d: 1d 5ms"');
  });
});
