/** The key that marks a tagged value. What it may stand beside is defined in docs/formats/json.md. */
export const TAG_KEY = "$waymark";
/** What the key of a property starts with that JSON could not carry, or that would look like a tag. */
export const ESCAPED_KEY_PREFIX = "$waymark:";

/**
 * Whether PostgreSQL's jsonb could hold `text`: it can hold neither NUL nor lone surrogates, even
 * though JSON has a way to write them.
 */
export function isJsonbText(text: string): boolean {
  return text.isWellFormed() && !text.includes("\u0000");
}

/** Whether a property of this name has to be stored under another. */
export function needsEscapedKey(name: string): boolean {
  return name === TAG_KEY || name.startsWith(ESCAPED_KEY_PREFIX) || !isJsonbText(name);
}

/** `text` with everything that jsonb could not hold written as `\uXXXX`. */
export function escapeText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** What `escapeText` was given; `null` if `escaped` is nothing that it gives. */
export function unescapeText(escaped: string): string | null {
  try {
    const text: unknown = JSON.parse(`"${escaped}"`);
    return typeof text === "string" && escapeText(text) === escaped ? text : null;
  } catch {
    return null;
  }
}
