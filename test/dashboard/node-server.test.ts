import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import {
  type DashboardOptions,
  type DashboardServer,
  dashboard,
  serve,
  toNodeHandler,
} from "../../src/dashboard/index.ts";
import { flow } from "../../src/flow/flow.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { StreamReader } from "../support/event-stream.ts";

const TOKEN = "t".repeat(43);
const waiting = flow("served").waitForEvent("wait", "news").build();

async function started(options: DashboardOptions = {}): Promise<{ server: DashboardServer; client: Client }> {
  const backend = new InMemoryBackend();
  const made = dashboard(backend, { flows: [waiting], pollInterval: 20, ...options });
  const server = await serve(made, { port: 0 });
  onTestFinished(async () => await server.close());
  return { server, client: new Client(backend) };
}

/** Node's own client, which sends whatever it is told. */
async function send(
  { port }: DashboardServer,
  options: RequestOptions,
  body?: string,
): Promise<{ status: number; headers: IncomingMessage["headers"]; text: string }> {
  const sent = httpRequest({ host: "127.0.0.1", port, agent: false, ...options });
  // Whoever is refused may lose the connection after the answer.
  sent.on("error", () => undefined);
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString("utf8") };
}

describe("a server of its own", () => {
  test("listens on this machine alone, or asks for tokens", async () => {
    const backend = new InMemoryBackend();
    const open = dashboard(backend);
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"])
      await expect(serve(open, { host, port: 0 })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        field: "options.host",
      });
    const server = await serve(open, { port: 0 });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    await server.close();
    const guarded = await serve(dashboard(backend, { tokens: [{ token: TOKEN, role: "viewer" }] }), {
      host: "0.0.0.0",
      port: 0,
    });
    await guarded.close();
    for (const options of [{ port: -1 }, { port: 65_536 }, { host: 7 }, { colour: "red" }])
      await expect(serve(open, options as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(() => toNodeHandler({} as never)).toThrow(/must be what dashboard\(\) has made/);
  });

  test("answers, and refuses what a rebound name would bring", async () => {
    const { server } = await started();
    const fetched = await fetch(`${server.url}/api/v1/health`);
    expect(await fetched.json()).toMatchObject({ ok: true });
    const path = "/api/v1/instances";
    for (const host of ["evil.test", "evil.test:80", "127.0.0.1.evil.test"])
      expect(await send(server, { path, headers: { host } })).toMatchObject({ status: 421 });
    expect(await send(server, { path, headers: { host: "a b" } })).toMatchObject({ status: 400 });
    expect(await send(server, { path: "http://evil.test/api/v1/instances" })).toMatchObject({ status: 400 });
    const write = {
      path: `${path}/x/cancel`,
      method: "POST",
      headers: { origin: "http://evil.test", "content-length": "2" },
    };
    expect(await send(server, write, "{}")).toMatchObject({ status: 403 });
    const own = {
      origin: server.url,
      "x-waymark-request": "1",
      "content-type": "application/json",
      "content-length": "2",
    };
    expect(await send(server, { ...write, headers: own }, "{}")).toMatchObject({ status: 404 });
  });

  test("takes no more of a body than it may, and stays in order", async () => {
    const { server } = await started();
    const body = JSON.stringify({ reason: "x".repeat(10_000_000) });
    const headers = { "x-waymark-request": "1", "content-type": "application/json", "transfer-encoding": "chunked" };
    const sent = send(server, { path: "/api/v1/instances/x/cancel", method: "POST", headers }, body);
    // It answers before all of it has been sent, and may end the connection then.
    const outcome = await sent.then(
      ({ status }) => status,
      (error: unknown) => (error as NodeJS.ErrnoException).code,
    );
    expect([413, "EPIPE", "ECONNRESET"]).toContain(outcome);
    expect(await send(server, { path: "/api/v1/health" })).toMatchObject({ status: 200 });
  });

  test("gives and takes cookies", async () => {
    const { server } = await started({ tokens: [{ token: TOKEN, role: "viewer" }] });
    const path = "/api/v1/session";
    const headers = { "x-waymark-request": "1", "content-type": "application/json" };
    const signedIn = await send(server, { path, method: "POST", headers }, JSON.stringify({ token: TOKEN }));
    const cookie = signedIn.headers["set-cookie"]?.[0]?.split(";", 1)[0] ?? "";
    expect(await send(server, { path: "/api/v1/instances", headers: { cookie } })).toMatchObject({ status: 200 });
    expect(await send(server, { path: "/api/v1/instances" })).toMatchObject({ status: 401 });
  });

  test("streams changes to who comes and goes and comes back, until it is closed", async () => {
    const { server, client } = await started();
    await client.submit(waiting, "streamed", undefined);
    const url = `${server.url}/api/v1/changes?instance=streamed`;
    const gone = new AbortController();
    const reader = new StreamReader(await fetch(url, { signal: gone.signal }));
    const first = await reader.until(({ event }) => event === "reset");
    await client.pause("streamed");
    const seen = await reader.until(({ event }) => event === "change");
    gone.abort();
    await client.unpause("streamed");

    const back = new StreamReader(await fetch(url, { headers: { "last-event-id": first[0]?.id ?? "" } }));
    const again = await back.until(({ id }) => id === seen.at(-1)?.id);
    expect(again).toEqual(seen);
    const closed = server.close();
    await back.ended();
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });

  test("is not held up by who sends or reads nothing", async () => {
    const { server } = await started();
    const silent = connect(server.port, "127.0.0.1");
    await once(silent, "connect");
    silent.write("GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n");
    const deaf = connect(server.port, "127.0.0.1");
    await once(deaf, "connect");
    deaf.pause();
    deaf.write("GET /api/v1/changes HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(await send(server, { path: "/api/v1/health" })).toMatchObject({ status: 200 });
    await server.close();
    for (const socket of [silent, deaf]) socket.destroy();
  });
});

describe("in somebody else's server", () => {
  async function listening(handler: Parameters<typeof createServer>[1]): Promise<DashboardServer> {
    const server = createServer(handler as never);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    const { port } = server.address() as AddressInfo;
    return { port, url: `http://127.0.0.1:${port}`, close: async () => undefined };
  }

  test("finds its path where a framework has taken it away, and its body where one has read it", async () => {
    const backend = new InMemoryBackend();
    await new Client(backend).submit(waiting, "mounted", undefined);
    const handler = toNodeHandler(dashboard(backend, { basePath: "/ops" }));
    // What Express does with a request below a mount path, after express.json().
    const server = await listening((incoming: IncomingMessage, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        Object.assign(incoming, {
          originalUrl: incoming.url,
          ...(text === "" ? {} : { body: JSON.parse(text) as unknown }),
        });
        incoming.url = incoming.url?.replace("/ops", "") ?? "";
        handler(incoming, outgoing);
      });
    });
    const fetched = await fetch(`${server.url}/ops/api/v1/instances/mounted/pause`, {
      ...{ method: "POST", body: JSON.stringify({ reason: "lunch" }) },
      headers: { "content-type": "application/json", "x-waymark-request": "1" },
    });
    expect([fetched.status, await fetched.json()]).toEqual([200, { outcome: "applied" }]);
    expect(await (await fetch(`${server.url}/ops/api/v1/instances/mounted`)).json()).toMatchObject({ reason: "lunch" });
  });

  test("goes where requests become responses", async () => {
    const made = dashboard(new InMemoryBackend(), { basePath: "/ops" });
    // As in Hono: app.all("/ops/*", (context) => made.fetch(context.req.raw)).
    const app = {
      fetch: async (request: Request) =>
        new URL(request.url).pathname.startsWith("/ops") ? await made.fetch(request) : new Response("own"),
    };
    expect(await (await app.fetch(new Request("http://localhost/"))).text()).toBe("own");
    expect((await app.fetch(new Request("http://localhost/ops/api/v1/health"))).status).toBe(200);
  });
});
