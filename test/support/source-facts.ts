import { type Comment, parseSync } from "oxc-parser";

/** One `import`, `export … from`, `import()` or `typeof import()` of a source file. */
export interface ImportFact {
  readonly specifier: string;
  readonly kind: "static" | "dynamic" | "type";
  readonly line: number;
}

/** A use of a global that makes a run unrepeatable, such as `Date.now`. */
export interface ImpureFact {
  readonly name: string;
  readonly line: number;
}

/** What the architecture test needs to know about one source file. */
export interface SourceFacts {
  readonly imports: readonly ImportFact[];
  readonly impure: readonly ImpureFact[];
  readonly anyLines: readonly number[];
  readonly comments: readonly { readonly text: string; readonly line: number }[];
  /** Whether every statement is `export … from`. */
  readonly isBarrel: boolean;
}

interface AstNode {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const TIMERS: ReadonlySet<string> = new Set(["setTimeout", "setInterval", "setImmediate"]);
const IMPURE_MEMBERS: ReadonlySet<string> = new Set([
  "AbortSignal.timeout",
  "Date.now",
  "Math.random",
  "crypto.getRandomValues",
  "performance.now",
  "performance.timeOrigin",
  "process.env",
  "process.hrtime",
  "process.uptime",
]);
const RANDOM = /^(crypto|webcrypto)\.(random|getRandom)/;

/** Facts about TypeScript source text, read from its syntax tree: comments and strings can't mislead it. */
export function readSource(path: string, text: string): SourceFacts {
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors.map((error) => error.message).join("; ")}`);
  const lineAt = lineFinder(text);
  const facts = { imports: [] as ImportFact[], impure: [] as ImpureFact[], anyLines: [] as number[] };
  walk(program, null, "", (node, parent, key) => {
    const line = lineAt(node.start);
    const imported = importOf(node);
    if (imported !== null) facts.imports.push({ ...imported, line });
    for (const name of impureNames(node, parent, key)) facts.impure.push({ name, line });
    if (node.type === "TSAnyKeyword") facts.anyLines.push(line);
  });
  return {
    ...facts,
    comments: comments.map((comment: Comment) => ({ text: comment.value, line: lineAt(comment.start) })),
    isBarrel: program.body.length > 0 && program.body.every((statement) => isReExport(statement as unknown as AstNode)),
  };
}

function isReExport(node: AstNode): boolean {
  return (node.type === "ExportNamedDeclaration" || node.type === "ExportAllDeclaration") && isNode(node["source"]);
}

function importOf(node: AstNode): Omit<ImportFact, "line"> | null {
  const specifier = literal(node["source"]);
  if (specifier === null) return null;
  switch (node.type) {
    case "ImportDeclaration":
      return { specifier, kind: node["importKind"] === "type" ? "type" : "static" };
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
      return { specifier, kind: node["exportKind"] === "type" ? "type" : "static" };
    case "ImportExpression":
      return { specifier, kind: "dynamic" };
    case "TSImportType":
      return { specifier, kind: "type" };
    default:
      return null;
  }
}

function* impureNames(node: AstNode, parent: AstNode | null, key: string): Generator<string> {
  if (node.type === "MemberExpression") {
    const name = dotted(node);
    if (name !== null && (IMPURE_MEMBERS.has(name) || RANDOM.test(name))) yield name;
  }
  if (node.type === "Identifier" && TIMERS.has(node["name"] as string) && isReference(parent, key)) {
    yield node["name"] as string;
  }
  const callee = node["callee"];
  if (isNode(callee) && callee.type === "Identifier" && callee["name"] === "Date") {
    if (node.type === "CallExpression") yield "Date()";
    if (node.type === "NewExpression" && (node["arguments"] as unknown[]).length === 0) yield "new Date()";
  }
  if (node.type === "ImportDeclaration" && /^(node:)?crypto$/.test(literal(node["source"]) ?? "")) {
    yield* randomImports(node);
  }
}

function* randomImports(node: AstNode): Generator<string> {
  for (const specifier of node["specifiers"] as AstNode[]) {
    const imported = specifier["imported"];
    const name = isNode(imported) ? `crypto.${String(imported["name"])}` : "";
    if (RANDOM.test(name)) yield name;
  }
}

/** Whether an identifier in this place stands for a variable, not for the name of a member or a key. */
function isReference(parent: AstNode | null, key: string): boolean {
  if (parent === null || parent["computed"] === true) return true;
  if (parent.type === "MemberExpression")
    return key !== "property" || dotted(parent)?.startsWith("globalThis.") === true;
  if (parent.type === "Property") return key === "value";
  return key !== "key" && !parent.type.startsWith("TS");
}

/** `a.b.c` for a chain of plain names, without a leading `globalThis`; null for anything else. */
function dotted(node: AstNode): string | null {
  if (node.type === "Identifier") return node["name"] as string;
  const { object, property } = node;
  if (node.type !== "MemberExpression" || !isNode(object) || !isNode(property)) return null;
  const member = node["computed"] === true ? literal(property) : (property["name"] as string);
  const left = dotted(object);
  if (left === null || member === null) return null;
  return left === "globalThis" ? globalMember(member) : `${left}.${member}`;
}

function globalMember(member: string): string {
  return TIMERS.has(member) ? `globalThis.${member}` : member;
}

function literal(value: unknown): string | null {
  return isNode(value) && value.type === "Literal" && typeof value["value"] === "string" ? value["value"] : null;
}

function isNode(value: unknown): value is AstNode {
  return typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string";
}

type Visitor = (node: AstNode, parent: AstNode | null, key: string) => void;

function walk(value: unknown, parent: AstNode | null, key: string, visit: Visitor): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, parent, key, visit);
  } else if (isNode(value)) {
    visit(value, parent, key);
    for (const [childKey, child] of Object.entries(value)) walk(child, value, childKey, visit);
  }
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
