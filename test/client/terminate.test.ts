import { describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { flow } from "../../src/flow/flow.ts";
import { Worker } from "../../src/worker/worker.ts";
import { bothBackends } from "../support/both-backends.ts";
import { fresh } from "../support/instance-ids.ts";

describe.each(await bothBackends())("terminate on $name", ({ backend }) => {
  const client = new Client(backend);

  test("ends an instance whose task does not stop; what that still does is not recorded", async () => {
    let started: () => void = () => undefined;
    const isRunning = new Promise<void>((resolve) => (started = resolve));
    let finish: (value: string) => void = () => undefined;
    const reasons: unknown[] = [];
    const stubborn = flow<null>("stubborn")
      .then("hang", async (_, { signal }) => {
        signal.addEventListener("abort", () => reasons.push(signal.reason));
        started();
        return await new Promise<string>((resolve) => (finish = resolve));
      })
      .build();
    const worker = new Worker(backend, { flows: [stubborn], ownsProcess: false, pollInterval: 20 }).start();
    const handle = await client.submit(stubborn, fresh("stubborn"), null);
    await isRunning;

    expect(await handle.terminate({ reason: "it hangs" })).toBe("applied");
    expect(await handle.terminate()).toBe("unchanged");
    await expect(handle.result()).rejects.toMatchObject({ code: "INSTANCE_CANCELLED", reason: "it hangs" });
    await expect.poll(() => reasons).toEqual([expect.objectContaining({ code: "CLAIM_LOST" })]);
    finish("too late");
    await worker.drain();

    expect((await handle.history()).map(({ taskId }) => taskId)).toEqual(["$cancel"]);
  });

  test("refuses unknown options", async () => {
    const call = client.terminate("any", { why: "x" } as never);
    await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
