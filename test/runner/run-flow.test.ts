import { describe, expect, test } from "vitest";
import { branch, flow, type InstanceFailedError, NonRetryableError, runFlow } from "../../src/index.ts";

describe("runFlow", () => {
  test("gives the output, delays, retries and time limits included", async () => {
    const all = flow<number>("all")
      .delay("nap", 5)
      .then(
        "flaky",
        (n, context) => {
          if (context.attempt < 3) throw new Error("not yet");
          return n + context.attempt;
        },
        { retry: { attempts: 3, initialDelay: 1 } },
      )
      .waitForEvent("answer", "never", { timeout: 10, onTimeout: "continue" })
      .then("last", async (answer, context) => ({ answer, flaky: await context.output("flaky") }))
      .build();

    expect(await runFlow(all, 1)).toEqual({ answer: { timedOut: true }, flaky: 4 });
  });

  test("throws what failed the flow as the cause", async () => {
    const failing = flow("failing")
      .then("refuse", () => {
        throw new NonRetryableError("no way");
      })
      .build();
    const run = runFlow(failing, undefined);

    await expect(run).rejects.toMatchObject({ code: "INSTANCE_FAILED" });
    await expect(run.catch((error: unknown) => ((error as InstanceFailedError).cause as Error).message)).resolves.toBe(
      "no way",
    );
  });

  test("refuses a flow that waits for an event without a time limit, once it gets there", async () => {
    const waiting = flow("waiting").waitForEvent("approval", "approved").build();

    await expect(runFlow(waiting, undefined)).rejects.toThrow('waits at "approval" for event "approved"');
  });

  test("runs a flow in which something else comes before an event that nobody sends", async () => {
    const patient = flow<number>("patient")
      .race("first", [
        branch("event", (b) => b.waitForEvent("wait", "news")),
        branch("time", (b) => b.delay("patience", 5)),
      ])
      .then("who", (first) => first.branch)
      .build();

    await expect(runFlow(patient, 1)).resolves.toBe("time");
  });

  test("stops when its signal aborts, and tells the body", async () => {
    const controller = new AbortController();
    let heard: unknown;
    const endless = flow("endless")
      .then("forever", (_, context) => {
        controller.abort(new Error("enough"));
        return new Promise((_resolve, reject) => {
          heard = context.signal.reason;
          reject(context.signal.reason as Error);
        });
      })
      .build();

    await expect(runFlow(endless, undefined, { signal: controller.signal })).rejects.toThrow("enough");
    expect(heard).toBe(controller.signal.reason);
  });
});
