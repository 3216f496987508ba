/**
 * Writes src/dashboard/openapi/embedded.ts from the types of the HTTP API: a JSON Schema for each, by its name. So what is
 * documented, what requests are checked against and what the compiler checks is one and the same.
 *
 *   tsx scripts/embed-api-schemas.ts            writes the file
 *   tsx scripts/embed-api-schemas.ts --check    fails if it is not current
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Comment, parseSync, type TSInterfaceDeclaration, type TSSignature, type TSType } from "oxc-parser";

const FOLDER = join(import.meta.dirname, "../src/dashboard");
const TARGET = join(FOLDER, "openapi/embedded.ts");

type Schema = Record<string, unknown>;
type Declaration = { readonly type: TSType; readonly description: string | null } | { readonly interface: Interface };

interface Interface {
  readonly node: TSInterfaceDeclaration;
  readonly description: string | null;
  readonly source: Source;
}

/** A file, with what stands above something in it. */
class Source {
  readonly #text: string;
  readonly #comments: readonly Comment[];

  constructor(text: string, comments: readonly Comment[]) {
    this.#text = text;
    this.#comments = comments;
  }

  /** The doc comment right above a node, as one line. */
  above({ start }: { readonly start: number }): string | null {
    const comment = this.#comments.findLast(({ end }) => end <= start);
    if (comment === undefined || !comment.value.startsWith("*")) return null;
    if (this.#text.slice(comment.end, start).trim() !== "") return null;
    return comment.value
      .slice(1)
      .replaceAll(/\s*\n\s*\*?\s?/g, " ")
      .trim();
  }
}

/** The schemas of all exported types of these files, by name. */
export function schemasOf(files: readonly { readonly name: string; readonly text: string }[]): Record<string, Schema> {
  const declared = new Map<string, Declaration>();
  for (const { name, text } of files) {
    const { program, comments, errors } = parseSync(name, text);
    if (errors.length > 0) throw new Error(`${name}: ${errors[0]?.message ?? "can't be parsed"}`);
    const source = new Source(text, comments);
    for (const statement of program.body) {
      if (statement.type !== "ExportNamedDeclaration") continue;
      const { declaration } = statement;
      const description = source.above(statement);
      if (declaration?.type === "TSInterfaceDeclaration")
        declared.set(declaration.id.name, { interface: { node: declaration, description, source } });
      if (declaration?.type === "TSTypeAliasDeclaration")
        declared.set(declaration.id.name, { type: declaration.typeAnnotation, description });
    }
  }
  const writer = new SchemaWriter(declared);
  const names = [...declared.keys()].filter((name) => !writer.isGeneric(name)).sort();
  return Object.fromEntries(names.map((name) => [name, writer.named(name)]));
}

const KEYWORDS: Readonly<Record<string, Schema>> = {
  TSStringKeyword: { type: "string" },
  TSNumberKeyword: { type: "number" },
  TSBooleanKeyword: { type: "boolean" },
  TSNullKeyword: { type: "null" },
  TSUnknownKeyword: {},
};

class SchemaWriter {
  readonly #declared: ReadonlyMap<string, Declaration>;

  constructor(declared: ReadonlyMap<string, Declaration>) {
    this.#declared = declared;
  }

  isGeneric(name: string): boolean {
    const found = this.#declared.get(name);
    return found !== undefined && "interface" in found && found.interface.node.typeParameters != null;
  }

  named(name: string): Schema {
    const found = this.#declared.get(name);
    if (found === undefined) throw new Error(`${name} is not a type of the API.`);
    if (!("interface" in found)) return described(this.#of(found.type), found.description);
    return described(this.#object(this.#members(found.interface)), found.interface.description);
  }

  #members({ node, source }: Interface): { readonly member: TSSignature; readonly source: Source }[] {
    const inherited = node.extends.flatMap(({ expression }) => {
      const base = expression.type === "Identifier" ? this.#declared.get(expression.name) : undefined;
      if (base === undefined || !("interface" in base)) throw new Error(`${node.id.name} extends what is unknown.`);
      return this.#members(base.interface);
    });
    return [...inherited, ...node.body.body.map((member) => ({ member, source }))];
  }

  #object(members: readonly { readonly member: TSSignature; readonly source: Source | null }[]): Schema {
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const { member, source } of members) {
      if (member.type !== "TSPropertySignature" || member.key.type !== "Identifier" || member.typeAnnotation === null)
        throw new Error(`A ${member.type} has no schema.`);
      properties[member.key.name] = described(
        this.#of(member.typeAnnotation.typeAnnotation),
        source?.above(member) ?? null,
      );
      if (!member.optional) required.push(member.key.name);
    }
    return {
      ...{ type: "object", properties, additionalProperties: false },
      ...(required.length === 0 ? {} : { required }),
    };
  }

  #of(type: TSType): Schema {
    const keyword = KEYWORDS[type.type];
    if (keyword !== undefined) return keyword;
    if (type.type === "TSLiteralType") return { const: type.literal.type === "Literal" ? type.literal.value : null };
    if (type.type === "TSUnionType") return union(type.types.map((one) => this.#of(one)));
    if (type.type === "TSArrayType") return { type: "array", items: this.#of(type.elementType) };
    // "readonly": JSON knows nothing of that.
    if (type.type === "TSTypeOperator") return this.#of(type.typeAnnotation);
    if (type.type === "TSTypeLiteral") return this.#object(type.members.map((member) => ({ member, source: null })));
    if (type.type === "TSTypeReference") return this.#reference(type);
    throw new Error(`A ${type.type} has no schema.`);
  }

  #reference(type: Extract<TSType, { readonly type: "TSTypeReference" }>): Schema {
    const name = type.typeName.type === "Identifier" ? type.typeName.name : "";
    const [first, second] = type.typeArguments?.params ?? [];
    if (name === "Readonly" && first !== undefined) return this.#of(first);
    if (name === "Record" && first !== undefined && second !== undefined) return this.#record(first, second);
    return { $ref: `#/components/schemas/${name}` };
  }

  #record(key: TSType, value: TSType): Schema {
    const name = key.type === "TSTypeReference" && key.typeName.type === "Identifier" ? key.typeName.name : null;
    if (name === null) return { type: "object", additionalProperties: this.#of(value) };
    const keys = this.named(name)["enum"] as readonly string[];
    const properties = Object.fromEntries(keys.map((one) => [one, this.#of(value)]));
    return { type: "object", properties, additionalProperties: false, required: keys };
  }
}

/** Literals become an enum. */
function union(schemas: readonly Schema[]): Schema {
  const literals = schemas.filter((schema) => "const" in schema);
  const others = schemas.filter((schema) => !("const" in schema));
  const all = literals.length > 0 ? [{ type: "string", enum: literals.map((one) => one["const"]) }, ...others] : others;
  return all.length === 1 ? (all[0] ?? {}) : { anyOf: all };
}

function described(schema: Schema, description: string | null): Schema {
  return description === null ? schema : { ...schema, description };
}

function embed(): string {
  const files = readdirSync(FOLDER)
    .filter((name) => /^api-[a-z]+\.ts$/.test(name))
    .sort()
    .map((name) => ({ name, text: readFileSync(join(FOLDER, name), "utf8") }));
  return `// Generated from src/dashboard/api-*.ts by scripts/embed-api-schemas.ts. Do not edit.
import type { JsonSchema } from "./json-schema.ts";

/** The types of the HTTP API, as JSON Schemas, by name. */
export const API_SCHEMAS: Readonly<Record<string, JsonSchema>> = ${JSON.stringify(schemasOf(files), null, 1)};
`;
}

function main(): void {
  const current = existsSync(TARGET) ? readFileSync(TARGET, "utf8") : "";
  const wanted = embed();
  if (current === wanted) return;
  if (process.argv.includes("--check")) {
    console.error("src/dashboard/openapi/embedded.ts is not current: run `npm run generate`.");
    process.exit(1);
  }
  writeFileSync(TARGET, wanted);
  console.log("Wrote src/dashboard/openapi/embedded.ts.");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
