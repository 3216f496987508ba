import { vi } from "vitest";
import type { Client } from "../../src/index.ts";

/** Resolves when the instance has this status. For hooks, in which there is no `expect.poll`. */
export async function reachedStatus(client: Client, instanceId: string, status: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const now = (await client.status(instanceId)).status;
      if (now !== status) throw new Error(`"${instanceId}" is ${now}, not ${status}.`);
    },
    { timeout: 15_000, interval: 20 },
  );
}
