type Element = string | number | bigint | boolean | Date | Uint8Array;

/**
 * An array as PostgreSQL writes it (`{"a",NULL}`), for libraries that guess a type for arrays from their first element, where the
 * statement's own cast says it better.
 */
export function withArrayLiterals(values: readonly unknown[]): unknown[] {
  return values.map((value) => (Array.isArray(value) ? literalOf(value) : value));
}

function literalOf(values: readonly unknown[]): string {
  return `{${values.map(elementOf).join(",")}}`;
}

function elementOf(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return `"${textOf(value as Element).replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}

function textOf(value: Element): string {
  if (value instanceof Uint8Array) return `\\x${hexOf(value)}`;
  if (value instanceof Date) return value.toISOString();
  return String(value);
}

function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
