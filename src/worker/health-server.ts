import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { checkOptions } from "../engine/call-options.ts";
import { InvalidArgumentError } from "../errors/argument-errors.ts";
import { kindOf } from "../ids.ts";
import { parseWhole } from "../store/arguments.ts";
import type { WorkerHandle } from "./worker.ts";
import { workerMetricsText } from "./worker-metrics.ts";

export interface HealthServerOptions {
  /** 0: one that is free. */
  readonly port: number;
  /** Where to listen. Default: this machine alone. What it tells is no secret, but is nobody's business outside of your network. */
  readonly host?: string;
}

export interface HealthServer {
  readonly url: string;
  /** Resolves when nothing listens any more. Idempotent. */
  close(): Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/**
 * Answers whoever watches over a worker's process, such as Kubernetes: `GET /healthz` (200 while it lives, 503 once it has stopped), `GET /readyz` (200
 * while it takes work, else 503), both with `worker.health()` as JSON; `GET /metrics` with what it has done, in the text format of Prometheus.
 *
 * @throws {InvalidArgumentError} an option is not acceptable
 * @throws {Error} the port is taken, or may not be listened on
 *
 * @example
 * ```ts run
 * import { flow, InMemoryBackend, serveHealth, Worker } from "waymark";
 *
 * const greet = flow<string>("greet").then("compose", (name) => `Hello ${name}`).build();
 * const worker = new Worker(new InMemoryBackend(), { flows: [greet], ownsProcess: false }).start();
 * const server = await serveHealth(worker, { port: 0 });
 * console.log((await fetch(`${server.url}/healthz`)).status); // 200
 * await worker.drain();
 * await server.close();
 * ```
 */
export async function serveHealth(worker: WorkerHandle, options: HealthServerOptions): Promise<HealthServer> {
  if (typeof worker?.health !== "function")
    throw new InvalidArgumentError("worker", `must be what Worker.start() has returned, not ${kindOf(worker)}.`);
  checkOptions(options, ["port", "host"]);
  const port = parseWhole(options.port, "options.port", 0, 65_535);
  const { host = LOOPBACK } = options;
  if (typeof host !== "string" || host === "")
    throw new InvalidArgumentError("options.host", `must be an address, not ${kindOf(host)}.`);
  const server = createServer((request, response) => answer(worker, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // It tells of the process, and must not keep it from ending.
  server.unref();
  const { port: taken } = server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`, close: async () => await close(server) };
}

function answer(worker: WorkerHandle, { method, url }: IncomingMessage, response: ServerResponse): void {
  const [path = ""] = (url ?? "").split("?", 1);
  const health = worker.health();
  const send = (status: number, type: string, text: string): void => {
    response.writeHead(status, { ...HEADERS, "content-type": type }).end(method === "HEAD" ? undefined : text);
  };
  const json = (isWell: boolean): void => send(isWell ? 200 : 503, "application/json", `${JSON.stringify(health)}\n`);
  if (method !== "GET" && method !== "HEAD") return send(405, "text/plain", "GET or HEAD only.\n");
  if (path === "/healthz") return json(health.isLive);
  if (path === "/readyz") return json(health.isReady);
  if (path === "/metrics")
    return send(200, "text/plain; version=0.0.4; charset=utf-8", workerMetricsText(worker.stats(), health.isReady));
  send(404, "text/plain", "There are /healthz, /readyz and /metrics.\n");
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
