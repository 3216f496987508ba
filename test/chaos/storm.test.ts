import { writeFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { type LocalPostgres, startLocalPostgres } from "../../src/local/index.ts";
import { PostgresBackend } from "../../src/postgres/index.ts";
import { countLive, type Evidence, readDatabase } from "../support/storm-evidence.ts";
import { StormFaults, sleep } from "../support/storm-faults.ts";
import { StormFleet } from "../support/storm-fleet.ts";
import { LimitWatch, stormLimits } from "../support/storm-limits.ts";
import { StormSubmitter } from "../support/storm-submitter.ts";
import { complaintsAbout, curiositiesOf } from "../support/storm-verifier.ts";

// Repeat a failure with WAYMARK_STORM_SEED=<what was printed>; look longer with WAYMARK_STORM_SECONDS=60.
const seed = process.env["WAYMARK_STORM_SEED"] ?? String(Date.now() % 100_000);
/** Whether workers are told to end and sessions cut as well: what `npm run verify` does. */
const all = process.env["WAYMARK_STORM_FAULTS"] === "all";
const seconds = Number(process.env["WAYMARK_STORM_SECONDS"] ?? 20);
const WORKERS = 4;
// So many that what they share is used to its limits however long it lasts.
const INSTANCES = Math.max(300, 20 * seconds);
const DEADLINE_MS = 60_000;
const PROMISED_MS = 15_000;

const undo: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  // Whatever was started last goes first; one that can't be ended must not keep the others.
  const results = [];
  for (const step of undo.splice(0).reverse()) results.push(...(await Promise.allSettled([step()])));
  expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
});

async function startServer(): Promise<LocalPostgres> {
  // The same PostgreSQL as that of the other tests.
  const binaries = process.env["WAYMARK_TEST_BINARIES"];
  const server = await startLocalPostgres({ persistent: false, ...(binaries === undefined ? {} : { binaries }) });
  undo.push(async () => await server.stop({ mode: "immediate" }));
  return server;
}

async function startFleet(url: string): Promise<StormFleet> {
  const fleet = new StormFleet(url);
  undo.push(async () => await fleet.clear());
  await Promise.all(Array.from({ length: WORKERS }, async () => await fleet.start()));
  return fleet;
}

/** @returns after how many milliseconds all had ended */
async function untilAllEnded(url: string): Promise<number> {
  const startedAt = Date.now();
  for (;;) {
    const live = await countLive(url);
    const tookMs = Date.now() - startedAt;
    if (live === 0) return tookMs;
    if (tookMs > DEADLINE_MS) return Number.POSITIVE_INFINITY;
    await sleep(100);
  }
}

/** Where WAYMARK_STORM_KEEP names a file, everything that is known goes there. */
function keep(evidence: Evidence, fleet: StormFleet, said: readonly string[]): void {
  const file = process.env["WAYMARK_STORM_KEEP"];
  if (file !== undefined) writeFileSync(file, JSON.stringify({ seed, said, logs: fleet.logs(), evidence }, null, 1));
}

describe("a storm", () => {
  test(`of kills, stops and restarts loses nothing (seed ${seed}, ${seconds} s)`, { timeout: 240_000 }, async () => {
    console.log(`WAYMARK_STORM_SEED=${seed} WAYMARK_STORM_SECONDS=${seconds}`);
    const server = await startServer();
    // Gives up soon, so that it is the submitter who has to insist.
    const backend = await PostgresBackend.connect(server.url, { retryFor: "300ms", applicationName: "submitter" });
    undo.push(async () => await backend.close());
    const fleet = await startFleet(server.url);
    const submitter = new StormSubmitter(new Client(backend), seed);
    const said: string[] = [];
    const faults = new StormFaults(fleet, server, seed, (line) => said.push(line), all);

    const watch = new LimitWatch(server.url);
    const watching = watch.run();
    undo.push(
      async () => await watching,
      async () => watch.stop(),
    );

    const submitting = submitter.run(INSTANCES, seconds);
    const counts = await faults.run(seconds);
    const calmAt = Date.now();
    await submitting;
    const waitedMs = Date.now() - calmAt + (await untilAllEnded(server.url));

    watch.stop();
    await watching;
    const database = await readDatabase(server.url);
    const evidence: Evidence = { ...database, acknowledged: submitter.acknowledged, journal: fleet.journal() };
    const oddEnds = await fleet.drain();
    keep(evidence, fleet, said);
    const completed = evidence.instances.filter(({ status }) => status === "completed").length;
    const cancelled = evidence.instances.filter(({ status }) => status === "cancelled").length;
    const curiosities = curiositiesOf(evidence);
    const lastEndedAt = Math.max(...evidence.instances.map(({ endedAt }) => endedAt));
    const lateByUnstopped = curiosities.runAfterOutcome.filter(
      (line) => !fleet.everStopped.has(line.split(" ")[0] ?? ""),
    );
    console.log(
      [
        ...said,
        `${counts.kills} kills, ${counts.stops} stops, ${counts.restarts} restarts of the database, ` +
          `${counts.retirements} told to end, ${counts.cuts} sessions cut`,
        `${evidence.acknowledged.length} instances: ${completed} completed, ${cancelled} cancelled; ` +
          `${evidence.history.length} entries; ${submitter.retries} calls made again`,
        `${curiosities.runAgain} bodies run again, ${curiosities.runAfterOutcome.length} after their outcome was recorded, ` +
          `of these by workers that were never stopped: ${JSON.stringify(lateByUnstopped)}`,
        `${curiosities.fenced} checkpoints fenced`,
        `most taken of the limits: ${JSON.stringify(Object.fromEntries(watch.most))}`,
        `completed in spite of a requested cancel: ${JSON.stringify(curiosities.cancelsLost)}`,
        `longest life: ${curiosities.longestLife}`,
        `all ended ${(lastEndedAt - counts.lastStruckAt).toFixed(0)} ms after the last kill, and ${waitedMs} ms after all ` +
          `workers were up again; promised are ${PROMISED_MS} ms`,
      ].join("\n"),
    );

    expect([
      ...submitter.complaints,
      ...faults.complaints,
      ...oddEnds,
      ...complaintsAbout(evidence),
      ...watch.complaints,
    ]).toEqual([]);
    for (const { name, concurrency } of Object.values(stormLimits)) expect(watch.most.get(name)).toBe(concurrency);
    expect(waitedMs).toBeLessThan(DEADLINE_MS);
    // A storm that did nothing must not pass. How often it strikes depends on how long the machine takes for a restart.
    expect(counts.kills + counts.stops).toBeGreaterThanOrEqual(seconds * 0.2);
    expect(counts).toMatchObject({ restarts: 2 });
    if (all) expect(Math.min(counts.retirements, counts.cuts)).toBeGreaterThan(0);
    expect(Math.min(counts.kills, counts.stops)).toBeGreaterThan(0);
    expect(evidence.acknowledged).toHaveLength(INSTANCES);
    expect(completed).toBeGreaterThan(INSTANCES * 0.8);
    expect(cancelled).toBeGreaterThan(0);
    expect(curiosities.runAgain).toBeGreaterThan(0);
  });
});
