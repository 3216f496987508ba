/** The key that marks what JSON can't say, as docs/formats/json.md defines it. */
const TAG = "$waymark";
const ESCAPED = "$waymark:";
/** Tags of what is stored as bytes. */
const BINARY = /^(?:Buffer|ArrayBuffer|DataView|Uint8ClampedArray|(?:Big)?(?:Int|Uint|Float)\d+Array)$/;

/** What a value is, for showing it. Values are JSON with tags; nothing in them is ever run or taken for markup. */
export type Shape =
  /** One word or line of text: a number, a date, `undefined`. */
  | { readonly kind: "atom"; readonly look: AtomLook; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }
  /** What can be folded. */
  | {
      readonly kind: "parts";
      /** "Map", "Error" …; `null` for plain objects and arrays. */
      readonly name: string | null;
      readonly brackets: readonly [string, string];
      readonly count: number;
      /** Told in place of the parts while they are folded. */
      readonly summary: string | null;
      /** The parts from `from` on, at most `limit`. */
      readonly parts: (from: number, limit: number) => readonly Part[];
    };

export type AtomLook = "null" | "number" | "boolean" | "special";

export interface Part {
  /** `null` where parts have no names: in a set. A shape where the key is a value: in a map. */
  readonly key: string | Shape | null;
  readonly value: unknown;
}

/** Says what a value of the API is. */
export function shapeOf(value: unknown): Shape {
  if (value === null) return { kind: "atom", look: "null", text: "null" };
  if (typeof value === "string") return { kind: "text", text: value };
  if (typeof value === "number")
    return { kind: "atom", look: "number", text: Object.is(value, -0) ? "-0" : `${value}` };
  if (typeof value === "boolean") return { kind: "atom", look: "boolean", text: `${value}` };
  if (Array.isArray(value)) return listShape(null, value);
  if (typeof value === "object") return tagged(value as Fields) ?? objectShape(null, value as Fields);
  return special(typeof value);
}

type Fields = Readonly<Record<string, unknown>>;

function special(text: string): Shape {
  return { kind: "atom", look: "special", text };
}

function listShape(name: string | null, list: readonly unknown[]): Shape {
  const parts = (from: number, limit: number): readonly Part[] =>
    list.slice(from, from + limit).map((value, index) => ({ key: name === "Set" ? null : `${from + index}`, value }));
  return { kind: "parts", name, brackets: ["[", "]"], count: list.length, summary: null, parts };
}

function objectShape(name: string | null, fields: Fields, summary: string | null = null): Shape {
  const keys = Object.keys(fields);
  const parts = (from: number, limit: number): readonly Part[] =>
    keys.slice(from, from + limit).map((key) => ({ key: plainKey(key), value: fields[key] }));
  return { kind: "parts", name, brackets: ["{", "}"], count: keys.length, summary, parts };
}

/** A property whose name could be taken for a tag is stored under another one. */
function plainKey(key: string): string {
  return key.startsWith(ESCAPED) ? unescaped(key.slice(ESCAPED.length)) : key;
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

/** The shape of what a tag stands for; `null` if there is none, or it isn't one of ours: then it is shown as it stands. */
function tagged(fields: Fields): Shape | null {
  const tag = fields[TAG];
  if (typeof tag !== "string" || Object.keys(fields).some((key) => key !== TAG && key !== "value")) return null;
  const { value } = fields;
  switch (tag) {
    case "undefined":
    case "hole":
      return special(tag === "hole" ? "empty" : "undefined");
    case "number":
      return typeof value === "string" ? { kind: "atom", look: "number", text: value } : null;
    case "bigint":
      return typeof value === "string" ? { kind: "atom", look: "number", text: `${value}n` } : null;
    case "string":
      return typeof value === "string" ? { kind: "text", text: unescaped(value) } : null;
    case "Date":
      return special(typeof value === "string" ? `Date ${value}` : "Date (invalid)");
    case "URL":
      return typeof value === "string" ? special(`URL ${value}`) : null;
    default:
      return typeof value === "string" && BINARY.test(tag) ? bytesShape(tag, value) : structured(tag, value);
  }
}

function structured(tag: string, value: unknown): Shape | null {
  if (tag === "Set" && Array.isArray(value)) return listShape("Set", value);
  if (tag === "Map" && Array.isArray(value) && value.every(Array.isArray)) return mapShape(value as unknown[][]);
  if (!isFields(value)) return null;
  if (tag === "NullObject") return objectShape("NullObject", value);
  if (tag === "RegExp") return special(`/${textOf(value["source"])}/${textOf(value["flags"])}`);
  if (tag !== "Error") return null;
  const name = textOf(value["name"]) || textOf(value["class"]) || "Error";
  return objectShape(name, value, textOf(value["message"]));
}

function mapShape(entries: readonly (readonly unknown[])[]): Shape {
  const parts = (from: number, limit: number): readonly Part[] =>
    entries.slice(from, from + limit).map(([key, value]) => ({ key: shapeOf(key), value }));
  return { kind: "parts", name: "Map", brackets: ["{", "}"], count: entries.length, summary: null, parts };
}

function bytesShape(name: string, base64: string): Shape | null {
  try {
    return { kind: "bytes", name, bytes: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) };
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const shape = isFields(value) ? tagged(value) : null;
  return shape?.kind === "text" ? shape.text : "";
}
