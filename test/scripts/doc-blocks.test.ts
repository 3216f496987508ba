import { describe, expect, test } from "vitest";
import { blocksOfMarkdown, blocksOfSource, chainBefore, moduleOf } from "../../scripts/doc-blocks.ts";

const fence = "```";

describe("blocksOfMarkdown", () => {
  test("finds TypeScript blocks and the line that each starts on", () => {
    const text = `# Title\n${fence}sh\nnpm test\n${fence}\n${fence}ts\nconst a = 1;\nconst b = 2;\n${fence}\n`;
    expect(blocksOfMarkdown("a.md", text)).toEqual([
      { file: "a.md", line: 6, code: "const a = 1;\nconst b = 2;", mode: "check", reason: null, isContinuation: false },
    ]);
  });

  test("reads marks", () => {
    const text = [
      "ts run",
      "ts continue",
      "typescript run continue",
      "ts no-check: needs a server",
      "ts no-check of other users",
    ]
      .map((info) => `${fence}${info}\n1;\n${fence}`)
      .join("\n");
    expect(blocksOfMarkdown("a.md", text).map((it) => [it.mode, it.isContinuation, it.reason])).toEqual([
      ["run", false, null],
      ["check", true, null],
      ["run", true, null],
      ["skip", false, "needs a server"],
      ["skip", false, "of other users"],
    ]);
  });

  test("removes the indentation of a block in a list, and leaves blocks inside longer fences alone", () => {
    const text = `- item\n  ${fence}ts\n  if (a) {\n    b();\n  }\n  ${fence}\n${fence}${fence}md\n${fence}ts\nx;\n${fence}\n${fence}${fence}`;
    expect(blocksOfMarkdown("a.md", text).map(({ code }) => code)).toEqual(["if (a) {\n  b();\n}"]);
  });

  test.each([
    [`${fence}ts no-check\n1;\n${fence}`, "needs a reason"],
    [`${fence}ts ruin\n1;\n${fence}`, '"ruin"'],
    [`${fence}ts\n1;`, "not closed"],
  ])("refuses %j", (text, problem) => {
    expect(() => blocksOfMarkdown("a.md", text)).toThrow(problem);
  });
});

test("blocksOfSource finds the examples of docstrings, and only those", () => {
  const text = [
    "// not a docstring:",
    `/* ${fence}ts`,
    "1;",
    `${fence} */`,
    "/**",
    " * Does.",
    " * @example",
    ` * ${fence}ts`,
    " * const a = 1;",
    " *",
    " * if (a) {",
    " *   b();",
    " * }",
    ` * ${fence}`,
    " */",
    "export const y = 1;",
  ].join("\n");
  expect(blocksOfSource("a.ts", text)).toMatchObject([{ line: 9, code: "const a = 1;\n\nif (a) {\n  b();\n}" }]);
});

describe("moduleOf", () => {
  test("keeps code on the lines of its document, what it continues included", () => {
    const text = `${fence}ts\nconst a = 1;\n${fence}\n\n${fence}ts continue\na + 1;\n${fence}`;
    const blocks = blocksOfMarkdown("a.md", text);
    const lines = moduleOf(blocks[1] as (typeof blocks)[0], chainBefore(blocks, 1)).split("\n");
    expect([lines[1], lines[5]]).toEqual(["const a = 1;", "a + 1;"]);
  });

  test("refuses a block that has nothing to continue", () => {
    const blocks = blocksOfMarkdown("a.md", `${fence}ts continue\n1;\n${fence}`);
    expect(() => chainBefore(blocks, 0)).toThrow("no block");
  });
});
