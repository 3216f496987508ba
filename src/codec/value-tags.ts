/** The kinds of values that are a run of bytes. */
export type BytesTag =
  | "Uint8Array"
  | "ArrayBuffer"
  | "Buffer"
  | "DataView"
  | "Int8Array"
  | "Uint8ClampedArray"
  | "Int16Array"
  | "Uint16Array"
  | "Int32Array"
  | "Uint32Array"
  | "Float32Array"
  | "Float64Array"
  | "BigInt64Array"
  | "BigUint64Array";

/** The kinds of values that are stored as a tag and another value, its body. */
export type CompositeTag = "Map" | "Set" | "NullObject" | "Error" | "RegExp" | "URL";

/** Stands for the absence of a value. */
export type EmptyTag = "undefined" | "hole";

/**
 * For each kind of bytes, the ext type in MessagePack and how the bytes group. `null` means that
 * MessagePack has a form of its own. Never reuse a number or a name.
 */
const BYTES: Readonly<Record<BytesTag, { readonly ext: number | null; readonly elementBytes: 1 | 2 | 4 | 8 }>> = {
  Uint8Array: { ext: null, elementBytes: 1 },
  ArrayBuffer: { ext: 32, elementBytes: 1 },
  Buffer: { ext: 33, elementBytes: 1 },
  DataView: { ext: 34, elementBytes: 1 },
  Int8Array: { ext: 35, elementBytes: 1 },
  Uint8ClampedArray: { ext: 36, elementBytes: 1 },
  Int16Array: { ext: 37, elementBytes: 2 },
  Uint16Array: { ext: 38, elementBytes: 2 },
  Int32Array: { ext: 39, elementBytes: 4 },
  Uint32Array: { ext: 40, elementBytes: 4 },
  Float32Array: { ext: 41, elementBytes: 4 },
  Float64Array: { ext: 42, elementBytes: 8 },
  BigInt64Array: { ext: 43, elementBytes: 8 },
  BigUint64Array: { ext: 44, elementBytes: 8 },
};

/** For each composite, the ext type in MessagePack. Never reuse a number or a name. */
const COMPOSITES: Readonly<Record<CompositeTag, number>> = {
  Map: 16,
  Set: 17,
  NullObject: 18,
  Error: 19,
  RegExp: 20,
  URL: 21,
};

/** Ext types for what is neither bytes nor composite. Never reuse a number. */
export const EXT_UNDEFINED = 1;
export const EXT_HOLE = 2;
export const EXT_BIGINT = 3;
export const EXT_UTF16 = 4;
export const EXT_INVALID_DATE = 5;
/** The timestamp type that the MessagePack specification itself defines. */
export const EXT_TIMESTAMP = -1;

const bytesTagByExt: ReadonlyMap<number, BytesTag> = new Map(
  bytesTags().flatMap((tag) => (BYTES[tag].ext === null ? [] : [[BYTES[tag].ext, tag]])),
);
const compositeTagByExt: ReadonlyMap<number, CompositeTag> = new Map(
  compositeTags().map((tag) => [COMPOSITES[tag], tag]),
);

/** All kinds of values that are a run of bytes. */
export function bytesTags(): readonly BytesTag[] {
  return Object.keys(BYTES) as BytesTag[];
}

/** All kinds of values that are stored as a tag and another value. */
export function compositeTags(): readonly CompositeTag[] {
  return Object.keys(COMPOSITES) as CompositeTag[];
}

export function isBytesTag(tag: string): tag is BytesTag {
  return Object.hasOwn(BYTES, tag);
}

export function isCompositeTag(tag: string): tag is CompositeTag {
  return Object.hasOwn(COMPOSITES, tag);
}

/** The ext type for bytes of this kind; `null` for `Uint8Array`, which is MessagePack's bin. */
export function extOfBytes(tag: BytesTag): number | null {
  return BYTES[tag].ext;
}

/** How many bytes one element takes. */
export function elementBytesOf(tag: BytesTag): number {
  return BYTES[tag].elementBytes;
}

export function extOfComposite(tag: CompositeTag): number {
  return COMPOSITES[tag];
}

/** The kind of bytes that an ext type stands for; `null` if it stands for none. */
export function findBytesTag(ext: number): BytesTag | null {
  return bytesTagByExt.get(ext) ?? null;
}

/** The kind of composite that an ext type stands for; `null` if it stands for none. */
export function findCompositeTag(ext: number): CompositeTag | null {
  return compositeTagByExt.get(ext) ?? null;
}
