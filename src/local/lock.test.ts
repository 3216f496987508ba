import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { withLock } from "./lock.ts";
import { identityOf } from "./process-identity.ts";

const DEAD = identityOf(2 ** 22 + 1);
const ELSEWHERE = identityOf(process.pid).replace(/-\d+$/, "-1");
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "waymark-lock-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function leaveLockOf(identity: string): string {
  const holder = join(directory, "lock", `${identity}.x`);
  mkdirSync(join(directory, "lock"));
  writeFileSync(holder, "");
  return holder;
}

describe("withLock", () => {
  test("lets one in at a time and leaves nothing behind", async () => {
    let inside = 0;
    const visits = Array.from({ length: 8 }, () =>
      withLock(directory, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise(setImmediate);
        inside -= 1;
      }),
    );
    await Promise.all(visits);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("is free again after a failure", async () => {
    await expect(withLock(directory, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(withLock(directory, async () => "in")).resolves.toBe("in");
  });

  test("takes over from a dead process, and so does only one of many", async () => {
    leaveLockOf(DEAD);
    let inside = 0;
    let most = 0;
    const visit = async (): Promise<void> => {
      most = Math.max(most, (inside += 1));
      await new Promise(setImmediate);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(directory, visit)));
    expect(most).toBe(1);
  });

  test("clears away what a process that was killed while waiting has left", async () => {
    mkdirSync(join(directory, `lock.${DEAD}.x`));
    await withLock(directory, async () => undefined);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("respects a process that it can't see, for ten minutes", async () => {
    const holder = leaveLockOf(ELSEWHERE);
    await expect(withLock(directory, async () => "in", 0)).rejects.toMatchObject({ problem: "busy" });
    const elevenMinutesAgo = new Date(Date.now() - 11 * 60_000);
    utimesSync(holder, elevenMinutesAgo, elevenMinutesAgo);
    await expect(withLock(directory, async () => "in", 0)).resolves.toBe("in");
  });

  test("names the holder when it gives up", async () => {
    leaveLockOf(identityOf(process.pid));
    await expect(withLock(directory, async () => "in", 0)).rejects.toThrow(`Process ${process.pid} has been starting`);
    expect(readdirSync(directory)).toEqual(["lock"]);
  });
});
