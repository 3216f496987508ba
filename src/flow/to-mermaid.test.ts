import { describe, expect, test } from "vitest";
import { mermaidProblems } from "../../test/support/mermaid-problems.ts";
import { untyped } from "../../test/support/untyped-builder.ts";
import { branch } from "./branch.ts";
import { flow } from "./flow.ts";
import { LoopResult } from "./loop-result.ts";
import { task } from "./task.ts";

const one = (): number => 1;

describe("toMermaid", () => {
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
