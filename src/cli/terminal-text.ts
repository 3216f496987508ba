// What the database holds is anybody's: a name that moves the cursor or sets a title must not reach the terminal.

/** A text in one line, without anything that a terminal acts on. */
export function plainText(text: string): string {
  return Array.from(text, (character) => (isHarmless(character) ? character : escaped(character))).join("");
}

function isHarmless(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  // Marks that turn the direction of what follows, separators of lines, and halves of characters.
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return false;
  return code !== 0x2028 && code !== 0x2029 && !(code >= 0xd800 && code <= 0xdfff);
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A text in at most so many characters, with an ellipsis where it was cut. */
export function cutText(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length <= most ? text : `${characters.slice(0, Math.max(most - 1, 0)).join("")}…`;
}

/** Rows in columns that are as wide as what stands in them, the last one excepted. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => plainText(cell)));
  const widths = head.map((_, column) => Math.max(...all.map((row) => Array.from(row[column] ?? "").length)));
  return all
    .map((row) =>
      row.map((cell, column) => padded(cell, column === head.length - 1 ? 0 : (widths[column] ?? 0))).join("  "),
    )
    .map((line) => line.trimEnd())
    .join("\n");
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(width - Array.from(text).length, 0));
}
