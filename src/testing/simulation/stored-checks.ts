import type { InstanceId } from "../../ids.ts";
import type { InMemoryBackend } from "../../memory/memory-backend.ts";

const PAGE = 1_000;

/** What has to be true of everything that is stored when nothing moves any more. @returns what is not, a sentence each */
export async function problemsOfStored(stored: InMemoryBackend): Promise<readonly string[]> {
  const problems: string[] = [];
  for (let after: InstanceId | undefined; ; ) {
    const page = await stored.listInstanceIds({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const id of page) problems.push(...(await problemsOf(stored, id)));
    if (page.length < PAGE) return problems;
    after = page.at(-1);
  }
}

async function problemsOf(stored: InMemoryBackend, id: InstanceId): Promise<readonly string[]> {
  const problems: string[] = [];
  const found = await stored.findInstance(id);
  if (found === null) return [`${id} is listed, and not there.`];
  const { status } = found.instance;
  const hasEnded = status !== "in_progress" && status !== "paused";
  if (hasEnded && found.positions.length > 0) problems.push(`${id} has ended, and still stands somewhere.`);
  if (!hasEnded && found.positions.length === 0) problems.push(`${id} has not ended, and stands nowhere (INV-13).`);
  const recorded = new Set<string>();
  let last = -1n;
  for (let after: bigint | undefined; ; ) {
    const entries = await stored.readHistory(id, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { sequence, taskId, outcome } of entries) {
      if (sequence <= last) problems.push(`${id}: entry ${sequence} comes after ${last} (INV-4).`);
      last = sequence;
      if (outcome === "failed" || outcome === "noted") continue;
      if (recorded.has(taskId)) problems.push(`${id}: two outcomes are recorded for ${taskId} (INV-3).`);
      recorded.add(taskId);
    }
    if (entries.length < PAGE) return problems;
    after = last;
  }
}
