import { ApiError, problemIn } from "./problem.ts";

/** Parameters of a call; what is `undefined` is left out. */
export type Parameters = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Where the API is: below the page, wherever that is mounted. */
const ROOT = new URL("./api/v1/", document.baseURI);

const refusals = new Set<() => void>();

/** Calls `hear` when the server wants a token that this page has not, or has no more. */
export function onRefused(hear: () => void): void {
  refusals.add(hear);
}

/** The address of a route. Segments of paths are encoded by whoever gives them: `pathOf`. */
export function urlOf(path: string, parameters: Parameters = {}): URL {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const one of typeof value === "object" ? value : [value]) url.searchParams.append(name, String(one));
  }
  return url;
}

/** A path with encoded segments: `instances/order%2F42/history`. */
export function pathOf(...segments: readonly string[]): string {
  return segments.map(encodeURIComponent).join("/");
}

/**
 * Reads something.
 *
 * @throws {ApiError}
 */
export async function get<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  return (await call("GET", urlOf(path, parameters), undefined, signal)) as T;
}

/**
 * Does something.
 *
 * @throws {ApiError}
 */
export async function send<T>(method: "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  return (await call(method, urlOf(path), body ?? (method === "DELETE" ? undefined : {}))) as T;
}

async function call(method: string, url: URL, body: unknown, signal?: AbortSignal): Promise<unknown> {
  const response = await request(method, url, body, signal);
  const text = await response.text();
  if (response.ok) return text === "" ? null : JSON.parse(text);
  if (response.status === 401) for (const hear of refusals) hear();
  throw new ApiError(problemIn(response.status, text));
}

async function request(method: string, url: URL, body: unknown, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      credentials: "same-origin",
      headers: {
        accept: "application/json",
        // Pages of other origins can't send it, so that they can't act in the reader's name.
        ...(method === "GET" ? {} : { "x-waymark-request": "1" }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (signal?.aborted === true) throw cause;
    const message = "The server can't be reached. See whether the process that serves this page runs.";
    throw new ApiError({ code: "NETWORK", message, field: null, status: 0 });
  }
}
