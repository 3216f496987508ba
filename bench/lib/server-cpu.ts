import { readdir, readFile } from "node:fs/promises";

/** USER_HZ, in which Linux gives CPU times. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that the server has used so far: its main process, all children, and those that have ended. */
export async function serverCpuSeconds(pid: number): Promise<number> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  let ticks = 0;
  for (const name of processes) {
    const fields = await statOf(name);
    if (fields === null) continue;
    const [, parent] = fields;
    if (Number(name) !== pid && Number(parent) !== pid) continue;
    // utime, stime, and those of children that have been waited for
    const [user = "0", system = "0", childUser = "0", childSystem = "0"] = fields.slice(11, 15);
    ticks += Number(user) + Number(system) + Number(childUser) + Number(childSystem);
  }
  return ticks / TICKS_PER_SECOND;
}

/** The fields after the program's name, which may have blanks and brackets in it. */
async function statOf(pid: string): Promise<readonly string[] | null> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return text === null ? null : text.slice(text.lastIndexOf(")") + 2).split(" ");
}
