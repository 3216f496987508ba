import { expect, test } from "vitest";
import { dashboard } from "../../src/dashboard/index.ts";
import { ROUTES } from "../../src/dashboard/routes/all-routes.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import type { OpenApi } from "../support/api-caller.ts";

async function described(): Promise<OpenApi> {
  const made = dashboard(new InMemoryBackend(), { basePath: "/ops" });
  const response = await made.fetch(new Request("http://localhost/ops/api/v1/openapi.json"));
  return (await response.json()) as OpenApi;
}

/** Everything of this name, wherever it is. */
function all(value: unknown, name: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => [...(key === name ? [part] : []), ...all(part, name)]);
}

test("describes every route, and nothing else", async () => {
  const { openapi, paths } = await described();
  expect(openapi).toBe("3.1.0");
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(operations.sort()).toEqual(ROUTES.map(({ method, path }) => `${method} /ops/api/v1${path}`).sort());
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ROUTES.length);
});

test("names only schemas that are there, and every parameter of a path", async () => {
  const { paths, components } = await described();
  const known = new Set(Object.keys(components.schemas).map((name) => `#/components/schemas/${name}`));
  const named = [...all(paths, "$ref"), ...all(components, "$ref")];
  expect(named.filter((ref) => !known.has(String(ref)))).toEqual([]);
  for (const [path, methods] of Object.entries(paths))
    for (const { parameters = [], responses, summary } of Object.values(methods)) {
      const inPath = parameters.filter((parameter) => parameter.in === "path");
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required }) => required)).toBe(true);
      expect(new Set(parameters.map(({ name }) => name)).size).toBe(parameters.length);
      expect(Object.keys(responses)).toContain("default");
      expect(summary).not.toBe("");
    }
});

test("is only what OpenAPI 3.1 knows", async () => {
  const { paths, components } = await described();
  const keywords = [
    ...["type", "const", "enum", "anyOf", "$ref", "properties", "required", "additionalProperties", "items"],
    ...["minimum", "maximum", "default", "description"],
  ];
  const check = (schema: unknown): void => {
    if (typeof schema !== "object" || schema === null) return;
    expect(Object.keys(schema).filter((key) => !keywords.includes(key))).toEqual([]);
    const { properties = {}, items, anyOf = [], additionalProperties } = schema as Record<string, never>;
    for (const part of [...Object.values(properties), items, ...(anyOf as unknown[]), additionalProperties])
      check(part);
  };
  for (const schema of [...Object.values(components.schemas), ...all(paths, "schema")]) check(schema);
});
