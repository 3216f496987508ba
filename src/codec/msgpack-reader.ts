import { CodecDecodeError } from "../errors/codec-errors.ts";
import { bigintFromBytes } from "./bigint-bytes.ts";
import type { KeyCache } from "./key-cache.ts";
import { assemble, assembleBytes, refuseBody, setOwn } from "./value-assembly.ts";
import { MAX_BIGINT_BITS, MAX_STORED_DEPTH } from "./value-limits.ts";
import {
  type CompositeTag,
  EXT_BIGINT,
  EXT_HOLE,
  EXT_INVALID_DATE,
  EXT_TIMESTAMP,
  EXT_UNDEFINED,
  EXT_UTF16,
  findBytesTag,
  findCompositeTag,
} from "./value-tags.ts";

// Damaged text must fail to decode instead of turning into U+FFFD, and a byte order mark is text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Shorter text is put together here, which costs less than a call of the decoder. */
const MAX_LOOP_BYTES = 20;
const MS_PER_SECOND = 1000;
const NS_PER_MS = 1_000_000;
const MAX_BIGINT_BYTES = MAX_BIGINT_BITS / 8 + 1;

/** What a hole is read as. Only an array knows what to do with it. */
const HOLE: unique symbol = Symbol("hole");

/** Reads one value. No length is believed before that many bytes are known to be there. */
export class MsgpackReader {
  readonly #bytes: Uint8Array;
  readonly #keys: KeyCache;
  readonly #view: DataView;
  #position = 0;
  /** Where the bytes end, or the tag that is being read. */
  #end: number;

  constructor(bytes: Uint8Array, keys: KeyCache) {
    this.#bytes = bytes;
    this.#keys = keys;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /** @throws {CodecDecodeError} the bytes are not exactly one value */
  readAll(): unknown {
    const value = this.#value(0);
    this.#expectEnd();
    return value;
  }

  /** A value where a hole can't be. */
  #value(depth: number): unknown {
    const value = this.#item(depth);
    if (value === HOLE) throw new CodecDecodeError("it has a hole outside of an array");
    return value;
  }

  #item(depth: number): unknown {
    const type = this.#uint8();
    if (type < 0x80) return type;
    if (type < 0x90) return this.#object(type & 0x0f, depth);
    if (type < 0xa0) return this.#array(type & 0x0f, depth);
    if (type < 0xc0) return this.#text(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    return type >= 0xca && type < 0xd4 ? this.#number(type) : this.#other(type, depth);
  }

  #other(type: number, depth: number): unknown {
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#bin(this.#uint8());
      case 0xc5:
        return this.#bin(this.#uint16());
      case 0xc6:
        return this.#bin(this.#uint32());
      case 0xc7:
        return this.#ext(this.#uint8(), depth);
      case 0xc8:
        return this.#ext(this.#uint16(), depth);
      case 0xc9:
        return this.#ext(this.#uint32(), depth);
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#ext(2 ** (type - 0xd4), depth);
      case 0xd9:
        return this.#text(this.#uint8());
      case 0xda:
        return this.#text(this.#uint16());
      case 0xdb:
        return this.#text(this.#uint32());
      case 0xdc:
        return this.#array(this.#uint16(), depth);
      case 0xdd:
        return this.#array(this.#uint32(), depth);
      case 0xde:
        return this.#object(this.#uint16(), depth);
      case 0xdf:
        return this.#object(this.#uint32(), depth);
      default:
        throw new CodecDecodeError("it has the type byte 0xc1, which MessagePack never uses");
    }
  }

  #number(type: number): number {
    switch (type) {
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return safeNumber(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      default:
        return safeNumber(this.#view.getBigInt64(this.#take(8)));
    }
  }

  #array(length: number, depth: number): unknown[] {
    this.#enter(depth, length);
    const items: unknown[] = [];
    for (let index = 0; index < length; index++) {
      const item = this.#item(depth + 1);
      if (item === HOLE) items.length += 1;
      else items.push(item);
    }
    return items;
  }

  #object(size: number, depth: number): object {
    this.#enter(depth, size * 2);
    const properties = {};
    for (let index = 0; index < size; index++) {
      const name = this.#key();
      setOwn(properties, name, this.#value(depth + 1));
    }
    return properties;
  }

  #key(): string {
    const type = this.#uint8();
    if (type >= 0xa0 && type < 0xc0) return this.#shortKey(type & 0x1f);
    const mayBeText =
      (type >= 0xd9 && type <= 0xdb) || (type >= 0xc7 && type <= 0xc9) || (type >= 0xd4 && type <= 0xd8);
    // At the greatest depth, so that an ext type which is no text but holds values is refused unread.
    const name = mayBeText ? this.#other(type, MAX_STORED_DEPTH) : null;
    if (typeof name !== "string") throw new CodecDecodeError("an object has a key that is not text");
    return name;
  }

  #shortKey(length: number): string {
    const start = this.#take(length);
    return this.#keys.get(this.#bytes, start, length, () => this.#textAt(start, length));
  }

  #text(length: number): string {
    return this.#textAt(this.#take(length), length);
  }

  #textAt(start: number, length: number): string {
    if (length <= MAX_LOOP_BYTES) {
      const text = this.#shortAscii(start, start + length);
      if (text !== null) return text;
    }
    try {
      return decoder.decode(this.#bytes.subarray(start, start + length));
    } catch (cause) {
      throw new CodecDecodeError("a text in it is not UTF-8", { cause });
    }
  }

  #shortAscii(start: number, end: number): string | null {
    const bytes = this.#bytes;
    let text = "";
    let index = start;
    for (; index + 4 <= end; index += 4) {
      const first = bytes[index] as number;
      const second = bytes[index + 1] as number;
      const third = bytes[index + 2] as number;
      const fourth = bytes[index + 3] as number;
      if ((first | second | third | fourth) >= 0x80) return null;
      text += String.fromCharCode(first, second, third, fourth);
    }
    for (; index < end; index++) {
      const byte = bytes[index] as number;
      if (byte >= 0x80) return null;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #bin(length: number): unknown {
    return assembleBytes("Uint8Array", this.#raw(length));
  }

  #ext(length: number, depth: number): unknown {
    const type = this.#view.getInt8(this.#take(1));
    const composite = findCompositeTag(type);
    if (composite !== null) return this.#composite(composite, length, depth);
    const bytes = this.#raw(length);
    const bytesTag = findBytesTag(type);
    if (bytesTag !== null) return assembleBytes(bytesTag, bytes);
    switch (type) {
      case EXT_UNDEFINED:
        return length === 0 ? undefined : refuseBody("undefined");
      case EXT_HOLE:
        return length === 0 ? HOLE : refuseBody("hole");
      case EXT_BIGINT:
        return length >= 1 && length <= MAX_BIGINT_BYTES ? bigintFromBytes(bytes) : refuseBody("bigint");
      case EXT_UTF16:
        return utf16From(bytes);
      case EXT_INVALID_DATE:
        return length === 0 ? new Date(Number.NaN) : refuseBody("Date");
      case EXT_TIMESTAMP:
        return dateFrom(new DataView(bytes.buffer, bytes.byteOffset, length));
      default:
        throw new CodecDecodeError(`it has an ext type ${type}, which this version doesn't know`);
    }
  }

  #composite(tag: CompositeTag, length: number, depth: number): unknown {
    // Counts as a level, so that tags within tags can't exhaust the stack. Its body takes a byte at least.
    this.#enter(depth, Math.max(length, 1));
    const outerEnd = this.#end;
    this.#end = this.#position + length;
    const body = this.#value(depth + 1);
    this.#expectEnd();
    this.#end = outerEnd;
    return assemble(tag, body);
  }

  /** Before what holds other values, which take `leastBytes` if they are as short as they can be. */
  #enter(depth: number, leastBytes: number): void {
    if (depth >= MAX_STORED_DEPTH) throw new CodecDecodeError(`values nest deeper than ${MAX_STORED_DEPTH} levels`);
    if (leastBytes > this.#end - this.#position) refuseTruncated();
  }

  #raw(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #uint8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  #uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  /** Steps over `count` bytes. Returns where they start. */
  #take(count: number): number {
    const start = this.#position;
    if (count > this.#end - start) refuseTruncated();
    this.#position = start + count;
    return start;
  }

  #expectEnd(): void {
    if (this.#position !== this.#end) throw new CodecDecodeError(`${this.#end - this.#position} bytes follow its end`);
  }
}

function refuseTruncated(): never {
  throw new CodecDecodeError("it ends too early");
}

function safeNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new CodecDecodeError("a whole number in it is too large for a number");
  return number;
}

function utf16From(bytes: Uint8Array): string {
  if (bytes.length % 2 !== 0) return refuseBody("string");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let offset = 0; offset < bytes.length; offset += 2) text += String.fromCharCode(view.getUint16(offset));
  return text;
}

/** The specification's timestamps: 32 bits of seconds; 30 of nanoseconds and 34 of seconds; 32 and 64. */
function dateFrom(view: DataView): Date {
  let seconds: number;
  let nanoseconds = 0;
  if (view.byteLength === 4) {
    seconds = view.getUint32(0);
  } else if (view.byteLength === 8) {
    nanoseconds = view.getUint32(0) >>> 2;
    seconds = (view.getUint32(0) & 0x03) * 2 ** 32 + view.getUint32(4);
  } else if (view.byteLength === 12) {
    nanoseconds = view.getUint32(0);
    seconds = view.getInt32(4) * 2 ** 32 + view.getUint32(8);
  } else {
    return refuseBody("Date");
  }
  const date = new Date(seconds * MS_PER_SECOND + nanoseconds / NS_PER_MS);
  // A Date has whole milliseconds and a range; what doesn't fit would come back as another time.
  const isExact = nanoseconds % NS_PER_MS === 0 && nanoseconds < NS_PER_MS * MS_PER_SECOND;
  return isExact && !Number.isNaN(date.getTime()) ? date : refuseBody("Date");
}
