import { BackendError, Client, DefinitionMismatchError, WaymarkError } from "waymark";
import {
  type Batch,
  type BatchOrder,
  type Choice,
  chooseBatch,
  readBatch,
  readStanding,
  type Standing,
} from "./batch.ts";
import { Board } from "./board.ts";
import { openStorage, type Storage } from "./database.ts";
import { instanceIdOf } from "./domain.ts";
import { HELP, type Options, parseOptions, UsageError } from "./options.ts";
import { howToLook, isEnded, problems, readFindings, sampleHistory, sampleOf, summarize } from "./report.ts";
import { runBatch } from "./run-batch.ts";
import { openView } from "./view.ts";
import { counted } from "./wording.ts";

// Whoever was reading has gone, as in `npm start | head`. To be cut off anywhere does no harm.
process.stdout.on("error", () => process.exit(1));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options.help) {
      say(HELP.trimEnd());
      return 0;
    }
    const storage = await openStorage(say);
    try {
      return await workThroughBatch(storage, options);
    } finally {
      await storage.backend.close();
    }
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\nTo see all options: npm start -- --help\n`);
      return 2;
    }
    // The messages of Waymark's errors say what to do. Of others the stack is needed.
    const text = WaymarkError.is(error)
      ? `${error.name}: ${error.message}`
      : error instanceof Error
        ? error.stack
        : error;
    process.stderr.write(`${String(text)}\n${adviceOn(error)}`);
    return 1;
  }
}

function adviceOn(error: unknown): string {
  if (error instanceof BackendError) {
    return "Is the database up? What was recorded is kept: run it again to go on from there.\n";
  }
  if (error instanceof DefinitionMismatchError) {
    return "The flow has got another shape since this batch was begun. Give it its old one back, or add --new.\n";
  }
  return "";
}

async function workThroughBatch(storage: Storage, options: Options): Promise<number> {
  const { backend } = storage;
  const client = new Client(backend);
  const choice = await chooseBatch(backend, options);
  const { batch, orders } = choice;
  const standing = await readStanding(client, orders);
  announce(choice, standing, options);

  const startedAt = Date.now();
  const ended = orders.filter(({ stored }) => stored?.ended === true).length;
  const board = new Board(orders.length, ended, startedAt);
  const view = openView(board, process.stdout, process.env);
  const stop = stopOnSignals(() => view.say("Stopping: claims are given back …"));
  try {
    await runBatch({ backend, client, batch, orders, standing, settings: options, board, view, stop: stop.signal });
  } finally {
    view.close();
  }
  const run = { ms: Date.now() - startedAt, kept: standing.checkpoints };
  const now = await readBatch(backend, batch);
  if (stop.exitCode() !== 0) {
    const done = now.filter(({ stored }) => stored?.ended === true).length;
    say(`Stopped. ${done} of ${counted(now.length, "order")} have ended; run it again to go on with the others.`);
    return stop.exitCode();
  }
  return await reportOn(storage, client, batch, now, run);
}

async function reportOn(
  storage: Storage,
  client: Client,
  batch: Batch,
  orders: readonly BatchOrder[],
  run: { readonly ms: number; readonly kept: number },
): Promise<number> {
  const findings = await readFindings(client, orders);
  const sample = sampleOf(findings);
  const width = process.stdout.isTTY ? (process.stdout.columns || 80) - 1 : 120;
  say("");
  say(...summarize(findings, batch, run), "");
  say(...sampleHistory(sample, width), "");
  say(...howToLook(storage.psql, sample.instanceId), "");
  if (storage.stopServer !== null) say(`The database server keeps running. To stop it: ${storage.stopServer}`);
  say("Run it again to begin the next batch.");
  return findings.every(isEnded) && problems(findings, batch).length === 0 ? 0 : 1;
}

/** The first thing that is said: whether this is a beginning, or goes on from where a process was killed. */
function announce({ batch, orders, before }: Choice, { reports, checkpoints }: Standing, options: Options): void {
  const fresh = orders.filter(({ stored }) => stored === null).length;
  const ended = orders.filter(({ stored }) => stored?.ended === true).length;
  if (fresh === orders.length) {
    const how = before?.complete === true ? "is complete" : "is not complete; its orders go on beside this one";
    if (before !== null) say(`Batch ${before.number} ${how}.`);
    const range = `${instanceIdOf(batch.first)} to ${instanceIdOf(batch.last)}`;
    say(`Batch ${batch.number}: ${counted(orders.length, "new order")}, ${range}.`);
  } else {
    say(
      `Batch ${batch.number} goes on: ${counted(reports.size, "order")} resumed, ${counted(checkpoints, "checkpoint")} kept, ` +
        `${counted(ended, "order")} done already, ${fresh} new.`,
    );
    if ((options.orders ?? orders.length) !== orders.length || (options.seed ?? batch.seed) !== batch.seed) {
      say("--orders and --seed are for new batches. To begin one before this one is complete, add --new.");
    }
  }
  say(
    `This is process ${process.pid}. Kill it whenever you like (kill -9 ${process.pid}), and run it again. Ctrl-C stops it gently.`,
    "",
  );
}

/** Ctrl-C and SIGTERM stop it gently; a second one does so at once, which loses nothing either. */
function stopOnSignals(tell: () => void): { readonly signal: AbortSignal; exitCode(): number } {
  const controller = new AbortController();
  let exitCode = 0;
  for (const [name, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    process.once(name, () => {
      exitCode = code;
      tell();
      controller.abort();
    });
  }
  return { signal: controller.signal, exitCode: () => exitCode };
}

function say(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(""));
}
