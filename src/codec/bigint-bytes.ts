/** Two's complement, big-endian, in the fewest bytes that hold the sign too; at least one. */
export function bigintToBytes(value: bigint): Uint8Array {
  const magnitude = value < 0n ? ~value : value;
  const hex = magnitude.toString(16);
  // A digit of 8 or above at an even place would be read as a sign.
  const padded = hex.length % 2 === 1 ? `0${hex}` : hex >= "8" ? `00${hex}` : hex;
  const bytes = new Uint8Array(padded.length / 2);
  const mask = value < 0n ? 0xff : 0x00;
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(padded.slice(index * 2, index * 2 + 2), 16) ^ mask;
  }
  return bytes;
}

/** The number that `bigintToBytes` gives these bytes for. `bytes` is not empty. */
export function bigintFromBytes(bytes: Uint8Array): bigint {
  const isNegative = (bytes[0] as number) >= 0x80;
  const mask = isNegative ? 0xff : 0x00;
  let hex = "0x";
  for (const byte of bytes) hex += (byte ^ mask).toString(16).padStart(2, "0");
  return isNegative ? ~BigInt(hex) : BigInt(hex);
}
