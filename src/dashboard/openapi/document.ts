import type { Parameter, Route } from "../route.ts";
import { ACTION_ROLES } from "../session-view.ts";
import { VERSION } from "../version.ts";
import { API_SCHEMAS } from "./embedded.ts";
import type { JsonSchema } from "./json-schema.ts";

const PROBLEM = { $ref: "#/components/schemas/ApiProblem" };

/** The OpenAPI 3.1 description of routes. @param root - how their paths begin */
export function openApiDocument(routes: readonly Route[], root: string): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `${root}${route.path}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Waymark",
      version: VERSION,
      description:
        "Looks at instances of flows, and acts on them. Values that JSON can't say are tagged: docs/formats/json.md.",
    },
    paths,
    components: {
      schemas: API_SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "waymark",
          description: "Given by `POST session`; `__Host-waymark` by https",
        },
      },
    },
    security: [{ token: [] }, { session: [] }],
  };
}

function operationOf(route: Route): object {
  const { path, query, body, answer, role, action } = route;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const { status, schema, type = "application/json" } = answer;
  const parameters = [
    ...names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } })),
    ...Object.entries(query).map(([name, parameter]) => queryParameter(name, parameter)),
    ...(route.method === "GET"
      ? []
      : [{ name: "X-Waymark-Request", in: "header", required: true, schema: { type: "string" } }]),
  ];
  return {
    operationId: operationIdOf(route),
    summary: route.summary,
    description: role === null ? "Needs no token." : `Needs the role ${action === null ? role : ACTION_ROLES[action]}.`,
    ...(role === null ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: { $ref: `#/components/schemas/${body}` } } },
          },
        }),
    responses: {
      [status]: { description: "Done", ...(schema === null ? {} : { content: { [type]: { schema } } }) },
      default: { description: "Refused, or failed", content: { "application/problem+json": { schema: PROBLEM } } },
    },
  };
}

function queryParameter(name: string, { type, description, required = false, repeated, ...more }: Parameter): object {
  const { enum: values, minimum, maximum, default: usual } = more;
  const schema: JsonSchema = {
    type: type === "integer" ? "integer" : "string",
    ...(values === undefined ? {} : { enum: values }),
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(usual === undefined ? {} : { default: usual }),
  };
  const shown = repeated === true ? { type: "array", items: schema } : schema;
  return { name, in: "query", required, description, schema: shown };
}

/** `get-instances-instanceId-history`. */
function operationIdOf({ method, path }: Route): string {
  const words = path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll(/[{}]/g, "").replaceAll(".", "-"));
  return [method.toLowerCase(), ...words].join("-");
}
