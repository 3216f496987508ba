import { RequestRefused } from "./problems.ts";

/** By which names this machine calls itself. Others could be made to lead here by who owns them (DNS rebinding). */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];
const CUSTOM_HEADER = "x-waymark-request";

/** What requests have to say about where they come from and what they mean to reach. */
export interface Guard {
  /** `name` or `name:port`, lower case; those without a port stand for any. */
  readonly hosts: readonly string[];
  /** Pages from other origins that may use the API, as `https://name:port`. */
  readonly origins: readonly string[];
}

/** @throws {RequestRefused} its `Host` is not a name of this server */
export function checkHost(request: Request, url: URL, { hosts }: Guard): void {
  const host = (request.headers.get("host") ?? url.host).toLowerCase();
  const name = nameOf(host);
  if (name !== null && (LOOPBACK.includes(name) || hosts.includes(name) || hosts.includes(host))) return;
  const detail = `This server is not called ${JSON.stringify(host.slice(0, 100))}. Name it in the option "hosts" if it is.`;
  throw new RequestRefused("HOST_REFUSED", detail);
}

/** @throws {RequestRefused} another page has made the browser send it */
export function checkOrigin(request: Request, url: URL, { origins }: Guard): void {
  const origin = request.headers.get("origin");
  if (origin !== null) {
    const host = (request.headers.get("host") ?? url.host).toLowerCase();
    // Behind a proxy that ends TLS, the scheme that the page sees is not the one that we see.
    const isOwn = origin === `https://${host}` || origin === `http://${host}`;
    if (isOwn || origins.includes(origin)) return;
    throw refused(`Pages of ${JSON.stringify(origin.slice(0, 100))} may not use this server.`);
  }
  const site = request.headers.get("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") throw refused("Other pages may not use this server.");
}

/** What a browser sends for no page but our own: a form can't set a header. @throws {RequestRefused} it is missing */
export function checkIntent(request: Request): void {
  if (request.headers.has(CUSTOM_HEADER)) return;
  throw new RequestRefused("HEADER_MISSING", 'Requests that change something need the header "X-Waymark-Request: 1".');
}

export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return LOOPBACK.includes(name) || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

function nameOf(host: string): string | null {
  return /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\]]+)(?::\d{1,5})?$/.exec(host)?.[1] ?? null;
}

function refused(detail: string): RequestRefused {
  return new RequestRefused("ORIGIN_REFUSED", detail);
}
