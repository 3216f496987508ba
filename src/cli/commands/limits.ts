import type { Command } from "commander";
import type { LimitChanges } from "../../client/limit-control.ts";
import type { Allowance, LimitState } from "../../store/limit-store.ts";
import { CommandError, EXIT } from "../failure.ts";
import { wholeNumber } from "../filter-options.ts";
import { spanText } from "../output.ts";
import { withSession } from "../session.ts";

const HEAD = ["LIMIT", "ALLOWS", "PER KEY", "RUNNING", "WAITING", "OLDEST", "STATE"] as const;
const MOST = 1_000_000;

interface ChangeOptions {
  readonly concurrency?: string;
  readonly rate?: string;
  readonly keyConcurrency?: string;
  readonly keyRate?: string;
}

/** `waymark limits …` */
export function addLimits(program: Command): void {
  const limits = program.command("limits").description("show and change what limits allow, for all workers at once");
  limits
    .command("list", { isDefault: true })
    .description("all limits, with what runs and waits")
    .action(async (_: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const all = await client.limits.list();
        output.table(
          all,
          HEAD,
          all.map((limit) => rowOf(limit)),
          "There are no limits.",
        );
      });
    });
  addShow(limits);
  addChange(limits);
  for (const verb of ["pause", "unpause", "reset"] as const) {
    const command = limits.command(verb).argument("<name>", "of the limit").description(DESCRIPTIONS[verb]);
    if (verb !== "reset") command.option("--key <key>", "only what has this key");
    command.action(async (name: string, options: { key?: string }, self: Command) => {
      await withSession(self, async ({ client, output }) => {
        if (verb === "reset") await client.limits.reset(name);
        else await client.limits[verb](name, options);
        const limit = await client.limits.get(name);
        output.table(limit, HEAD, [rowOf(limit)], "");
      });
    });
  }
  limits
    .command("weigh")
    .argument("<name>", "of the limit")
    .argument("<key>", "whose turn is meant")
    .argument("<weight>", "how many it gets where the others get one; 1 to 1,000", wholeNumber(1, 1_000))
    .description("give a key a larger share")
    .action(async (name: string, key: string, weight: number, _: object, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        await client.limits.weigh(name, key, weight);
        output.say({ name, key, weight }, () => [`${name}, key ${key}: weight ${weight}`]);
      });
    });
}

const DESCRIPTIONS = {
  pause: "let nothing new through; what runs goes on",
  unpause: "let it through again",
  reset: "let what code says of it count again",
} as const;

function addShow(limits: Command): void {
  limits
    .command("show")
    .argument("<name>", "of the limit")
    .description("one limit, and its keys of which something runs or waits")
    .option("--limit <n>", "how many keys", wholeNumber(1, 10_000), 100)
    .option("--after <key>", "only keys behind this one")
    .action(async (name: string, options: { limit: number; after?: string }, command: Command) => {
      await withSession(command, async ({ client, output }) => {
        const limit = await client.limits.get(name);
        const page = await client.limits.keys(name, options);
        const head = ["KEY", "RUNNING", "WAITING", "OLDEST", "WEIGHT", "STATE"];
        const rows = page.keys.map((key) => [
          ...[key.key, String(key.running), String(key.waiting), waitText(key.oldestWaitMs)],
          ...[String(key.weight), key.isPaused ? "paused" : ""],
        ]);
        if (command.optsWithGlobals<{ json?: boolean }>().json === true) output.say({ ...limit, ...page }, () => []);
        else {
          output.table(limit, HEAD, [rowOf(limit)], "");
          output.table(page, head, rows, "Nothing of it runs or waits.");
        }
      });
    });
}

function addChange(limits: Command): void {
  limits
    .command("change")
    .argument("<name>", "of the limit")
    .description("say what it allows from now on, whatever code says, until reset")
    .option("--concurrency <n>", "most at once; none: any number")
    .option("--rate <count/time>", "how many may begin in a time, as 100/1m; none: any number")
    .option("--key-concurrency <n>", "the same for each key")
    .option("--key-rate <count/time>", "the same for each key")
    .action(async (name: string, options: ChangeOptions, command: Command) => {
      const changes = changesFrom(options);
      await withSession(command, async ({ client, output }) => {
        await client.limits.change(name, changes);
        const limit = await client.limits.get(name);
        output.table(limit, HEAD, [rowOf(limit)], "");
      });
    });
}

function changesFrom({ concurrency, rate, keyConcurrency, keyRate }: ChangeOptions): LimitChanges {
  const ofEach = { ...placesFrom(keyConcurrency, "--key-concurrency"), ...rateFrom(keyRate, "--key-rate") };
  return {
    ...placesFrom(concurrency, "--concurrency"),
    ...rateFrom(rate, "--rate"),
    ...(Object.keys(ofEach).length === 0 ? {} : { perKey: ofEach }),
  };
}

function placesFrom(text: string | undefined, option: string): { readonly concurrency?: number | null } {
  if (text === undefined) return {};
  if (text === "none") return { concurrency: null };
  const places = Number(text);
  if (Number.isInteger(places) && places >= 1 && places <= MOST) return { concurrency: places };
  throw new CommandError(`${option} must be a whole number from 1 to ${MOST}, or none.`, EXIT.usage);
}

function rateFrom(text: string | undefined, option: string): Pick<LimitChanges, "rate"> {
  if (text === undefined) return {};
  if (text === "none") return { rate: null };
  const [, count, per] = /^(\d+)\/(\d+(?:ms|s|m|h|d))$/.exec(text) ?? [];
  if (count === undefined || per === undefined)
    throw new CommandError(`${option} must be like 100/1m, or none.`, EXIT.usage);
  return { rate: { count: Number(count), per: per as `${number}s` } };
}

function rowOf(limit: LimitState): readonly string[] {
  const state = [limit.isPaused ? "paused" : "", limit.isChanged ? "changed by hand" : ""].filter(
    (text) => text !== "",
  );
  const { name, perKey, running, waiting, oldestWaitMs } = limit;
  return [
    name,
    allowanceText(limit),
    allowanceText(perKey),
    String(running),
    String(waiting),
    waitText(oldestWaitMs),
    state.join(", "),
  ];
}

function allowanceText({ concurrency, rate }: Allowance): string {
  const parts = [
    concurrency === null ? "" : `${concurrency} at once`,
    rate === null ? "" : `${rate.count} in ${spanText(rate.perMs)}`,
  ];
  return parts.filter((text) => text !== "").join(", ") || "-";
}

function waitText(ms: number | null): string {
  return ms === null ? "" : spanText(ms);
}
