import { type BytesTag, elementBytesOf } from "./value-tags.ts";

type BytesValue = ArrayBuffer | ArrayBufferView;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

type BytesConstructor = (buffer: ArrayBuffer) => BytesValue;

const CONSTRUCTORS: Readonly<Record<BytesTag, BytesConstructor>> = {
  Uint8Array: (buffer) => new Uint8Array(buffer),
  ArrayBuffer: (buffer) => buffer,
  // Only Node and those who imitate it have Buffer; elsewhere its base class serves.
  Buffer: (buffer) => (globalThis.Buffer === undefined ? new Uint8Array(buffer) : globalThis.Buffer.from(buffer)),
  DataView: (buffer) => new DataView(buffer),
  Int8Array: (buffer) => new Int8Array(buffer),
  Uint8ClampedArray: (buffer) => new Uint8ClampedArray(buffer),
  Int16Array: (buffer) => new Int16Array(buffer),
  Uint16Array: (buffer) => new Uint16Array(buffer),
  Int32Array: (buffer) => new Int32Array(buffer),
  Uint32Array: (buffer) => new Uint32Array(buffer),
  Float32Array: (buffer) => new Float32Array(buffer),
  Float64Array: (buffer) => new Float64Array(buffer),
  BigInt64Array: (buffer) => new BigInt64Array(buffer),
  BigUint64Array: (buffer) => new BigUint64Array(buffer),
};

/**
 * The bytes of a buffer or view, as stored: multi-byte elements in little-endian order. May share
 * memory with `value`.
 */
export function bytesOf(
  tag: BytesTag,
  value: BytesValue,
  hostIsLittleEndian: boolean = HOST_IS_LITTLE_ENDIAN,
): Uint8Array {
  const bytes = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : // The length is asked for because it throws if this is no ArrayBuffer; without it, anything would do.
      new Uint8Array(value, 0, value.byteLength);
  const elementBytes = elementBytesOf(tag);
  return hostIsLittleEndian || elementBytes === 1 ? bytes : swapped(bytes, elementBytes);
}

/**
 * The value that stored bytes stand for, in memory of its own.
 *
 * @returns `null` if `bytes` is not a whole number of elements
 */
export function valueOfBytes(
  tag: BytesTag,
  bytes: Uint8Array,
  hostIsLittleEndian: boolean = HOST_IS_LITTLE_ENDIAN,
): BytesValue | null {
  const elementBytes = elementBytesOf(tag);
  if (bytes.byteLength % elementBytes !== 0) return null;
  const own = hostIsLittleEndian || elementBytes === 1 ? new Uint8Array(bytes) : swapped(bytes, elementBytes);
  return CONSTRUCTORS[tag](own.buffer as ArrayBuffer);
}

function swapped(bytes: Uint8Array, elementBytes: number): Uint8Array {
  const swapped = new Uint8Array(bytes.byteLength);
  for (let start = 0; start < bytes.byteLength; start += elementBytes) {
    swapped.set(bytes.subarray(start, start + elementBytes).toReversed(), start);
  }
  return swapped;
}
