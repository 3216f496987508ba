import { checkFlow, checkFunction, checkOptions } from "../engine/call-options.ts";
import { type Ports, systemPorts } from "../engine/ports.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import type { Flow } from "../flow/flow-definition.ts";
import type { StateQuery, StateUpdate } from "../flow/state-handlers.ts";
import { kindOf } from "../ids.ts";
import { type Logger, parseLogger, withFields } from "../logger.ts";
import { requireArray, requireBoolean, requireOneOf } from "../store/argument-shapes.ts";
import { parseWhole } from "../store/arguments.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import { type Caller, digestOf, type KnownToken } from "./access.ts";
import type { Role } from "./api-types.ts";
import type { Redact } from "./payload-view.ts";
import { isLoopback } from "./request-guard.ts";

/** Who has this token may do what this role may. */
export interface DashboardToken {
  /** At least 32 characters, of chance: `openssl rand -base64 32`. */
  readonly token: string;
  /** "viewer" reads; "operator" acts on single instances, too; "admin" does everything. */
  readonly role: Role;
  /** Who it is, for the audit log. Default: the role. At most 255 characters. */
  readonly actor?: string;
}

/** An action as the hook `onAction` is told of it. */
export interface PerformedAction {
  readonly actor: string;
  readonly action: string;
  /** An instance's id, a limit's name …; `null` where it has none. */
  readonly target: string | null;
  readonly outcome: "done" | "refused" | "failed";
  /** The error's code; `null` if it is done. */
  readonly code: string | null;
}

export interface DashboardOptions {
  /** Under which path it is mounted: `/waymark`. Default: none. */
  readonly basePath?: string;
  /** Who may use it. Default: whoever reaches it by a name of this machine itself (localhost). */
  readonly tokens?: readonly DashboardToken[];
  /** In place of tokens: tells who sends a request, `null` for nobody. For servers that know their users already. */
  readonly authenticate?: (request: Request) => Caller | null | Promise<Caller | null>;
  /** Names by which it may be reached besides localhost: `waymark.example.com`. Needs `tokens` or `authenticate`. */
  readonly hosts?: readonly string[];
  /** Origins of other pages that may use it: `https://admin.example.com`. Default: none. */
  readonly origins?: readonly string[];
  /** Whether the cookie is for https only. Default: whether the request came by https, as far as this process sees it. */
  readonly secureCookie?: boolean;
  /** Refuses everything that changes something. Default: `false`. */
  readonly readOnly?: boolean;
  /** Flows that can be started, forked and looked back at here. Others are shown as far as the database knows them. */
  readonly flows?: readonly Flow[];
  /** Queries and updates that can be called here, for the flows whose state they are about. */
  readonly queries?: readonly StateQuery<never>[];
  readonly updates?: readonly StateUpdate<never>[];
  /** What may be shown of values. Default: all of them. */
  readonly redact?: Redact;
  /** Is told of every action when it has ended. What it throws is logged. */
  readonly onAction?: (action: PerformedAction) => unknown;
  readonly logger?: Logger;
  /** Whether the pages for the browser are served, too. Default: `true`, as far as they are there. */
  readonly ui?: boolean;
  /** Values that are larger as JSON are folded. Default: 16 KiB. */
  readonly foldBytes?: number;
  /** Largest body of a request. Default: 4 MiB. */
  readonly maxBodyBytes?: number;
  /** How often it looks whether something has changed, while somebody listens. Default: 1 s. */
  readonly pollInterval?: Duration;
  /** Clock, timers and chance, for simulations. */
  readonly ports?: Partial<Ports>;
}

/** {@link DashboardOptions}, checked and complete. */
export interface ResolvedOptions {
  readonly basePath: string;
  readonly tokens: readonly KnownToken[];
  readonly authenticate: DashboardOptions["authenticate"] | null;
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  readonly secureCookie: boolean | null;
  readonly readOnly: boolean;
  readonly flows: readonly Flow[];
  readonly queries: readonly StateQuery<never>[];
  readonly updates: readonly StateUpdate<never>[];
  readonly redact: Redact | null;
  readonly onAction: NonNullable<DashboardOptions["onAction"]> | null;
  readonly ui: boolean;
  readonly foldBytes: number;
  readonly maxBodyBytes: number;
  readonly pollIntervalMs: number;
  readonly ports: Ports;
}

const KEYS = [
  ...[
    "basePath",
    "tokens",
    "authenticate",
    "hosts",
    "origins",
    "secureCookie",
    "readOnly",
    "flows",
    "queries",
    "updates",
  ],
  ...["redact", "onAction", "logger", "ui", "foldBytes", "maxBodyBytes", "pollInterval", "ports"],
];
const ROLES = ["viewer", "operator", "admin"];
const BASE_PATH = /^(?:\/[A-Za-z0-9._~-]+)*$/;
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;
const LEAST_TOKEN_LENGTH = 32;
const KIB = 1_024;

/** @throws {InvalidArgumentError} naming the option that is not acceptable */
export function resolveOptions(options: DashboardOptions): ResolvedOptions {
  checkOptions(options, KEYS);
  const { basePath = "", readOnly = false, ui = true, secureCookie } = options;
  if (typeof basePath !== "string" || !BASE_PATH.test(basePath))
    throw new InvalidArgumentError(
      "options.basePath",
      'must be "" or a path such as "/waymark", without a slash at its end.',
    );
  requireBoolean(readOnly, "options.readOnly");
  requireBoolean(ui, "options.ui");
  if (secureCookie !== undefined) requireBoolean(secureCookie, "options.secureCookie");
  for (const name of ["authenticate", "redact", "onAction"] as const)
    if (options[name] !== undefined) checkFunction(options[name], `options.${name}`);
  return {
    ...{ basePath, readOnly, ui, secureCookie: secureCookie ?? null, ...accessOf(options), ...handlersOf(options) },
    redact: options.redact ?? null,
    onAction: options.onAction ?? null,
    foldBytes: parseWhole(options.foldBytes ?? 16 * KIB, "options.foldBytes", 0, 16 * KIB * KIB),
    maxBodyBytes: parseWhole(options.maxBodyBytes ?? 4 * KIB * KIB, "options.maxBodyBytes", 1, KIB ** 3),
    pollIntervalMs: pollIntervalOf(options.pollInterval ?? 1_000),
    ports: portsOf(options),
  };
}

function accessOf(options: DashboardOptions): Pick<ResolvedOptions, "tokens" | "authenticate" | "hosts" | "origins"> {
  const { authenticate = null } = options;
  const tokens = tokensOf(options.tokens ?? []);
  if (tokens.length > 0 && authenticate !== null)
    throw new InvalidArgumentError("options.authenticate", "takes the place of tokens; leave one of the two out.");
  const hosts = textsOf(
    options.hosts,
    "options.hosts",
    (host) => HOST.test(host),
    "a name such as waymark.example.com",
  );
  if (tokens.length === 0 && authenticate === null && hosts.some((host) => !isLoopback(host.replace(/:\d+$/, "")))) {
    const problem =
      "are needed where options.hosts has names of more than this machine: whoever reaches it could do anything.";
    throw new InvalidArgumentError("options.tokens", problem);
  }
  const isOrigin = (text: string): boolean => URL.canParse(text) && new URL(text).origin === text;
  const origins = textsOf(options.origins, "options.origins", isOrigin, "an origin such as https://example.com");
  return { tokens, authenticate, hosts, origins };
}

function tokensOf(tokens: unknown): readonly KnownToken[] {
  requireArray(tokens, "options.tokens");
  return tokens.map((given: unknown, index): KnownToken => {
    const field = `options.tokens[${index}]`;
    checkOptions(given, ["token", "role", "actor"], field);
    const { token, role, actor } = given as { token?: unknown; role?: unknown; actor?: unknown };
    // The token is not repeated: messages end up in logs.
    if (typeof token !== "string" || token.length < LEAST_TOKEN_LENGTH || /\s/.test(token) || token.length > 512)
      throw new InvalidArgumentError(
        `${field}.token`,
        `must have ${LEAST_TOKEN_LENGTH} to 512 characters, none of them white space.`,
      );
    requireOneOf(role, `${field}.role`, ROLES);
    if (actor !== undefined && (typeof actor !== "string" || actor === "" || actor.length > 255))
      throw new InvalidArgumentError(`${field}.actor`, "must be a name of 1 to 255 characters.");
    return { digest: digestOf(token), role: role as Role, actor: actor ?? (role as Role) };
  });
}

function textsOf(given: unknown, field: string, fits: (text: string) => boolean, what: string): readonly string[] {
  if (given === undefined) return [];
  requireArray(given, field);
  return given.map((text: unknown, index) => {
    const lower = typeof text === "string" ? text.toLowerCase() : "";
    if (!fits(lower)) throw new InvalidArgumentError(`${field}[${index}]`, `must be ${what}.`);
    return lower;
  });
}

function handlersOf(options: DashboardOptions): Pick<ResolvedOptions, "flows" | "queries" | "updates"> {
  const { flows = [], queries = [], updates = [] } = options;
  for (const [name, list] of Object.entries({ flows, queries, updates })) requireArray(list, `options.${name}`);
  for (const [index, flow] of flows.entries()) checkFlow(flow, `options.flows[${index}]`);
  for (const [name, list] of Object.entries({ queries, updates }))
    for (const [index, handler] of list.entries()) {
      const isOne = typeof handler === "object" && handler !== null && "run" in handler && "state" in handler;
      const maker = name === "queries" ? "query" : "update";
      if (!isOne)
        throw new InvalidArgumentError(
          `options.${name}[${index}]`,
          `must be what ${maker}() has made, not ${kindOf(handler)}.`,
        );
    }
  return { flows, queries, updates };
}

function pollIntervalOf(interval: Duration): number {
  const ms = parseDuration(interval, "options.pollInterval");
  return parseWhole(Math.ceil(ms), "options.pollInterval", 10, 3_600_000);
}

function portsOf(options: DashboardOptions): Ports {
  const ports = { ...systemPorts, ...options.ports };
  if (options.logger === undefined) return ports;
  return { ...ports, logger: withFields(parseLogger(options.logger, "options.logger"), { component: "dashboard" }) };
}
