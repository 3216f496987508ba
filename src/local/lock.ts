import { mkdir, readdir, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LocalPostgresError } from "../errors/local-errors.ts";
import { systemClock } from "../time/clock.ts";
import { systemRandom } from "../time/random.ts";
import { pause, systemTimers } from "../time/timers.ts";
import { codeOf } from "./error-code.ts";
import { fateOf, identityOf } from "./process-identity.ts";

const POLL_MS = 25;
const PATIENCE_MS = 120_000;
// Nobody holds the lock for that long, so a holder that can't be looked at is taken for dead then.
const LONGEST_HOLD_MS = 10 * 60_000;

/**
 * Runs `body` while no other process, and no other call in this one, is in it for the same directory.
 *
 * The lock is the folder `lock` with one file in it whose name says who holds it. A folder moves onto another
 * only if that is empty, which decides between any number of takers. A dead holder's file is removed by its
 * full name, so that nobody removes the lock of a successor by mistake, as happens with plain lock files.
 *
 * @throws {LocalPostgresError} `busy`: a living process has held it for two minutes
 */
export async function withLock<T>(
  directory: string,
  body: () => Promise<T>,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const lock = join(directory, "lock");
  const holder = `${identityOf(process.pid)}.${systemRandom.uuid()}`;
  await acquire(lock, holder, patienceMs);
  try {
    return await body();
  } finally {
    await unlink(join(lock, holder)).catch(ignore);
    await rmdir(lock).catch(ignore);
  }
}

async function acquire(lock: string, holder: string, patienceMs: number): Promise<void> {
  const offer = `${lock}.${holder}`;
  await removeDeadOffers(lock);
  await mkdir(offer);
  try {
    await writeFile(join(offer, holder), "");
    const deadline = systemClock.monotonicMs() + patienceMs;
    while (!(await moveOnto(offer, lock))) {
      const [current] = await readdir(lock).catch(() => []);
      if (current !== undefined && (await isAbandoned(lock, current))) {
        await unlink(join(lock, current)).catch(ignore);
        continue;
      }
      if (systemClock.monotonicMs() > deadline) throw stuckError(lock, current);
      await pause(systemTimers, POLL_MS);
    }
  } catch (error) {
    await rm(offer, { recursive: true, force: true });
    throw error;
  }
}

/** Left by processes that were killed while they waited. */
async function removeDeadOffers(lock: string): Promise<void> {
  const prefix = `${basename(lock)}.`;
  for (const name of await readdir(dirname(lock))) {
    const isDead = name.startsWith(prefix) && fateOf(name.split(".")[1] ?? "") === "dead";
    if (isDead) await rm(join(dirname(lock), name), { recursive: true, force: true });
  }
}

async function moveOnto(offer: string, lock: string): Promise<boolean> {
  // Only Windows needs the way to be free; elsewhere this merely does what the move would do.
  await rmdir(lock).catch(ignore);
  try {
    await rename(offer, lock);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (["ENOTEMPTY", "EEXIST"].includes(code) || (process.platform === "win32" && code === "EPERM")) return false;
    throw error;
  }
}

async function isAbandoned(lock: string, holder: string): Promise<boolean> {
  const fate = fateOf(holder.split(".")[0] ?? "");
  if (fate !== "unknown") return fate === "dead";
  const file = await stat(join(lock, holder)).catch(() => null);
  return file !== null && systemClock.now() - file.mtimeMs > LONGEST_HOLD_MS;
}

function stuckError(lock: string, holder: string | undefined): LocalPostgresError {
  const pid = holder?.split("-")[0] ?? "unknown";
  return new LocalPostgresError(
    "busy",
    `Process ${pid} has been starting or stopping the server for too long. If it hangs, end it, or remove "${lock}".`,
  );
}

/** Somebody else was faster, or will see that the holder is dead. */
const ignore = (): undefined => undefined;
