import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addCompletion } from "./commands/completion.ts";
import { addControl } from "./commands/control.ts";
import { addDashboard } from "./commands/dashboard.ts";
import { addDev } from "./commands/dev.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addFork } from "./commands/fork.ts";
import { addGraph } from "./commands/graph.ts";
import { addInit } from "./commands/init.ts";
import { addLimits } from "./commands/limits.ts";
import { addList } from "./commands/list.ts";
import { addMetrics } from "./commands/metrics.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addOverview } from "./commands/overview.ts";
import { addRetention } from "./commands/retention.ts";
import { addSchedules } from "./commands/schedules.ts";
import { addShow } from "./commands/show.ts";
import { addSingle } from "./commands/single.ts";
import { addWatch } from "./commands/watch.ts";
import { addWorker } from "./commands/worker.ts";

/** All commands. Each loads what it needs when it is run. */
export function programOf(): Command {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const program = new Command("waymark")
    .description("Looks at durable flows in PostgreSQL, and mends them. What it exits with is in docs/cli.md.")
    .version(version)
    .option("--database-url <url>", "of the database; default DATABASE_URL")
    .option("--schema <name>", "that all tables live in", "waymark")
    .option("--json", "say it as JSON")
    // What is wrong is said in one place, as JSON where that is asked for.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  for (const add of [
    addInit,
    addDev,
    addList,
    addShow,
    addWatch,
    addControl,
    addSingle,
    addFork,
    addLimits,
    addSchedules,
    addRetention,
    addOverview,
    addWorker,
    addDashboard,
    addMetrics,
    addMigrate,
    addDoctor,
    addGraph,
    addCompletion,
  ])
    add(program);
  for (const command of program.commands) {
    command.exitOverride();
    for (const sub of command.commands) sub.exitOverride();
  }
  return program;
}
