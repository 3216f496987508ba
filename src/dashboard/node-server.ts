import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Readable } from "node:stream";
import { checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import { parseWhole } from "../store/arguments.ts";
import type { Dashboard } from "./dashboard.ts";
import { isLoopback } from "./request-guard.ts";

export interface ServeOptions {
  /** Where to listen. Default: 127.0.0.1, which only this machine reaches. Elsewhere, the dashboard has to ask for tokens. */
  readonly host?: string;
  /** Default: 8787. 0: one that is free. */
  readonly port?: number;
}

/** A server that listens. */
export interface DashboardServer {
  /** How it is reached: `http://127.0.0.1:8787`. */
  readonly url: string;
  readonly port: number;
  /**
   * Ends streams, waits a few seconds for what is being answered, and closes the dashboard; the backend stays open. Idempotent.
   */
  close(): Promise<void>;
}

/** What Node's servers, Express and, with its `raw` objects, Fastify call with a request. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

const DEFAULT_PORT = 8_787;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 5_000;
const MOST_CONNECTIONS = 1_000;
const MOST_HEADER_BYTES = 16_384;
/** How long an answer may wait for a client that doesn't read. */
const STALLED_MS = 30_000;
const CLOSING_MS = 3_000;

/**
 * Serves a dashboard by a server of its own.
 *
 * @throws {InvalidArgumentError} an option is not acceptable; or others than this machine would reach a dashboard that asks nobody
 *   who they are
 */
export async function serve(dashboard: Dashboard, options: ServeOptions = {}): Promise<DashboardServer> {
  checkOptions(options, ["host", "port"]);
  const { host = "127.0.0.1", port = DEFAULT_PORT } = options;
  if (typeof host !== "string" || host === "") throw new InvalidArgumentError("options.host", "must be an address.");
  parseWhole(port, "options.port", 0, 65_535);
  if (!isLoopback(host) && !dashboard.isProtected) {
    const problem = `must be an address of this machine alone, such as 127.0.0.1, as long as the dashboard has no tokens: ${JSON.stringify(host.slice(0, 100))} is reached by others.`;
    throw new InvalidArgumentError("options.host", problem);
  }
  const server = createServer(
    { maxHeaderSize: MOST_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    toNodeHandler(dashboard),
  );
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = MOST_CONNECTIONS;
  const connections = new Connections(server);
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  const shownHost = address.family === "IPv6" ? `[${address.address}]` : address.address;
  let closing: Promise<void> | null = null;
  return {
    url: `http://${shownHost}:${address.port}`,
    port: address.port,
    close: async () => await (closing ??= close(server, connections, dashboard)),
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function close(server: Server, connections: Connections, dashboard: Dashboard): Promise<void> {
  await dashboard.close();
  const late = setTimeout(() => server.closeAllConnections(), CLOSING_MS);
  try {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      connections.close();
    });
  } finally {
    clearTimeout(late);
  }
}

/**
 * Knows which connections nobody waits at. Node's own notion of that leaves out those on which nothing has been asked yet, which
 * browsers open in advance.
 */
class Connections {
  readonly #idle = new Set<Socket>();
  #isClosing = false;

  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      this.#rest(socket);
      socket.once("close", () => this.#idle.delete(socket));
    });
    server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#idle.delete(socket);
      response.once("close", () => this.#rest(socket));
    });
  }

  /** Ends those at which nobody waits, and the others when they have been answered. */
  close(): void {
    this.#isClosing = true;
    for (const socket of this.#idle) socket.destroy();
  }

  #rest(socket: Socket): void {
    if (this.#isClosing) socket.destroy();
    else if (!socket.destroyed) this.#idle.add(socket);
  }
}

/**
 * A dashboard as a handler of Node's `http`: `app.use(toNodeHandler(dashboard))` in Express, with the dashboard's `basePath` where it
 * is to be. Put it before what parses bodies, or let that parse JSON.
 */
export function toNodeHandler(dashboard: Dashboard): NodeHandler {
  if (typeof dashboard?.fetch !== "function")
    throw new InvalidArgumentError("dashboard", `must be what dashboard() has made, not ${kindOf(dashboard)}.`);
  return (incoming, outgoing) => {
    answer(dashboard, incoming, outgoing).catch(() => outgoing.destroy());
  };
}

async function answer(dashboard: Dashboard, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const request = requestFrom(incoming, gone.signal);
  if (request === null) {
    outgoing.writeHead(400).end();
    return;
  }
  await send(await dashboard.fetch(request), outgoing);
  // What was not read of the body must not be taken for the next request.
  if (!incoming.complete) incoming.resume();
}

/** `null` if no URL can be made of what it says. */
function requestFrom(incoming: IncomingMessage, signal: AbortSignal): Request | null {
  const { method = "GET", headers, socket } = incoming;
  // Express takes the mount path away from `url`.
  const path = "originalUrl" in incoming ? String(incoming.originalUrl) : (incoming.url ?? "/");
  const scheme = "encrypted" in socket ? "https" : "http";
  const base = `${scheme}://${headers.host ?? ""}`;
  if (!path.startsWith("/") || !URL.canParse(base) || !URL.canParse(`${base}${path}`)) return null;
  const copied = new Headers();
  for (let index = 0; index < incoming.rawHeaders.length; index += 2)
    copied.append(incoming.rawHeaders[index] ?? "", incoming.rawHeaders[index + 1] ?? "");
  const body = bodyOf(incoming, method);
  const init = { method, headers: copied, signal, ...(body === null ? {} : { body, duplex: "half" }) };
  try {
    return new Request(`${base}${path}`, init as RequestInit);
  } catch {
    return null;
  }
}

function bodyOf(incoming: IncomingMessage, method: string): ReadableStream<Uint8Array> | string | null {
  if (method === "GET" || method === "HEAD") return null;
  // Somebody has read and parsed it before.
  if ("body" in incoming && incoming.body !== undefined && incoming.readableEnded) return JSON.stringify(incoming.body);
  const hasBody =
    incoming.headers["transfer-encoding"] !== undefined || Number(incoming.headers["content-length"] ?? 0) > 0;
  return hasBody ? (Readable.toWeb(incoming) as ReadableStream<Uint8Array>) : null;
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  outgoing.writeHead(response.status);
  if (response.body === null) {
    outgoing.end();
    return;
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => undefined));
  outgoing.flushHeaders();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!outgoing.write(value)) await drained(outgoing);
    if (outgoing.destroyed) return;
  }
  outgoing.end();
}

/** Waits until the client has read what was written; one that doesn't is let go of. */
async function drained(outgoing: ServerResponse): Promise<void> {
  if (outgoing.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(stalled);
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    const stalled = setTimeout(() => outgoing.destroy(), STALLED_MS);
    outgoing.once("drain", done);
    outgoing.once("close", done);
  });
}
