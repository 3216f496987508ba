import { parseSync } from "oxc-parser";

/** One fenced block of TypeScript in a document or in a docstring. */
export interface DocBlock {
  /** File it stands in, relative to the project. */
  readonly file: string;
  /** Line of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
  readonly mode: "check" | "run" | "skip";
  /** Why it is not checked; null unless `mode` is "skip". */
  readonly reason: string | null;
  /** Goes on from the block before it in the same file, whose names it sees. */
  readonly isContinuation: boolean;
}

const FENCE = /^(\s*)(`{3,})(.*)$/;
const LANGUAGES: ReadonlySet<string> = new Set(["ts", "typescript"]);

/**
 * The TypeScript blocks of a Markdown text.
 *
 * After the language a block may say `run` (it is run, too), `continue` (it goes on from the block before it), or
 * `no-check <reason>`.
 *
 * @throws {Error} a block says something else, gives no reason, or is not closed
 */
export function blocksOfMarkdown(file: string, text: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  let open: { indent: number; fence: string; info: string; line: number; code: string[] } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const [, indent = "", fence = "", info = ""] = FENCE.exec(line) ?? [];
    if (open === null) {
      if (fence !== "") open = { indent: indent.length, fence, info: info.trim(), line: index + 2, code: [] };
    } else if (fence === open.fence && info.trim() === "") {
      if (LANGUAGES.has(open.info.split(/\s/)[0] ?? "")) blocks.push(blockOf(file, open));
      open = null;
    } else {
      open.code.push(line.slice(open.indent));
    }
  }
  if (open !== null) throw new Error(`${file}:${open.line - 1}: this block is not closed.`);
  return blocks;
}

function blockOf(file: string, open: { info: string; line: number; code: readonly string[] }): DocBlock {
  const words = open.info.split(/\s+/).slice(1).join(" ");
  const where = `${file}:${open.line - 1}`;
  const reason = /^no-check:?\s+(.+)$/.exec(words)?.[1] ?? null;
  const marks = reason === null ? words.split(" ").filter((word) => word !== "") : [];
  const unknown = marks.find((mark) => mark !== "run" && mark !== "continue");
  if (unknown === "no-check") throw new Error(`${where}: no-check needs a reason.`);
  if (unknown !== undefined) throw new Error(`${where}: "${unknown}" is not a mark of a block.`);
  return {
    file,
    line: open.line,
    code: open.code.join("\n"),
    mode: reason === null ? (marks.includes("run") ? "run" : "check") : "skip",
    reason,
    isContinuation: marks.includes("continue"),
  };
}

/** The TypeScript blocks of all docstrings of a source text. */
export function blocksOfSource(file: string, text: string): DocBlock[] {
  const blocks: DocBlock[] = [];
  for (const comment of parseSync(file, text).comments) {
    if (comment.type !== "Block" || !comment.value.startsWith("*")) continue;
    const firstLine = text.slice(0, comment.start).split("\n").length;
    const markdown = comment.value.replaceAll(/^[ \t]*\* ?/gm, "");
    for (const block of blocksOfMarkdown(file, markdown)) blocks.push({ ...block, line: block.line + firstLine - 1 });
  }
  return blocks;
}

/**
 * Each block as a module of its own, its code on the lines on which it stands in its file, so that what the
 * compiler says of a line is true of the file.
 */
export function moduleOf(block: DocBlock, before: readonly DocBlock[]): string {
  const lines: string[] = [];
  for (const { line, code } of [...before, block]) {
    while (lines.length < line - 1) lines.push("");
    lines.push(...code.split("\n"));
  }
  return `${lines.join("\n")}\nexport {};\n`;
}

/** The blocks that `blocks[index]` goes on from, first one first. */
export function chainBefore(blocks: readonly DocBlock[], index: number): DocBlock[] {
  const chain: DocBlock[] = [];
  for (let at = index; blocks[at]?.isContinuation === true; at -= 1) {
    const previous = blocks[at - 1];
    if (previous === undefined || previous.file !== blocks[index]?.file || previous.mode === "skip") {
      const { file, line } = blocks[at] as DocBlock;
      throw new Error(`${file}:${line}: there is no block that this one could continue.`);
    }
    chain.unshift(previous);
  }
  return chain;
}
