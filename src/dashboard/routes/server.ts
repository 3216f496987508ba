import { metricsText } from "../../client/metrics-text.ts";
import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import { WaymarkError } from "../../errors/waymark-error.ts";
import { knownIdIssue } from "../../ids.ts";
import type { Health, SessionRequest } from "../api-types.ts";
import { Reply } from "../responses.ts";
import { type Call, get, type Route, typed } from "../route.ts";
import { clearedCookie, sessionCookie } from "../session-cookie.ts";
import { sessionView } from "../session-view.ts";
import { VERSION } from "../version.ts";

const MOST_WATCHED = 20;

export const serverRoutes: readonly Route[] = [
  {
    ...get("/session", "Tells who asks, and what they may do", typed("Session"), {}, sessionOf),
    role: null,
  },
  {
    ...{ method: "POST", path: "/session", role: null, action: null, query: {}, body: "SessionRequest" },
    ...{ summary: "Begins a session of a browser, by a cookie", answer: { status: 200, schema: typed("Session") } },
    handle: signIn,
  },
  {
    ...{ method: "DELETE", path: "/session", role: null, action: null, query: {}, body: null },
    ...{ summary: "Ends the session of a browser", answer: { status: 204, schema: null } },
    handle: ({ server, url }) => Reply.empty({ "set-cookie": clearedCookie(server.options, url) }),
  },
  get("/health", "Tells whether the database answers", typed("Health"), {}, health),
  {
    ...get(
      "/metrics",
      "Says how many instances, workers and places of limits there are, for Prometheus",
      { type: "string" },
      {},
      metrics,
    ),
    answer: { status: 200, schema: { type: "string" }, type: "text/plain" },
  },
  get("/openapi.json", "Describes the API", {}, {}, ({ server }) => server.openApi()),
  {
    ...get(
      "/changes",
      "Tells what changes, as it does",
      { type: "string" },
      { instance: { type: "string", description: "Whose changes are wanted one by one; at most 20", repeated: true } },
      changes,
    ),
    answer: { status: 200, schema: { type: "string" }, type: "text/event-stream" },
  },
];

async function metrics({ server }: Call): Promise<Reply> {
  const text = await metricsText(server.client);
  return new Reply(200, text, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
}

function sessionOf({ server, caller }: Call): unknown {
  return sessionView(server.options, caller);
}

/** Takes a token for a cookie: what a browser opens a stream with can't carry a header. */
function signIn({ server, body, url }: Call): Reply {
  const { options, access } = server;
  const { token } = body as SessionRequest;
  const known = access.verify(token);
  const cookie = sessionCookie(options, url, access.cookieFor(known));
  return Reply.json(200, sessionView(options, known), { "set-cookie": cookie });
}

async function health({ server }: Call): Promise<Reply> {
  const { client, changes: feed, options } = server;
  const { clock } = options.ports;
  const startedAt = clock.monotonicMs();
  const known = { version: VERSION, live: feed.isLive };
  try {
    const now = await client.now();
    const answer: Health = {
      ...{ ok: true, ...known, backendMs: Math.round(clock.monotonicMs() - startedAt) },
      ...{ problem: null, now: now.toISOString() },
    };
    return Reply.json(200, answer);
  } catch (error) {
    const problem = WaymarkError.is(error) ? error.code : "INTERNAL";
    const answer: Health = { ok: false, ...known, backendMs: null, problem, now: null };
    return Reply.json(503, answer);
  }
}

function changes({ server, query, request }: Call): Reply {
  const instanceIds = query.texts("instance");
  if (instanceIds.length > MOST_WATCHED)
    throw new InvalidArgumentError("instance", `must be there at most ${MOST_WATCHED} times.`);
  for (const id of instanceIds) {
    const issue = knownIdIssue(id);
    if (issue !== null) throw new InvalidArgumentError("instance", `${issue}.`);
  }
  const stream = server.changes.open([...new Set(instanceIds)], request.headers.get("last-event-id"));
  // Whatever is in between shall not keep it back.
  return new Reply(200, stream, { "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" });
}
