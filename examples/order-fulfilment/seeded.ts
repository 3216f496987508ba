/**
 * A number in [0, 1) that depends on nothing but its arguments: what it decides is decided the same way after
 * a crash. (FNV-1a, with the last step of MurmurHash3, so that similar arguments give different numbers.)
 */
export function chance(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const unit of new TextEncoder().encode(parts.join("/"))) hash = Math.imul(hash ^ unit, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** A whole number from `least` to `most`. */
export function between(least: number, most: number, ...parts: readonly (string | number)[]): number {
  return least + Math.floor(chance(...parts) * (most - least + 1));
}

export function pick<T>(list: readonly T[], ...parts: readonly (string | number)[]): T {
  const picked = list[between(0, list.length - 1, ...parts)];
  if (picked === undefined) throw new RangeError("Nothing can be picked from an empty list.");
  return picked;
}
