import { base64Length, writeBase64 } from "./base64.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { ESCAPED_KEY_PREFIX, escapeText, isJsonbText, needsEscapedKey, TAG_KEY } from "./json-syntax.ts";
import type { ValueSink } from "./value-sink.ts";
import type { BytesTag, CompositeTag, EmptyTag } from "./value-tags.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
/** Longer strings are left to the engine's own JSON.stringify, whose call costs more but whose loop less. */
const MAX_LOOP_UNITS = 100;

/** Writes JSON. Byte for byte what JSON.stringify gives, wherever JSON can say it. */
export class JsonSink implements ValueSink {
  readonly #out: ByteWriter;

  constructor(out: ByteWriter) {
    this.#out = out;
  }

  nil(): void {
    this.#out.ascii("null");
  }

  boolean(value: boolean): void {
    this.#out.ascii(value ? "true" : "false");
  }

  number(value: number): void {
    // `>>> 0` is the cheapest test for a number of 32 bits; it takes -0 for 0.
    if (value === value >>> 0 && !Object.is(value, -0)) this.#smallInteger(value);
    else if (Number.isFinite(value)) this.#out.ascii(Object.is(value, -0) ? "-0" : `${value}`);
    else this.#taggedText("number", `${value}`);
  }

  string(value: string): void {
    if (this.#plainString(value)) return;
    if (isJsonbText(value)) this.#out.utf8(JSON.stringify(value));
    else this.#taggedText("string", escapeText(value));
  }

  bigint(value: bigint): void {
    this.#taggedText("bigint", value.toString());
  }

  date(timeMs: number): void {
    if (Number.isNaN(timeMs)) this.#out.ascii(`{"${TAG_KEY}":"Date","value":null}`);
    else this.#taggedText("Date", new Date(timeMs).toISOString());
  }

  bytes(tag: BytesTag, bytes: Uint8Array): void {
    const out = this.#out;
    this.beginTag(tag);
    out.byte(QUOTE);
    out.claim(base64Length(bytes.length));
    out.position = writeBase64(bytes, out.buffer, out.position);
    out.byte(QUOTE);
    this.endTag();
  }

  empty(tag: EmptyTag): void {
    this.#out.ascii(tag === "undefined" ? `{"${TAG_KEY}":"undefined"}` : `{"${TAG_KEY}":"hole"}`);
  }

  beginArray(): void {
    this.#out.byte(0x5b);
  }

  element(index: number): void {
    if (index > 0) this.#out.byte(COMMA);
  }

  endArray(): void {
    this.#out.byte(0x5d);
  }

  beginObject(): void {
    this.#out.byte(0x7b);
  }

  key(name: string, index: number): void {
    const out = this.#out;
    if (index > 0) out.byte(COMMA);
    const mayBeReserved = name.charCodeAt(0) === DOLLAR && needsEscapedKey(name);
    if (mayBeReserved || !this.#plainString(name)) {
      out.utf8(JSON.stringify(needsEscapedKey(name) ? ESCAPED_KEY_PREFIX + escapeText(name) : name));
    }
    out.byte(COLON);
  }

  endObject(): void {
    this.#out.byte(0x7d);
  }

  beginTag(tag: CompositeTag | BytesTag): number {
    this.#out.ascii(`{"${TAG_KEY}":"${tag}","value":`);
    return 0;
  }

  endTag(): void {
    this.#out.byte(0x7d);
  }

  #taggedText(tag: "number" | "string" | "bigint" | "Date", text: string): void {
    this.#out.ascii(`{"${TAG_KEY}":"${tag}","value":`);
    this.#out.utf8(JSON.stringify(text));
    this.#out.byte(0x7d);
  }

  #smallInteger(value: number): void {
    const out = this.#out;
    const digitCount = digitCountOf(value);
    out.reserve(digitCount);
    const buffer = out.buffer;
    let position = out.position + digitCount;
    out.position = position;
    let rest = value;
    do {
      const quotient = Math.trunc(rest / 10);
      buffer[--position] = 0x30 + rest - quotient * 10;
      rest = quotient;
    } while (rest > 0);
  }

  /**
   * Writes a short string in which nothing needs a backslash.
   *
   * @returns false, having written nothing, if this is not one
   */
  #plainString(text: string): boolean {
    const length = text.length;
    if (length > MAX_LOOP_UNITS) return false;
    const out = this.#out;
    out.reserve(length * 3 + 2);
    const buffer = out.buffer;
    let position = out.position;
    buffer[position++] = QUOTE;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit < 0x80) {
        if (unit < 0x20 || unit === QUOTE || unit === BACKSLASH) return false;
        buffer[position++] = unit;
      } else if (unit < 0x800) {
        buffer[position++] = 0xc0 | (unit >> 6);
        buffer[position++] = 0x80 | (unit & 0x3f);
      } else if (unit < 0xd800 || unit > 0xdfff) {
        buffer[position++] = 0xe0 | (unit >> 12);
        buffer[position++] = 0x80 | ((unit >> 6) & 0x3f);
        buffer[position++] = 0x80 | (unit & 0x3f);
      } else {
        return false;
      }
    }
    buffer[position++] = QUOTE;
    out.position = position;
    return true;
  }
}

function digitCountOf(value: number): number {
  let count = 1;
  for (let bound = 10; value >= bound; bound *= 10) count += 1;
  return count;
}
