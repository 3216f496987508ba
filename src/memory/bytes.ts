import type { Bytes } from "../snapshot/snapshot.ts";

/** A copy that nobody else can change. Not `slice`, which for a Buffer shares the memory. */
export function copyOf(bytes: Bytes): Bytes {
  return new Uint8Array(bytes);
}

export function copyOrNull(bytes: Bytes | null): Bytes | null {
  return bytes === null ? null : copyOf(bytes);
}

export function sameBytes(a: Bytes | null, b: Bytes | null): boolean {
  if (a === null || b === null) return a === b;
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
