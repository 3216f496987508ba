import { expect } from "vitest";
import type { Dashboard } from "../../src/dashboard/index.ts";
import { openApiDocument } from "../../src/dashboard/openapi/document.ts";
import { checkJson, type JsonSchema } from "../../src/dashboard/openapi/json-schema.ts";
import { ROUTES } from "../../src/dashboard/routes/all-routes.ts";

/** As much of an OpenAPI document as answers are checked by. */
export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>> }>
  >;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly rawBody?: string;
}

const DOCUMENT = openApiDocument(ROUTES, "/api/v1") as OpenApi;
const ORIGIN = "http://localhost";

/** Calls the API as a client would, and checks that what it answers is what its own description says. */
export class ApiCaller {
  readonly #dashboard: Dashboard;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param headers - on every request */
  constructor(dashboard: Dashboard, headers: Readonly<Record<string, string>> = {}) {
    this.#dashboard = dashboard;
    this.#headers = headers;
  }

  async get<T = unknown>(path: string, status: number = 200, options: CallOptions = {}): Promise<T> {
    return await this.#json("GET", path, undefined, status, options);
  }

  async post<T = unknown>(path: string, body: unknown, status: number = 200, options: CallOptions = {}): Promise<T> {
    return await this.#json("POST", path, body, status, options);
  }

  async patch<T = unknown>(path: string, body: unknown, status: number = 200): Promise<T> {
    return await this.#json("PATCH", path, body, status, {});
  }

  async delete(path: string, status: number = 204): Promise<unknown> {
    return await this.#json("DELETE", path, undefined, status, {});
  }

  /** @param path - below `/api/v1` */
  async raw(
    method: string,
    path: string,
    body: unknown,
    { headers = {}, rawBody }: CallOptions = {},
  ): Promise<Response> {
    const text = rawBody ?? (body === undefined ? null : JSON.stringify(body));
    const all = {
      "x-waymark-request": "1",
      ...(text === null ? {} : { "content-type": "application/json" }),
      ...this.#headers,
      ...headers,
    };
    return await this.#dashboard.fetch(new Request(`${ORIGIN}/api/v1${path}`, { method, body: text, headers: all }));
  }

  async #json<T>(method: string, path: string, body: unknown, status: number, options: CallOptions): Promise<T> {
    const response = await this.raw(method, path, body, options);
    const text = await response.text();
    if (response.status !== status)
      throw new Error(`${method} ${path} answers ${response.status}: ${text.slice(0, 500)}`);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    if (status === 204) return undefined as T;
    const answer: unknown = JSON.parse(text);
    this.#check(method, path, status, answer);
    return answer as T;
  }

  #check(method: string, path: string, status: number, answer: unknown): void {
    const { schemas } = DOCUMENT.components;
    if (status >= 400 && status !== 503) {
      checkJson(answer, { $ref: "#/components/schemas/ApiProblem" }, schemas, "");
      return;
    }
    const [pathname = ""] = `/api/v1${path}`.split("?", 1);
    const operation = operationAt(DOCUMENT, method, pathname);
    const schema = operation?.responses[String(status)]?.content?.["application/json"]?.schema;
    if (schema === undefined) throw new Error(`Of ${status} for ${method} ${pathname}, the description says nothing.`);
    checkJson(answer, schema, schemas, "");
  }
}

function operationAt({ paths }: OpenApi, method: string, pathname: string): Operation | undefined {
  const fits = Object.keys(paths).filter((template) => {
    const pattern = template.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+");
    return new RegExp(`^${pattern}$`).test(pathname);
  });
  // A path without parameters comes first.
  const [template = ""] = fits.sort((a, b) => a.split("{").length - b.split("{").length);
  return paths[template]?.[method.toLowerCase()];
}
