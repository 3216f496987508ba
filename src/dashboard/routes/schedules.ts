import type { ScheduleReport } from "../../client/schedule-report.ts";
import { InvalidArgumentError } from "../../errors/argument-errors.ts";
import type { BackfillRequest, Schedule, ScheduleChanges, Slots, StartedSlots } from "../api-types.ts";
import { Reply } from "../responses.ts";
import { type Call, get, pageOf, paging, type Route, typed } from "../route.ts";

const MOST = 1_000;
const USUAL = 100;
const USUAL_SLOTS = 10;

/** What changes a schedule, and is answered with it. */
const CHANGE: Pick<Route, "role" | "action" | "query" | "answer" | "target"> = {
  ...{ role: "admin", action: "changeSchedules", query: {}, answer: { status: 200, schema: typed("Schedule") } },
  target: ({ params }) => params["id"] ?? null,
};

/** What has it start something, and is answered with the ids. */
const START: typeof CHANGE = {
  ...{ role: "operator", action: "runSchedules", query: {}, answer: { status: 200, schema: typed("StartedSlots") } },
  target: ({ params }) => params["id"] ?? null,
};

export const scheduleRoutes: readonly Route[] = [
  get(
    "/schedules",
    "Lists the schedules, by id",
    pageOf("Schedule"),
    { ...paging(MOST, USUAL), flow: { type: "string", description: "Only those of this flow" } },
    async ({ server, query }) => {
      const [flow, after] = [query.text("flow"), query.text("after")];
      const { schedules, next } = await server.client.schedules.list({
        ...(flow === undefined ? {} : { flow }),
        ...(after === undefined ? {} : { after }),
        limit: query.whole("limit", USUAL),
      });
      return { items: schedules.map(scheduleView), next };
    },
  ),
  get("/schedules/{id}", "Shows a schedule", typed("Schedule"), {}, showSchedule),
  get(
    "/schedules/{id}/slots",
    "Tells which slots come next, or lie in a range",
    typed("Slots"),
    {
      count: { type: "integer", description: "How many at most", minimum: 1, maximum: MOST, default: USUAL_SLOTS },
      from: { type: "string", description: "The first may be at this time, in ISO 8601. Default: now" },
      to: { type: "string", description: "And the last at this. Default: without an end" },
    },
    readSlots,
  ),
  {
    ...{ ...CHANGE, method: "PATCH", path: "/schedules/{id}", body: "ScheduleChanges" },
    summary: "Has a schedule start no slots, or again",
    detail: ({ body }) => JSON.stringify(body).slice(0, 2_000),
    handle: async (call) => {
      const { isPaused, reason } = call.body as ScheduleChanges;
      const { schedules } = call.server.client;
      if (isPaused) await schedules.pause(idOf(call), reason === undefined ? {} : { reason });
      else await schedules.unpause(idOf(call));
      return await showSchedule(call);
    },
  },
  {
    ...{ ...CHANGE, method: "POST", path: "/schedules/{id}/reset", body: null },
    summary: "Lets what code says of a schedule count again",
    detail: () => "reset",
    handle: async (call) => {
      await call.server.client.schedules.reset(idOf(call));
      return await showSchedule(call);
    },
  },
  {
    ...{ ...CHANGE, method: "DELETE", path: "/schedules/{id}", body: null },
    ...{ summary: "Removes a schedule; what it has started goes on", answer: { status: 204, schema: null } },
    detail: () => "delete",
    handle: async (call) => {
      await call.server.client.schedules.delete(idOf(call));
      return Reply.empty();
    },
  },
  {
    ...{ ...START, method: "POST", path: "/schedules/{id}/trigger", body: null },
    summary: "Has an instance started now, besides the slots",
    detail: () => "trigger",
    handle: async (call): Promise<StartedSlots> => {
      return { instanceIds: [await call.server.client.schedules.trigger(idOf(call))] };
    },
  },
  {
    ...{ ...START, method: "POST", path: "/schedules/{id}/backfill", body: "BackfillRequest" },
    summary: "Has the slots of a range started whose instances don't exist; at most 1,000",
    detail: ({ body }) => JSON.stringify(body).slice(0, 2_000),
    handle: async (call): Promise<StartedSlots> => {
      const { from, to } = call.body as BackfillRequest;
      const range = { from: timeOf(from, "from"), to: timeOf(to, "to") };
      return { instanceIds: await call.server.client.schedules.backfill(idOf(call), range) };
    },
  },
];

function idOf({ params }: Call): string {
  return params["id"] ?? "";
}

async function showSchedule(call: Call): Promise<Schedule> {
  return scheduleView(await call.server.client.schedules.get(idOf(call)));
}

async function readSlots(call: Call): Promise<Slots> {
  const { server, query } = call;
  const [from, to] = [query.text("from"), query.text("to")];
  const end = to === undefined ? null : timeOf(to, "to");
  const slots = await server.client.schedules.next(idOf(call), {
    count: query.whole("count", USUAL_SLOTS),
    // A slot at that very time is in the range.
    ...(from === undefined ? {} : { after: new Date(timeOf(from, "from").getTime() - 1) }),
  });
  return { slots: slots.filter((slot) => end === null || slot <= end).map((slot) => slot.toISOString()) };
}

function timeOf(text: string, field: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new InvalidArgumentError(field, "must be a time in ISO 8601.");
  return time;
}

function scheduleView(report: ScheduleReport): Schedule {
  const { id, flow, cron, everyMs, timezone, overlap, catchUp, jitterMs, isChanged, isPaused, pauseReason } = report;
  const { lastSlot, nextSlot, live, skipped, problem, requested, createdAt } = report;
  return {
    ...{ id, flow, cron, everyMs, timezone, overlap, catchUp, jitterMs, isChanged, isPaused, pauseReason },
    ...{ live, problem, requested, createdAt: createdAt.toISOString() },
    lastSlot: lastSlot?.toISOString() ?? null,
    nextSlot: nextSlot?.toISOString() ?? null,
    skipped: skipped === null ? null : { slot: skipped.slot.toISOString(), reason: skipped.reason },
  };
}
