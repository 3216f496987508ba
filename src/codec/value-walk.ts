import { CodecEncodeError } from "../errors/codec-errors.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { takeApart } from "./error-parts.ts";
import { bytesOf } from "./typed-bytes.ts";
import { type ContainerKind, isContainerKind, type LeafKind, objectKindOf, refusalOf } from "./value-kind.ts";
import { MAX_BIGINT_BITS, type ResolvedValueLimits } from "./value-limits.ts";
import { formatPath, type ListSegment, type PathSegment } from "./value-path.ts";
import type { ValueSink } from "./value-sink.ts";
import type { CompositeTag } from "./value-tags.ts";

const BIGINT_LIMIT = 1n << BigInt(MAX_BIGINT_BITS);

/**
 * Goes through a value once and tells a sink what it consists of. Decides for all formats what can be
 * stored and what is refused.
 *
 * Every property is read once, so that what was checked is what is written, even if a getter or a Proxy
 * answers differently the next time.
 */
export class ValueWalk {
  readonly #sink: ValueSink;
  readonly #out: ByteWriter;
  readonly #maxDepth: number;
  readonly #maxNodes: number;
  /** The objects that are being walked, outermost first; `null` beyond. */
  readonly #ancestors: (object | null)[] = [];
  /** The step that was taken from each of them. Only the first `#pathLength` are valid. */
  readonly #segments: PathSegment[] = [];
  #pathLength = 0;
  #nodes = 0;
  #refusal: CodecEncodeError | null = null;

  /** @param out - what `sink` writes to */
  constructor(sink: ValueSink, out: ByteWriter, limits: ResolvedValueLimits) {
    this.#sink = sink;
    this.#out = out;
    this.#maxDepth = limits.maxDepth;
    this.#maxNodes = limits.maxNodes;
  }

  /**
   * @throws {CodecEncodeError} some part of `value` can't be stored, or can't be read
   * @throws {PayloadTooLargeError} the sink has no room for more
   */
  run(value: unknown): void {
    this.#pathLength = 0;
    this.#nodes = 0;
    this.#refusal = null;
    try {
      this.#write(value, 0);
    } catch (thrown) {
      this.#ancestors.fill(null);
      throw this.#contained(thrown);
    }
  }

  #write(value: unknown, depth: number): void {
    if (++this.#nodes > this.#maxNodes) this.#refuseTooMany();
    switch (typeof value) {
      case "string":
        return this.#sink.string(value);
      case "number":
        return this.#sink.number(value);
      case "boolean":
        return this.#sink.boolean(value);
      case "undefined":
        return this.#sink.empty("undefined");
      case "bigint":
        if (value >= BIGINT_LIMIT || value <= -BIGINT_LIMIT) this.#refuse(`it has more than ${MAX_BIGINT_BITS} bits`);
        return this.#sink.bigint(value);
      case "object":
        return value === null ? this.#sink.nil() : this.#object(value, depth);
      case "function":
      case "symbol":
        return this.#refuse(refusalOf(value));
    }
  }

  #object(value: object, depth: number): void {
    const kind = objectKindOf(value);
    if (kind === null) return this.#refuse(refusalOf(value));
    if (!isContainerKind(kind)) return this.#leaf(value, kind);
    this.#enter(value, depth);
    this.#container(value, kind, depth);
    this.#leave(depth);
  }

  #container(value: object, kind: ContainerKind, depth: number): void {
    switch (kind) {
      case "Object":
        return this.#properties(value, Object.keys(value), depth);
      case "Array":
        return this.#array(value, depth);
      case "NullObject":
        return this.#tagged(kind, () => this.#properties(value, Object.keys(value), depth));
      case "Error":
        return this.#tagged(kind, () => this.#error(value, depth));
      case "Map":
        return this.#tagged(kind, () => this.#map(value, depth));
      case "Set":
        return this.#tagged(kind, () => this.#set(value, depth));
    }
  }

  #properties(value: object, names: readonly string[], depth: number): void {
    this.#refuseSymbolKeys(value, depth);
    const sink = this.#sink;
    const segments = this.#segments;
    sink.beginObject(names.length);
    for (let index = 0; index < names.length; index++) {
      const name = names[index] as string;
      segments[depth] = name;
      this.#pathLength = depth + 1;
      sink.key(name, index);
      this.#write((value as Readonly<Record<string, unknown>>)[name], depth + 1);
    }
    sink.endObject();
  }

  #array(value: object, depth: number): void {
    if (!Array.isArray(value)) return this.#refuse(refusalOf(value));
    const items: readonly unknown[] = value;
    const length = items.length;
    // Before anything is done for each element: a sparse array costs nothing to make however long it is.
    // A Proxy may say anything.
    const isLength = Number.isInteger(length) && length >= 0;
    if (!isLength || length > this.#maxNodes - this.#nodes) this.#refuseTooMany();
    const sink = this.#sink;
    const segments = this.#segments;
    let holes = 0;
    sink.beginArray(length);
    for (let index = 0; index < length; index++) {
      segments[depth] = index;
      this.#pathLength = depth + 1;
      sink.element(index);
      const item = items[index];
      if (item === undefined && !(index in items)) {
        holes += 1;
        this.#nodes += 1;
        sink.empty("hole");
      } else {
        this.#write(item, depth + 1);
      }
    }
    sink.endArray();
    this.#pathLength = depth;
    this.#refuseNamedProperties(value, length - holes, depth);
  }

  #map(value: object, depth: number): void {
    const entries = this.#contentOf(value, () =>
      Array.from(Map.prototype.entries.call(value) as Iterable<[unknown, unknown]>),
    );
    this.#refuseNamedProperties(value, 0, depth);
    const sink = this.#sink;
    const segment: ListSegment = { list: "keys", index: 0 };
    this.#segments[depth] = segment;
    sink.beginArray(entries.length);
    for (const [index, [key, content]] of entries.entries()) {
      sink.element(index);
      sink.beginArray(2);
      segment.index = index;
      segment.list = "keys";
      this.#pathLength = depth + 1;
      sink.element(0);
      this.#write(key, depth + 1);
      segment.list = "values";
      this.#pathLength = depth + 1;
      sink.element(1);
      this.#write(content, depth + 1);
      sink.endArray();
    }
    sink.endArray();
  }

  #set(value: object, depth: number): void {
    const members = this.#contentOf(value, () => Array.from(Set.prototype.values.call(value) as Iterable<unknown>));
    this.#refuseNamedProperties(value, 0, depth);
    const sink = this.#sink;
    const segment: ListSegment = { list: "values", index: 0 };
    this.#segments[depth] = segment;
    sink.beginArray(members.length);
    for (const [index, member] of members.entries()) {
      segment.index = index;
      this.#pathLength = depth + 1;
      sink.element(index);
      this.#write(member, depth + 1);
    }
    sink.endArray();
  }

  #error(value: object, depth: number): void {
    const { parts, fieldNames } = takeApart(value, (name) => {
      this.#segments[depth] = name;
      this.#pathLength = depth + 1;
    });
    const sink = this.#sink;
    sink.beginObject(parts.length + (fieldNames.length === 0 ? 0 : 1));
    for (const [index, [name, content]] of parts.entries()) {
      this.#segments[depth] = name;
      this.#pathLength = depth + 1;
      sink.key(name, index);
      this.#write(content, depth + 1);
    }
    this.#pathLength = depth;
    if (fieldNames.length > 0) {
      sink.key("fields", parts.length);
      this.#properties(value, fieldNames, depth);
    } else {
      this.#refuseSymbolKeys(value, depth);
    }
    sink.endObject();
  }

  #leaf(value: object, kind: LeafKind): void {
    const depth = this.#pathLength;
    if (kind === "Date") {
      this.#sink.date(this.#contentOf(value, () => Date.prototype.getTime.call(value)));
    } else if (kind === "URL") {
      const href = this.#contentOf(value, () => readInternal(URL.prototype, "href", value));
      this.#tagged(kind, () => this.#sink.string(href));
    } else if (kind === "RegExp") {
      this.#tagged(kind, () => this.#regExp(value, depth));
    } else {
      const bytes = this.#contentOf(value, () => bytesOf(kind, value as ArrayBuffer | ArrayBufferView));
      this.#sink.bytes(kind, bytes);
    }
    // Not so for views: naming each of a million elements to find a property beside them takes too long.
    if (!ArrayBuffer.isView(value)) this.#refuseNamedProperties(value, 0, depth);
  }

  #regExp(value: object, depth: number): void {
    const source = this.#contentOf(value, () => readInternal(RegExp.prototype, "source", value));
    const { flags, lastIndex } = value as RegExp;
    if (!Number.isSafeInteger(lastIndex) || lastIndex < 0) {
      this.#segments[depth] = "lastIndex";
      this.#pathLength = depth + 1;
      this.#refuse("it is not a position in a text");
    }
    const sink = this.#sink;
    sink.beginObject(lastIndex === 0 ? 2 : 3);
    sink.key("source", 0);
    sink.string(source);
    sink.key("flags", 1);
    sink.string(flags);
    if (lastIndex !== 0) {
      sink.key("lastIndex", 2);
      sink.number(lastIndex);
    }
    sink.endObject();
  }

  #tagged(tag: CompositeTag, writeBody: () => void): void {
    const mark = this.#sink.beginTag(tag);
    writeBody();
    this.#sink.endTag(mark);
  }

  /** What `read` gives; if that throws, `value` only pretends to be what its prototype says. */
  #contentOf<T>(value: object, read: () => T): T {
    try {
      return read();
    } catch {
      return this.#refuse(refusalOf(value));
    }
  }

  #enter(value: object, depth: number): void {
    const ancestors = this.#ancestors;
    for (let index = 0; index < depth; index++) {
      if (ancestors[index] !== value) continue;
      this.#refuse(`it refers back to ${formatPath(this.#segments.slice(0, index))}, which holds it`);
    }
    if (depth >= this.#maxDepth) this.#refuse(`it nests deeper than ${this.#maxDepth} levels`);
    ancestors[depth] = value;
  }

  #leave(depth: number): void {
    // So that the codec doesn't keep the last value that it wrote in memory.
    this.#ancestors[depth] = null;
  }

  /** @param expected - how many names `value` has if it has none but the indexes of its elements */
  #refuseNamedProperties(value: object, expected: number, depth: number): void {
    const names = Object.keys(value);
    // Indexes come before other names, so the first name that is too many stands behind them.
    const name = names[expected];
    if (name !== undefined) {
      this.#segments[depth] = name;
      this.#pathLength = depth + 1;
      this.#refuse("only plain objects and errors keep their named properties");
    }
    this.#refuseSymbolKeys(value, depth);
  }

  #refuseSymbolKeys(value: object, depth: number): void {
    const symbols = Object.getOwnPropertySymbols(value);
    // Nearly always none, and this is asked of every object: not even an iterator is to be made.
    if (symbols.length === 0) return;
    for (const symbol of symbols) {
      if (!Object.prototype.propertyIsEnumerable.call(value, symbol)) continue;
      this.#segments[depth] = symbol;
      this.#pathLength = depth + 1;
      this.#refuse("its key is a symbol");
    }
  }

  #refuseTooMany(): never {
    this.#pathLength = 0;
    this.#refuse(`it holds more than ${this.#maxNodes} values`);
  }

  #refuse(problem: string): never {
    this.#refusal = new CodecEncodeError(formatPath(this.#segments.slice(0, this.#pathLength)), problem);
    throw this.#refusal;
  }

  /** What is thrown to the caller: our own refusal as it is, and whatever the value's own code threw wrapped. */
  #contained(thrown: unknown): unknown {
    // By identity: what a getter throws may be anything, even something that must not be looked at.
    if (thrown !== null && (thrown === this.#refusal || thrown === this.#out.refusal)) return thrown;
    const path = formatPath(this.#segments.slice(0, this.#pathLength));
    return new CodecEncodeError(path, "reading it threw an error", { cause: thrown });
  }
}

/** What a prototype's getter says of `value`, whatever own property stands in front of it. Throws for pretenders. */
function readInternal(prototype: object, name: string, value: object): string {
  return Reflect.get(prototype, name, value) as string;
}
