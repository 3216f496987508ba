import { describe, expect, onTestFinished, test } from "vitest";
import { type Dashboard, type DashboardOptions, dashboard } from "../../src/dashboard/index.ts";
import { flow } from "../../src/flow/flow.ts";
import { InMemoryBackend } from "../../src/memory/memory-backend.ts";
import { TestClock } from "../../src/testing/index.ts";
import { ApiCaller } from "../support/api-caller.ts";
import { withChanges } from "../support/both-backends.ts";
import { LoggedLines } from "../support/workers.ts";

const [VIEWER, OPERATOR, ADMIN] = ["v", "o", "a"].map((letter) => letter.repeat(43)) as [string, string, string];
const TOKENS: NonNullable<DashboardOptions["tokens"]> = [
  { token: VIEWER, role: "viewer" },
  { token: OPERATOR, role: "operator" },
  { token: ADMIN, role: "admin", actor: "kim" },
];
const waiting = flow("guarded").waitForEvent("wait", "news").build();

function served(options: DashboardOptions = {}, backend: InMemoryBackend = new InMemoryBackend()): Dashboard {
  const made = dashboard(backend, { flows: [waiting], ...options });
  onTestFinished(async () => await made.close());
  return made;
}

function as(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { readonly code: string }).code;
}

async function statusAt(made: Dashboard, url: string, init: RequestInit = {}): Promise<number> {
  return (await made.fetch(new Request(url, init))).status;
}

describe("who may use it", () => {
  test("without tokens: whoever reaches it by a name of this machine", async () => {
    const made = served();
    const path = "/api/v1/instances";
    for (const host of ["localhost", "localhost:8787", "127.0.0.1:1", "[::1]:8787", "LOCALHOST"])
      expect(await statusAt(made, `http://x${path}`, { headers: { host } })).toBe(200);
    for (const host of [
      "evil.test",
      "localhost.evil.test",
      "127.0.0.1.evil.test",
      "10.0.0.7:8787",
      "",
      "localhost:80:80",
      "a@localhost",
    ])
      expect(await statusAt(made, `http://localhost${path}`, { headers: { host } })).toBe(421);
    expect(await statusAt(made, `http://evil.test${path}`)).toBe(421);
    expect(await statusAt(made, "http://evil.test/")).toBe(421);
    expect(await statusAt(made, "http://evil.test/api/v1/changes")).toBe(421);
    expect(made.isProtected).toBe(false);
  });

  test("names of others need tokens, at the latest when it is made", () => {
    const backend = new InMemoryBackend();
    expect(() => dashboard(backend, { hosts: ["waymark.example.com"] })).toThrow(/options\.tokens are needed/);
    expect(() => dashboard(backend, { hosts: ["localhost:1234"] })).not.toThrow();
    for (const wrong of [
      { tokens: [{ token: "short", role: "admin" }] },
      { tokens: [{ token: "x".repeat(40), role: "root" }] },
      { tokens: [{ token: `${"x".repeat(40)} y`, role: "admin" }] },
      { tokens: TOKENS, authenticate: () => null },
      { basePath: "/a/" },
      { basePath: "a" },
      { hosts: ["http://x"] },
      { origins: ["https://x/path"] },
      { flows: [{}] },
      { queries: [{}] },
      { redact: 1 },
      { colour: "red" },
      { maxBodyBytes: 0 },
      { pollInterval: "soon" },
    ])
      expect(() => dashboard(backend, wrong as never)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => dashboard({} as never)).toThrow(/must be a backend/);
    expect(() => dashboard(backend, { tokens: [{ token: "hunter2", role: "admin" }] })).not.toThrow(/hunter2/);
  });

  test("with tokens: who has one, by its role", async () => {
    const made = served({ tokens: TOKENS, hosts: ["waymark.example.com"] });
    const api = new ApiCaller(made);
    expect(made.isProtected).toBe(true);
    for (const path of ["/instances", "/health", "/openapi.json", "/changes", "/audit"]) {
      const response = await api.raw("GET", path, undefined);
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="waymark"']);
    }
    const paths: readonly [string, string, unknown, Record<string, number>][] = [
      ["GET", "/instances", undefined, { [VIEWER]: 200, [OPERATOR]: 200, [ADMIN]: 200 }],
      ["POST", "/instances", { flow: waiting.name }, { [VIEWER]: 403, [OPERATOR]: 201, [ADMIN]: 201 }],
      ["POST", "/bulk", { action: "cancel", all: true }, { [VIEWER]: 403, [OPERATOR]: 403, [ADMIN]: 200 }],
      ["GET", "/audit", undefined, { [VIEWER]: 403, [OPERATOR]: 403, [ADMIN]: 200 }],
      ["DELETE", "/instances/nobody", undefined, { [VIEWER]: 403, [OPERATOR]: 403, [ADMIN]: 404 }],
    ];
    for (const [method, path, body, expected] of paths)
      for (const [token, status] of Object.entries(expected))
        expect((await api.raw(method, path, body, { headers: as(token) })).status).toBe(status);
    expect(await api.get("/session", 200, { headers: as(VIEWER) })).toMatchObject({
      ...{ authenticated: true, role: "viewer", actor: "viewer", actions: { cancel: false, bulk: false } },
    });
    expect(await api.get("/session")).toMatchObject({ authenticated: false, tokenRequired: true, role: null });
    expect(await statusAt(made, `http://waymark.example.com/api/v1/instances?token=${ADMIN}`)).toBe(401);
  });

  test("takes a token for a cookie, which is of no use to scripts, and ends with its time or its token", async () => {
    const clock = new TestClock();
    const ports = { clock: { now: () => clock.now(), monotonicMs: () => clock.now() } };
    const backend = new InMemoryBackend();
    const made = served({ tokens: TOKENS, ports }, backend);
    const api = new ApiCaller(made);
    const signedIn = await api.raw("POST", "/session", { token: OPERATOR });
    const cookie = signedIn.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(
      /^waymark=\d+\.[0-9a-f]{16}\.[0-9a-f]{64}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(cookie).not.toContain(OPERATOR);
    const headers = { cookie: `other=1; ${cookie.split(";", 1)[0] ?? ""}` };

    expect(await api.get("/session", 200, { headers })).toMatchObject({ authenticated: true, role: "operator" });
    const [time = "", mark = "", signature = ""] = cookie.slice("waymark=".length).split(";", 1)[0]?.split(".") ?? [];
    for (const forged of [
      `waymark=${Number(time) + 1}.${mark}.${signature}`,
      `waymark=${time}.${mark}.${"0".repeat(64)}`,
      `waymark=${time}.${"0".repeat(16)}.${signature}`,
      "waymark=__proto__",
    ])
      expect((await api.raw("GET", "/instances", undefined, { headers: { cookie: forged } })).status).toBe(401);
    // Another server with other tokens, and the same one later.
    const other = new ApiCaller(served({ tokens: [{ token: ADMIN, role: "admin" }], ports }, backend));
    expect((await other.raw("GET", "/instances", undefined, { headers })).status).toBe(401);
    clock.advance(12 * 3_600_000 + 1);
    expect((await api.raw("GET", "/instances", undefined, { headers })).status).toBe(401);
    expect((await api.raw("DELETE", "/session", undefined)).headers.get("set-cookie")).toMatch(
      /^waymark=; .*Max-Age=0/,
    );
    const https = await made.fetch(
      new Request("https://localhost/api/v1/session", {
        ...{ method: "POST", body: JSON.stringify({ token: ADMIN }) },
        headers: { "content-type": "application/json", "x-waymark-request": "1" },
      }),
    );
    expect(https.headers.get("set-cookie")).toMatch(/^__Host-waymark=.*; HttpOnly; SameSite=Strict; Secure$/);
  });

  test("slows down who guesses, and nobody else", async () => {
    const api = new ApiCaller(served({ tokens: TOKENS }));
    const statuses: number[] = [];
    for (let tries = 0; tries < 25; tries++)
      statuses.push((await api.raw("GET", "/instances", undefined, { headers: as(`guess-${tries}`) })).status);
    expect(new Set(statuses.slice(0, 20))).toEqual(new Set([401]));
    expect(new Set(statuses.slice(20))).toEqual(new Set([429]));
    expect((await api.raw("POST", "/session", { token: "guess" })).headers.get("retry-after")).toMatch(/^\d+$/);
    expect((await api.raw("GET", "/instances", undefined, { headers: as(ADMIN) })).status).toBe(200);
  });

  test("leaves it to a function of the caller's, if there is one", async () => {
    const made = served({
      hosts: ["waymark.example.com"],
      authenticate: (request) => {
        const user = request.headers.get("x-user");
        if (user === "broken") return { actor: "", role: "root" } as never;
        return user === null ? null : { actor: user, role: "viewer" };
      },
    });
    const api = new ApiCaller(made, { host: "waymark.example.com" });
    expect((await api.raw("GET", "/instances", undefined)).status).toBe(401);
    expect((await api.raw("GET", "/instances", undefined, { headers: { "x-user": "kim" } })).status).toBe(200);
    expect((await api.raw("GET", "/instances", undefined, { headers: { "x-user": "broken" } })).status).toBe(500);
    expect((await api.raw("POST", "/bulk", {}, { headers: { "x-user": "kim" } })).status).toBe(403);
  });
});

describe("what a page of somebody else's can't do", () => {
  const write = { method: "POST", path: "/instances/nobody/cancel" };

  test("send what changes something: another origin, a form, no header", async () => {
    const api = new ApiCaller(served({ origins: ["https://admin.example.com"] }));
    const send = async (headers: Record<string, string>): Promise<string> =>
      await codeOf(await api.raw(write.method, write.path, {}, { headers }));
    for (const origin of ["https://evil.test", "null", "http://localhost.evil.test", "http://localhost:1", "file://"])
      expect(await send({ origin, host: "localhost:8787" })).toBe("ORIGIN_REFUSED");
    expect(await send({ "sec-fetch-site": "cross-site" })).toBe("ORIGIN_REFUSED");
    expect(await send({ "sec-fetch-site": "same-site" })).toBe("ORIGIN_REFUSED");
    // These come through, and are told that there is no such instance.
    for (const headers of [
      {},
      { origin: "http://localhost:8787", host: "localhost:8787", "sec-fetch-site": "same-origin" },
      { origin: "https://localhost:8787", host: "localhost:8787" },
      { origin: "https://admin.example.com", "sec-fetch-site": "cross-site" },
    ])
      expect(await send(headers as unknown as Record<string, string>)).toBe("INSTANCE_NOT_FOUND");
  });

  test("act without the header that no form can set", async () => {
    const made = served();
    const form = new Request("http://localhost/api/v1/instances/nobody/cancel", {
      ...{ method: "POST", body: "{}", headers: { "content-type": "application/json" } },
    });
    const response = await made.fetch(form);
    expect([response.status, await codeOf(response)]).toEqual([403, "HEADER_MISSING"]);
  });

  test("read, frame or run anything", async () => {
    const made = served();
    for (const path of ["/api/v1/instances", "/api/v1/nothing", "/", "/nothing.js"]) {
      const { headers } = await made.fetch(new Request(`http://localhost${path}`));
      expect(headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
    const read = { headers: { origin: "https://evil.test" } };
    expect(await statusAt(made, "http://localhost/api/v1/instances", read)).toBe(403);
    expect(await statusAt(made, "http://localhost/api/v1/instances", { method: "OPTIONS" })).toBe(405);
  });
});

describe("what is not told, and not done", () => {
  test("nothing is changed in read-only mode", async () => {
    const backend = new InMemoryBackend();
    const api = new ApiCaller(served({ readOnly: true }, backend));
    for (const [method, path] of [
      ["POST", "/instances"],
      ["POST", "/instances/a/cancel"],
      ["DELETE", "/instances/a"],
      ["POST", "/bulk"],
      ["PATCH", "/limits/a"],
    ] as const)
      expect(await codeOf(await api.raw(method, path, method === "DELETE" ? undefined : {}))).toBe("READ_ONLY");
    expect(await api.get("/session")).toMatchObject({ readOnly: true, actions: { cancel: false, bulk: false } });
    expect(await backend.audit.listActions({})).toEqual([]);
  });

  test("errors that nobody foresaw are for the log alone", async () => {
    const logger = new LoggedLines();
    const backend = new InMemoryBackend();
    const broken = withChanges(backend, {
      listInstances: () => Promise.reject(new Error("canary: SELECT password FROM users")),
    });
    const made = dashboard(broken, { logger });
    const response = await made.fetch(new Request("http://localhost/api/v1/instances?order=id"));
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toMatchObject([500, { code: "INTERNAL", field: null }]);
    expect(text).not.toContain("canary");
    expect(JSON.stringify(logger.lines)).toContain("canary");
    await backend.close();
    expect(await statusAt(made, "http://localhost/api/v1/instances")).toBe(503);
    expect(await statusAt(made, "http://localhost/api/v1/health")).toBe(503);
  });

  test("HEAD has no body, other methods and closed servers are refused", async () => {
    const made = served();
    const head = await made.fetch(new Request("http://localhost/api/v1/instances", { method: "HEAD" }));
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const put = await made.fetch(new Request("http://localhost/api/v1/instances", { method: "PUT" }));
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, POST"]);
    expect(await statusAt(made, "http://localhost/", { method: "POST" })).toBe(405);
    await made.close();
    await made.close();
    expect(await statusAt(made, "http://localhost/api/v1/instances")).toBe(503);
  });
});
