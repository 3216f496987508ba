import { type Command, InvalidArgumentError } from "commander";
import type { BulkFilter } from "../client/bulk.ts";
import type { InstanceStatus } from "../snapshot/snapshot.ts";

export interface FilterOptions {
  readonly flow?: string;
  readonly status?: string;
  readonly label?: readonly string[];
  readonly tag?: readonly string[];
  readonly idPrefix?: string;
  readonly parent?: string;
}

/** Options that say which instances are meant. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("--flow <name>", "only instances of this flow")
    .option(
      "--status <list>",
      "only with one of these, with commas between: in_progress, paused, completed, failed, cancelled",
    )
    .option("--label <name=value...>", "only with these labels")
    .option("--tag <name...>", "only with these tags")
    .option("--id-prefix <text>", "only ids that begin so")
    .option("--parent <id>", "only children of this instance");
}

/** @throws {InvalidArgumentError} of the command line's library */
export function filterFrom(options: FilterOptions): BulkFilter {
  const { flow, status, label, tag, idPrefix, parent } = options;
  return {
    ...(flow === undefined ? {} : { flow }),
    ...(status === undefined ? {} : { status: status.split(",").map((one) => one.trim()) as InstanceStatus[] }),
    ...(label === undefined ? {} : { labels: Object.fromEntries(label.map((text) => labelFrom(text))) }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(idPrefix === undefined ? {} : { idPrefix }),
    ...(parent === undefined ? {} : { parent }),
  };
}

function labelFrom(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`--label must be name=value, not ${JSON.stringify(text.slice(0, 50))}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** A whole number from `least` on, for options. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** A JSON value, for arguments. */
export function jsonArgument(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new InvalidArgumentError(`It must be JSON (a text needs its quotes): ${(error as Error).message}.`);
  }
}
