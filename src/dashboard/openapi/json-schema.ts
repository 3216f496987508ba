import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import { kindOf } from "../../ids.ts";

/** As much of JSON Schema (2020-12) as the API's types need. */
export interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
}

const REF = /^#\/components\/schemas\/(\w+)$/;

/**
 * Checks a value that was parsed from JSON.
 *
 * @param schemas - what `$ref` names
 * @param field - what the value is called; `""` for a whole body, whose parts are called by their own names
 * @throws {InvalidArgumentError} naming the first thing that doesn't fit, below `field`
 */
export function checkJson(
  value: unknown,
  schema: JsonSchema,
  schemas: Readonly<Record<string, JsonSchema>>,
  field: string,
): void {
  const issue = issueIn(value, schema, schemas, field);
  if (issue !== null) throw new InvalidArgumentError(issue.field === "" ? "body" : issue.field, `${issue.problem}.`);
}

interface Issue {
  readonly field: string;
  readonly problem: string;
}

function issueIn(
  value: unknown,
  schema: JsonSchema,
  schemas: Readonly<Record<string, JsonSchema>>,
  field: string,
): Issue | null {
  if (schema.$ref !== undefined) {
    const [, name = ""] = REF.exec(schema.$ref) ?? [];
    const target = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (target === undefined) throw new TypeError(`"${schema.$ref}" leads nowhere.`);
    return issueIn(value, target, schemas, field);
  }
  if (schema.anyOf !== undefined) return issueInAny(value, schema.anyOf, schemas, field);
  if (Object.hasOwn(schema, "const") && value !== schema.const)
    return { field, problem: `must be ${JSON.stringify(schema.const)}` };
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    const given = typeof value === "string" ? JSON.stringify(value.slice(0, 50)) : kindOf(value);
    return { field, problem: `must be ${schema.enum.map((one) => JSON.stringify(one)).join(" or ")}, not ${given}` };
  }
  if (schema.type !== undefined && typeOf(value) !== schema.type && !(schema.type === "integer" && isWhole(value)))
    return { field, problem: `must be ${article(schema.type)}, not ${kindOf(value)}` };
  if (Array.isArray(value)) return issueInItems(value, schema, schemas, field);
  return typeof value === "object" && value !== null ? issueInProperties(value, schema, schemas, field) : null;
}

/** Of several that it could be, the one of its own type says what is wrong. */
function issueInAny(
  value: unknown,
  schemas: readonly JsonSchema[],
  all: Readonly<Record<string, JsonSchema>>,
  field: string,
): Issue | null {
  const issues: Issue[] = [];
  for (const one of schemas) {
    const issue = issueIn(value, one, all, field);
    if (issue === null) return null;
    issues.push(issue);
  }
  return issues.find((issue) => issue.field !== field) ?? issues[0] ?? null;
}

function issueInItems(
  items: readonly unknown[],
  schema: JsonSchema,
  schemas: Readonly<Record<string, JsonSchema>>,
  field: string,
): Issue | null {
  if (schema.items === undefined) return null;
  for (const [index, item] of items.entries()) {
    const issue = issueIn(item, schema.items, schemas, `${field}[${index}]`);
    if (issue !== null) return issue;
  }
  return null;
}

function issueInProperties(
  value: object,
  schema: JsonSchema,
  schemas: Readonly<Record<string, JsonSchema>>,
  field: string,
): Issue | null {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return { field: below(field, missing), problem: "is missing" };
  for (const [name, part] of Object.entries(value)) {
    const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (own === undefined && additionalProperties === false) {
      const known = Object.keys(properties).join(", ");
      return {
        field,
        problem: `has an unknown key ${JSON.stringify(name.slice(0, 50))}; known are: ${known}`,
      };
    }
    const partSchema = own ?? (typeof additionalProperties === "object" ? additionalProperties : null);
    const issue = partSchema === null ? null : issueIn(part, partSchema, schemas, below(field, name));
    if (issue !== null) return issue;
  }
  return null;
}

function below(field: string, name: string): string {
  return field === "" ? name : `${field}.${name}`;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function isWhole(value: unknown): boolean {
  return Number.isInteger(value);
}

function article(type: string): string {
  if (type === "null") return "null";
  if (type === "boolean") return "true or false";
  return `${/^[aio]/.test(type) ? "an" : "a"} ${type}`;
}
