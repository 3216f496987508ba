/**
 * Orders well-formed text by code point, as PostgreSQL's collation "C" does with UTF-8.
 *
 * JavaScript's `<` orders by UTF-16 unit, which puts an emoji before U+E000 to U+FFFF.
 */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    const leftIsSurrogate = isSurrogate(left);
    if (leftIsSurrogate !== isSurrogate(right)) return leftIsSurrogate ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
