import type { Command } from "commander";
import type { ScheduleReport } from "../../client/schedule-report.ts";
import { confirm } from "../confirm.ts";
import { CommandError, EXIT } from "../failure.ts";
import { wholeNumber } from "../filter-options.ts";
import { spanText, timeText } from "../output.ts";
import { withSession } from "../session.ts";

const HEAD = ["SCHEDULE", "FLOW", "WHEN", "LAST", "NEXT", "LIVE", "STATE"] as const;

/** `waymark schedules …` */
export function addSchedules(program: Command): void {
  const schedules = program.command("schedules").description("show schedules, hold them back, start slots by hand");
  schedules
    .command("list", { isDefault: true })
    .description("schedules, by id")
    .option("--flow <name>", "only those of this flow")
    .option("--limit <n>", "how many", wholeNumber(1, 1_000), 100)
    .option("--after <id>", "only ids behind this one")
    .action(async (options: { flow?: string; limit: number; after?: string }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const page = await client.schedules.list(options);
        const rows = page.schedules.map(rowOf);
        output.table(page, HEAD, rows, "There are no schedules.");
        if (page.next !== null) output.hint(`More: --after ${JSON.stringify(page.next)}`);
      });
    });
  schedules
    .command("show")
    .argument("<id>", "of the schedule")
    .description("one schedule, and the slots that come next")
    .option("--next <n>", "how many of them", wholeNumber(1, 1_000), 5)
    .action(async (id: string, options: { next: number }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const report = await client.schedules.get(id);
        const next = await client.schedules.next(id, { count: options.next });
        output.say({ ...report, next }, () => linesOf(report, next));
      });
    });
  addVerbs(schedules);
  addStarts(schedules);
}

function addVerbs(schedules: Command): void {
  for (const verb of ["pause", "unpause", "reset", "delete"] as const) {
    const command = schedules.command(verb).argument("<id>", "of the schedule").description(DESCRIPTIONS[verb]);
    if (verb === "pause") command.option("--reason <text>", "why");
    if (verb === "delete") command.option("--yes", "don't ask");
    command.action(async (id: string, options: { reason?: string; yes?: boolean }, self: Command) => {
      await withSession(self, async ({ client, output }) => {
        if (verb === "pause") await client.schedules.pause(id, options);
        else if (verb !== "delete") await client.schedules[verb](id);
        else {
          await confirm(`Delete the schedule ${id}?`, options);
          await client.schedules.delete(id);
        }
        output.say({ id, done: verb }, () => [`${id}  ${DONE[verb]}`]);
      });
    });
  }
}

/** What starts instances besides the slots that come. */
function addStarts(schedules: Command): void {
  schedules
    .command("trigger")
    .argument("<id>", "of the schedule")
    .description("have an instance started now, besides its slots, by the next worker that looks")
    .action(async (id: string, _: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const instanceId = await client.schedules.trigger(id);
        output.say({ id, instanceId }, () => [instanceId]);
      });
    });
  schedules
    .command("backfill")
    .argument("<id>", "of the schedule")
    .requiredOption("--from <time>", "the first slot may be at this time, as 2026-01-31T00:00:00Z", timeFrom)
    .requiredOption("--to <time>", "and the last one at this; not in the future", timeFrom)
    .description("have the slots of a range started whose instances don't exist; at most 1,000")
    .action(async (id: string, options: { from: Date; to: Date }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const instanceIds = await client.schedules.backfill(id, options);
        output.say({ id, instanceIds }, () => (instanceIds.length === 0 ? ["No slot is in that range."] : instanceIds));
      });
    });
}

const DESCRIPTIONS = {
  pause: "start no slots from now on; those that come meanwhile are passed over",
  unpause: "start slots again, from now on",
  reset: "let what code says of it count again",
  delete: "remove it; what it has started goes on",
} as const;

const DONE = { pause: "paused", unpause: "goes on", reset: "goes by the code again", delete: "deleted" } as const;

function rowOf(report: ScheduleReport): readonly string[] {
  const { id, flow, lastSlot, nextSlot, live } = report;
  return [id, flow, whenText(report), timeText(lastSlot), timeText(nextSlot), String(live.length), stateText(report)];
}

function whenText({ cron, everyMs, timezone }: ScheduleReport): string {
  return cron === null ? `every ${spanText(everyMs ?? 0)}` : `${cron} (${timezone})`;
}

function stateText({ isPaused, pauseReason, isChanged, problem, requested }: ScheduleReport): string {
  const parts = [
    problem ?? "",
    isPaused ? `paused${pauseReason === null ? "" : `: ${pauseReason}`}` : "",
    isChanged ? "changed by hand" : "",
    requested > 0 ? `${requested} asked for by hand` : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function linesOf(report: ScheduleReport, next: readonly Date[]): readonly string[] {
  const { id, flow, overlap, catchUp, jitterMs, lastSlot, live, skipped } = report;
  const state = stateText(report);
  return [
    `${id}  ${flow}  ${whenText(report)}${state === "" ? "" : `  ${state}`}`,
    `overlap ${overlap}; slots are caught up with for ${spanText(catchUp.withinMs)}, at most ${catchUp.limit}; jitter ${spanText(jitterMs)}`,
    `last slot ${lastSlot === null ? "none" : timeText(lastSlot)}`,
    ...(skipped === null ? [] : [`passed over ${timeText(skipped.slot)}: ${skipped.reason}`]),
    ...(live.length === 0 ? [] : [`live ${live.join(", ")}`]),
    ...next.map((slot) => `next ${timeText(slot)}`),
  ];
}

function timeFrom(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new CommandError(`${JSON.stringify(text.slice(0, 50))} is no time; write 2026-01-31T00:00:00Z.`, EXIT.usage);
  return time;
}
