// Own code, because the platform's decoders accept text that no encoder writes, and damage must not
// pass for data. Works on bytes, so that no string of the encoded form is ever built.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD = 0x3d;
const NOT_A_DIGIT = 0xff;

const charCodes = Uint8Array.from(ALPHABET, (char) => char.charCodeAt(0));
const digitByCharCode = new Uint8Array(128).fill(NOT_A_DIGIT);
for (const [digit, charCode] of charCodes.entries()) digitByCharCode[charCode] = digit;

/** How many characters the base64 form of `byteCount` bytes has. */
export function base64Length(byteCount: number): number {
  return Math.ceil(byteCount / 3) * 4;
}

/**
 * Writes the padded base64 form (RFC 4648, section 4) into `target`, which has room for it.
 *
 * @returns the offset after what was written
 */
export function writeBase64(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  const count = bytes.length;
  let at = offset;
  for (let index = 0; index < count; index += 3) {
    const first = bytes[index] as number;
    const second = index + 1 < count ? (bytes[index + 1] as number) : 0;
    const third = index + 2 < count ? (bytes[index + 2] as number) : 0;
    target[at++] = charCodes[first >> 2] as number;
    target[at++] = charCodes[((first & 0x03) << 4) | (second >> 4)] as number;
    target[at++] = charCodes[((second & 0x0f) << 2) | (third >> 6)] as number;
    target[at++] = charCodes[third & 0x3f] as number;
  }
  if (count % 3 !== 0) target[at - 1] = PAD;
  if (count % 3 === 1) target[at - 2] = PAD;
  return at;
}

/** The bytes that `text` stands for; `null` unless it is exactly what `writeBase64` writes for them. */
export function parseBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digitCount = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  let bits = 0;
  let bitCount = 0;
  for (let index = 0; index < digitCount; index++) {
    const charCode = text.charCodeAt(index);
    const digit = charCode < 128 ? (digitByCharCode[charCode] as number) : NOT_A_DIGIT;
    if (digit === NOT_A_DIGIT) return null;
    bits = ((bits << 6) | digit) & 0xfff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[at++] = bits >> bitCount;
    }
  }
  // What is left over is filled with zeros; anything else would be a second form of the same bytes.
  return (bits & ((1 << bitCount) - 1)) === 0 ? bytes : null;
}
