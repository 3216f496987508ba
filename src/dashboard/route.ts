import type { Client } from "../client/client.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { Backend } from "../store/backend.ts";
import type { Access, Caller } from "./access.ts";
import type { ActionName, Role } from "./api-types.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { ResolvedOptions } from "./dashboard-options.ts";
import type { JsonSchema } from "./openapi/json-schema.ts";
import type { PayloadView } from "./payload-view.ts";

/** A parameter of the query: text, a whole number, or the sequence number of an entry. */
export interface Parameter {
  readonly type: "string" | "integer" | "sequence";
  readonly description: string;
  readonly required?: boolean;
  /** Whether it may be there several times. Default: `false`. */
  readonly repeated?: boolean;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: string | number;
}

/** What everything that answers requests works with. */
export interface Server {
  readonly client: Client;
  readonly backend: Backend;
  readonly options: ResolvedOptions;
  readonly access: Access;
  readonly view: PayloadView;
  readonly changes: ChangeFeed;
  readonly flows: KnownFlows;
  /** The paths of the API begin so. */
  readonly root: string;
  /** Describes all routes. */
  openApi(): unknown;
}

/** The flows that the server was given. */
export interface KnownFlows {
  readonly all: readonly Flow[];
  byHash(definitionHash: string): Flow | null;
  byName(name: string): Flow | null;
}

/** A request that has come through to its route: everything in it has been checked against what the route says. */
export interface Call {
  readonly server: Server;
  readonly request: Request;
  readonly url: URL;
  /** What stands for `{…}` in the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: unknown;
  /** `null` only where the route is open to everybody. */
  readonly caller: Caller | null;
}

/** A method and a path, and what there is to know of them before somebody asks. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below `/api/v1`: `/instances/{instanceId}`. */
  readonly path: string;
  readonly summary: string;
  /** Who may; `null`: everybody, without a token. */
  readonly role: Role | null;
  /** As what it is recorded, if it changes something; `null` if it doesn't. */
  readonly action: ActionName | null;
  readonly query: Readonly<Record<string, Parameter>>;
  /** Name of the type of the body; `null` for none. */
  readonly body: string | null;
  readonly answer: {
    readonly status: number;
    /** `null` for no content. */
    readonly schema: JsonSchema | null;
    /** Default: `application/json`. */
    readonly type?: string;
  };
  /** What is done to what, for the audit log. Default: to the `instanceId` of the path. */
  readonly target?: (call: Call) => string | null;
  /** What else the audit log is to say; no payloads. Default: nothing. */
  readonly detail?: (call: Call) => string | null;
  /** @returns JSON for 200, or a `Reply` */
  handle(call: Call): unknown;
}

/** The schema of a type of the API. */
export function typed(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** The schema of a page of such. */
export function pageOf(name: string): JsonSchema {
  const next: JsonSchema = { anyOf: [{ type: "string" }, { type: "null" }] };
  const properties = { items: { type: "array", items: typed(name) }, next };
  return { type: "object", properties, required: ["items", "next"], additionalProperties: false };
}

/** A route that reads. */
export function get(
  path: string,
  summary: string,
  schema: JsonSchema,
  query: Route["query"],
  handle: Route["handle"],
): Route {
  const answer = { status: 200, schema };
  return { ...{ method: "GET", path, summary, role: "viewer", action: null, query, body: null, answer }, handle };
}

/** The query of a request, checked. */
export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  /** @throws {InvalidArgumentError} a parameter is unknown, missing, there twice, or out of its bounds */
  constructor(given: URLSearchParams, known: Readonly<Record<string, Parameter>>) {
    const values = new Map<string, string[]>();
    for (const [name, value] of given) {
      const parameter = Object.hasOwn(known, name) ? known[name] : undefined;
      if (parameter === undefined) {
        const names = Object.keys(known).join(", ");
        const all = names === "" ? "there are none here" : `known are: ${names}`;
        throw new InvalidArgumentError(name.slice(0, 50), `is not a parameter; ${all}.`);
      }
      const before = values.get(name) ?? [];
      if (before.length > 0 && parameter.repeated !== true) throw new InvalidArgumentError(name, "must be there once.");
      if (before.length === MOST_REPEATED)
        throw new InvalidArgumentError(name, `must be there at most ${MOST_REPEATED} times.`);
      checkParameter(name, value, parameter);
      values.set(name, [...before, value]);
    }
    for (const [name, { required }] of Object.entries(known))
      if (required === true && !values.has(name)) throw new InvalidArgumentError(name, "is missing.");
    this.#values = values;
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  whole(name: string, otherwise: number): number {
    return Number(this.text(name) ?? otherwise);
  }

  sequence(name: string): bigint | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : BigInt(text);
  }
}

const MOST_REPEATED = 64;
const SEQUENCE = /^\d{1,19}$/;
const LONGEST_SEQUENCE = 2n ** 63n - 1n;

function checkParameter(name: string, value: string, parameter: Parameter): void {
  const { type, minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = parameter;
  if (type === "sequence") parseSequence(value, name);
  if (type === "integer" && !(/^\d{1,15}$/.test(value) && Number(value) >= minimum && Number(value) <= maximum))
    throw new InvalidArgumentError(name, `must be a whole number from ${minimum} to ${maximum}.`);
  if (parameter.enum !== undefined && !parameter.enum.includes(value)) {
    const known = parameter.enum.map((one) => `"${one}"`).join(" or ");
    throw new InvalidArgumentError(name, `must be ${known}, not ${JSON.stringify(value.slice(0, 50))}.`);
  }
}

/** The number of an entry, as text. @throws {InvalidArgumentError} naming `field` */
export function parseSequence(text: string, field: string): bigint {
  const sequence = SEQUENCE.test(text) ? BigInt(text) : null;
  if (sequence === null || sequence > LONGEST_SEQUENCE)
    throw new InvalidArgumentError(field, "must be the sequence number of an entry, in digits.");
  return sequence;
}

/** Parameters of lists. */
export function paging(
  most: number,
  usual: number,
  after: Parameter["type"] = "string",
): Record<"after" | "limit", Parameter> {
  return {
    after: { type: after, description: "`next` of the page before" },
    limit: { type: "integer", description: "How many at most", minimum: 1, maximum: most, default: usual },
  };
}
