import type { Command } from "commander";
import type { BulkFilter, BulkOptions, BulkResult } from "../../client/bulk.ts";
import type { Client } from "../../client/client.ts";
import { confirm } from "../confirm.ts";
import { CommandError, EXIT, type Failure, failureOf } from "../failure.ts";
import { addFilterOptions, type FilterOptions, filterFrom } from "../filter-options.ts";
import type { Output } from "../output.ts";
import { withSession } from "../session.ts";

interface ControlOptions extends FilterOptions {
  readonly reason?: string;
  readonly undo?: boolean;
  readonly paused?: boolean;
  readonly dryRun?: boolean;
  readonly all?: boolean;
  readonly yes?: boolean;
}

/** A command that does something to one instance, to some, or to all that fit a filter. */
interface Deed {
  readonly name: string;
  readonly description: string;
  /** What it takes besides; each is passed to the client under its name. */
  readonly options: readonly ("reason" | "undo" | "paused")[];
  /** Asked for before it is done. */
  readonly isDestructive: boolean;
  one(client: Client, id: string, request: object): Promise<unknown>;
  many(client: Client, filter: BulkFilter, options: BulkOptions & object): Promise<BulkResult>;
}

const DEEDS: readonly Deed[] = [
  {
    ...{
      name: "cancel",
      description: "cancel instances; what runs is told to stop",
      options: ["reason", "undo"],
      isDestructive: true,
    },
    one: async (client, id, request) => await client.cancel(id, request),
    many: async (client, filter, options) => await client.cancelMany(filter, options),
  },
  {
    ...{
      name: "terminate",
      description: "cancel instances at once, whoever runs them",
      options: ["reason"],
      isDestructive: true,
    },
    one: async (client, id, request) => await client.terminate(id, request),
    many: async (client, filter, options) => await client.terminateMany(filter, options),
  },
  {
    ...{
      name: "pause",
      description: "pause instances; tasks that run are finished",
      options: ["reason"],
      isDestructive: false,
    },
    one: async (client, id, request) => await client.pause(id, request),
    many: async (client, filter, options) => await client.pauseMany(filter, options),
  },
  {
    ...{ name: "resume", description: "let paused instances go on", options: [], isDestructive: false },
    one: async (client, id) => await client.unpause(id),
    many: async (client, filter, options) => await client.unpauseMany(filter, options),
  },
  {
    ...{
      name: "retry",
      description: "take failed instances back where they failed",
      options: ["reason", "paused"],
      isDestructive: false,
    },
    one: async (client, id, request) => await client.retry(id, request),
    many: async (client, filter, options) => await client.retryMany(filter, options),
  },
  {
    ...{
      name: "delete",
      description: "remove instances with all that belongs to them",
      options: [],
      isDestructive: true,
    },
    one: async (client, id) => await client.delete(id),
    many: async (client, filter, options) => await client.deleteMany(filter, options),
  },
];

/** `waymark cancel`, `terminate`, `pause`, `resume`, `retry`, `delete` */
export function addControl(program: Command): void {
  for (const deed of DEEDS) {
    const command = addFilterOptions(
      program.command(deed.name).argument("[id...]", "of the instances; or say by a filter which are meant"),
    )
      .description(deed.description)
      .option("--all", "a filter without conditions is meant as it stands: every instance")
      .option("--dry-run", "say what is meant, and change nothing");
    if (deed.options.includes("reason")) command.option("--reason <text>", "why; shown with the instance");
    if (deed.options.includes("undo")) command.option("--undo", "what the instance has done is undone before it ends");
    if (deed.options.includes("paused")) command.option("--paused", "they come back paused");
    if (deed.isDestructive) command.option("--yes", "don't ask");
    command.action(async (ids: readonly string[], options: ControlOptions, self: Command) => {
      await withSession(self, async ({ client, output }) => {
        if (ids.length > 0) await each(deed, client, ids, options, output);
        else await many(deed, client, options, output);
      });
    });
  }
}

async function each(
  deed: Deed,
  client: Client,
  ids: readonly string[],
  options: ControlOptions,
  output: Output,
): Promise<void> {
  if (options.all === true || Object.keys(filterFrom(options)).length > 0)
    throw new CommandError("Say which instances are meant by their ids or by a filter, not by both.", EXIT.usage);
  const isDryRun = options.dryRun === true;
  if (deed.isDestructive && !isDryRun)
    await confirm(`${deed.name} ${ids.length === 1 ? (ids[0] ?? "") : `${ids.length} instances`}?`, options);
  const done: { readonly instanceId: string; readonly outcome: unknown }[] = [];
  const failures: { readonly instanceId: string; readonly failure: Failure }[] = [];
  for (const id of ids) {
    try {
      const outcome = isDryRun
        ? `${(await client.inspect(id)).summary.status}; nothing was changed`
        : ((await deed.one(client, id, requestOf(deed, options))) ?? "applied");
      done.push({ instanceId: id, outcome });
    } catch (error) {
      // The others are no worse for it; what was done is said, too.
      failures.push({ instanceId: id, failure: failureOf(error) });
    }
  }
  output.say(done, () => done.map(({ instanceId, outcome }) => `${instanceId}  ${outcomeText(outcome)}`));
  const [first] = failures;
  if (first === undefined) return;
  const said = failures.map(({ instanceId, failure }) => `${instanceId}: ${failure.message}`);
  throw new CommandError(said.join(" "), first.failure.exitCode);
}

async function many(deed: Deed, client: Client, options: ControlOptions, output: Output): Promise<void> {
  const filter = filterFrom(options);
  const bulk = { ...requestOf(deed, options), all: options.all === true, dryRun: options.dryRun === true };
  if (deed.isDestructive && !bulk.dryRun) {
    const { matched } = await deed.many(client, filter, { ...bulk, dryRun: true });
    await confirm(`${deed.name} ${matched} instances?`, options);
  }
  const result = await deed.many(client, filter, bulk);
  const { matched, changed, refusedCount, refused } = result;
  output.say(result, () => [
    bulk.dryRun
      ? `${matched} instances fit; nothing was changed.`
      : `${changed} of ${matched} instances changed, ${refusedCount} refused.`,
    ...refused.map(({ instanceId, message }) => `${instanceId}: ${message}`),
  ]);
  if (refusedCount > 0) throw new CommandError(`${refusedCount} instances could not be changed.`, EXIT.refused);
}

function requestOf(deed: Deed, options: ControlOptions): object {
  const given = deed.options.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}

function outcomeText(outcome: unknown): string {
  if (outcome === "requested") return "requested; it takes effect at the next checkpoint";
  if (outcome === "unchanged") return "it was so already";
  return outcome === "applied" ? "done" : String(outcome);
}
