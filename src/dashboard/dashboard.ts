import { Client } from "../client/client.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { WaymarkError } from "../errors/waymark-error.ts";
import { withChildFlows } from "../flow/child-flows.ts";
import type { Flow } from "../flow/flow-definition.ts";
import { kindOf } from "../ids.ts";
import type { Backend } from "../store/backend.ts";
import { Access, allows, type Caller, CHALLENGE } from "./access.ts";
import { audited } from "./audited.ts";
import { ChangeFeed } from "./change-feed.ts";
import { type DashboardOptions, type ResolvedOptions, resolveOptions } from "./dashboard-options.ts";
import { openApiDocument } from "./openapi/document.ts";
import { API_SCHEMAS } from "./openapi/embedded.ts";
import { checkJson } from "./openapi/json-schema.ts";
import { PayloadView } from "./payload-view.ts";
import { RequestRefused } from "./problems.ts";
import { readJson } from "./request-body.ts";
import { checkHost, checkIntent, checkOrigin } from "./request-guard.ts";
import { Reply, replyTo, responseOf } from "./responses.ts";
import { type Call, type KnownFlows, Query, type Route, type Server } from "./route.ts";
import { Router } from "./router.ts";
import { ROUTES } from "./routes/all-routes.ts";
import { cookieName } from "./session-cookie.ts";
import { STATIC_FOLDER, StaticFiles } from "./static-files.ts";

/** The HTTP API and the pages for the browser, for anything that turns a `Request` into a `Response`. */
export interface Dashboard {
  /** Answers a request. Never rejects. */
  fetch(request: Request): Promise<Response>;
  /** Ends all streams; requests after it get 503. The backend stays open. Idempotent. */
  close(): Promise<void>;
  /** Whether it asks who sends a request: then it may be reached from other machines. */
  readonly isProtected: boolean;
}

const API = "/api/v1";
const ANYBODY: Caller = { actor: "local", role: "admin" };

/**
 * Makes the HTTP API of a backend, with the pages for the browser.
 *
 * Without `tokens` or `authenticate`, it answers only what reaches it under a name of this machine.
 *
 * @throws {InvalidArgumentError} an argument is not acceptable
 * @see docs/http-api.md
 */
export function dashboard(backend: Backend, options: DashboardOptions = {}): Dashboard {
  return dashboardWith(backend, options, STATIC_FOLDER);
}

/** The same, with pages from another folder. @throws as `dashboard` */
export function dashboardWith(backend: Backend, options: DashboardOptions, folder: URL): Dashboard {
  if (typeof backend?.findInstance !== "function")
    throw new InvalidArgumentError("backend", `must be a backend, not ${kindOf(backend)}.`);
  return new Answering(backend, resolveOptions(options), folder);
}

class Answering implements Dashboard {
  readonly isProtected: boolean;
  readonly #server: Server;
  readonly #router = new Router(ROUTES);
  readonly #files: StaticFiles | null;
  #closed = false;

  constructor(backend: Backend, options: ResolvedOptions, folder: URL) {
    const { ports, tokens, redact, foldBytes, pollIntervalMs, basePath } = options;
    const client = new Client(backend, { ports });
    const root = `${basePath}${API}`;
    this.isProtected = tokens.length > 0 || options.authenticate !== null;
    this.#files = options.ui ? new StaticFiles(folder) : null;
    this.#server = {
      ...{ client, backend, options, root, flows: knownFlows(options.flows) },
      access: new Access(tokens, ports.clock),
      view: new PayloadView({ redact, foldBytes, logger: ports.logger }),
      changes: new ChangeFeed(client, backend, ports, pollIntervalMs),
      openApi: () => openApiDocument(ROUTES, root),
    };
  }

  async fetch(request: Request): Promise<Response> {
    const isHead = request.method === "HEAD";
    try {
      return responseOf(await this.#answer(request), isHead);
    } catch (error) {
      const reply = replyTo(error);
      if (reply.status >= 500) this.#server.options.ports.logger.error({ error: shown(error) }, "a request has failed");
      return responseOf(reply, isHead);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#server.changes.close();
  }

  async #answer(request: Request): Promise<Reply> {
    const { options, root } = this.#server;
    const url = new URL(request.url);
    checkHost(request, url, options);
    if (this.#closed) throw new RequestRefused("CLOSED", "The server is being shut down.");
    if (url.pathname === root || url.pathname.startsWith(`${root}/`)) {
      checkOrigin(request, url, options);
      return await this.#answerApi(request, url, url.pathname.slice(root.length));
    }
    return await this.#answerPage(request, url);
  }

  async #answerApi(request: Request, url: URL, path: string): Promise<Reply> {
    const { route, params } = this.#router.find(request.method, path);
    const caller = await this.#authorize(request, url, route);
    if (route.method !== "GET") checkIntent(request);
    const { options } = this.#server;
    if (options.readOnly && route.action !== null)
      throw new RequestRefused("READ_ONLY", "This server shows things, and changes nothing.");
    const query = new Query(url.searchParams, route.query);
    const body = route.body === null ? null : await readJson(request, options.maxBodyBytes);
    if (route.body !== null) checkJson(body, { $ref: `#/components/schemas/${route.body}` }, API_SCHEMAS, "");
    const call: Call = { server: this.#server, request, url, params, query, body, caller };
    const answer = route.action === null ? await route.handle(call) : await audited(call, route);
    return answer instanceof Reply ? answer : Reply.json(route.answer.status, answer);
  }

  /** @throws {RequestRefused} nobody may without saying who they are, or not they */
  async #authorize(request: Request, url: URL, route: Route): Promise<Caller | null> {
    const isOpen = route.role === null;
    const caller = isOpen && route.method !== "GET" ? null : await this.#identify(request, url, isOpen);
    if (route.role === null) return caller;
    if (caller === null)
      throw new RequestRefused("UNAUTHENTICATED", "Send a token: Authorization: Bearer …", { headers: CHALLENGE });
    if (allows(caller, route.role)) return caller;
    throw new RequestRefused("FORBIDDEN", `This needs the role ${route.role}; this token has ${caller.role}.`);
  }

  async #identify(request: Request, url: URL, isOpen: boolean): Promise<Caller | null> {
    const { options, access } = this.#server;
    if (options.authenticate !== null && options.authenticate !== undefined)
      return checkedCaller(await options.authenticate(request));
    if (!this.isProtected) return ANYBODY;
    try {
      return access.identify(request, cookieName(options, url));
    } catch (error) {
      if (isOpen && error instanceof RequestRefused && error.code === "UNAUTHENTICATED") return null;
      throw error;
    }
  }

  async #answerPage(request: Request, url: URL): Promise<Reply> {
    const { basePath } = this.#server.options;
    const { pathname } = url;
    if (request.method !== "GET" && request.method !== "HEAD")
      throw new RequestRefused("METHOD_NOT_ALLOWED", "Pages can only be read.", { headers: { allow: "GET" } });
    if (this.#files === null || !(pathname === basePath || pathname.startsWith(`${basePath}/`)))
      throw new RequestRefused("NOT_FOUND", `There is nothing here. The API is at ${this.#server.root}.`);
    // So that what the page names without a slash before it is found beside it.
    if (basePath !== "" && pathname === basePath) return new Reply(308, null, { location: `${basePath}/` });
    return await this.#files.find(pathname.slice(basePath.length), request.headers.get("if-none-match"));
  }
}

function knownFlows(given: readonly Flow[]): KnownFlows {
  const all = withChildFlows(given);
  return {
    all,
    byHash: (definitionHash) => all.find(({ hash }) => hash === definitionHash) ?? null,
    byName: (name) => all.findLast((flow) => flow.name === name) ?? null,
  };
}

/** What somebody else's function says of who asks. */
function checkedCaller(caller: unknown): Caller | null {
  if (caller === null || caller === undefined) return null;
  const { actor, role } = caller as Partial<Record<keyof Caller, unknown>>;
  const isRole = role === "viewer" || role === "operator" || role === "admin";
  if (typeof actor !== "string" || actor === "" || actor.length > 255 || !isRole)
    throw new TypeError("options.authenticate must give { actor, role }, or null.");
  return { actor, role };
}

/** For the log. */
function shown(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  return WaymarkError.is(error) ? { name, message, code: error.code } : { name, message, stack };
}
